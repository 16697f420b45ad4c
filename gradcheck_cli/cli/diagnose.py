"""`gradcheck diagnose [MODEL]`, and `gradcheck diagnose SCRIPT [-- ARGUMENTS...]`."""

from gradcheck_cli.cli import options, script_runs
from gradcheck_cli.cli.diagnosis_runs import run_all
from gradcheck_cli.cli.edge import command
from gradcheck_cli.cli.effective import effective
from gradcheck_cli.cli.options import GATE, REPORT, TRAINING, TRIALS, takes


@command
@takes(*TRAINING, *REPORT, *TRIALS, *GATE)
def diagnose(
    given: options.Given,
    model: options.MaybeModelArgument = None,
    arguments: options.ArgumentsArgument = None,
    module: options.ModuleOption = False,
    save_trace: options.SaveTraceOption = None,
    config: options.ConfigOption = None,
    trust: options.TrustOption = False,
    strategy: options.StrategyOption = None,
) -> int:
    """Run a short instrumented training and explain why the model isn't learning.

    A script that trains when it is run is run and stopped after --steps; its own arguments come
    after `--`. Runs your code. Exit codes: 0 nothing at or above --fail-on, 1 findings, 2 usage,
    3 could not diagnose (your code raised), 4 a bug of gradcheck, 130 interrupted.
    """
    asked = {**given, "trust": trust, "strategy": strategy}
    script = script_runs.script_of(model, arguments or (), asked, module=module)
    if script is not None:
        found = effective(given, config)
        return script_runs.diagnose(script, found, save_trace)
    given = {**given, "model": model}
    return run_all(given, config, trust=trust, strategy=strategy, save_trace=save_trace)
