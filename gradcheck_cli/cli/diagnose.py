"""`gradcheck diagnose [MODEL]`, and `gradcheck diagnose SCRIPT [-- ARGUMENTS...]`."""

from gradcheck_cli.cli import gate_options, options, script_runs, training_options
from gradcheck_cli.cli.diagnosis_runs import run_all
from gradcheck_cli.cli.edge import command


@command
def diagnose(
    model: options.MaybeModelArgument = None,
    arguments: options.ArgumentsArgument = None,
    module: options.ModuleOption = False,
    data: options.DataOption = None,
    loss: options.LossOption = None,
    optimizer: options.OptimizerOption = None,
    lr: options.LearningRateOption = None,
    batch_size: options.BatchSizeOption = None,
    steps: options.StepsOption = None,
    seed: options.MaybeSeedOption = None,
    device: options.MaybeDeviceOption = None,
    output: options.OutputOption = None,
    fail_on: options.MaybeFailOnOption = None,
    select: gate_options.SelectOption = None,
    extend_select: gate_options.ExtendSelectOption = None,
    ignore: gate_options.IgnoreOption = None,
    extend_ignore: gate_options.ExtendIgnoreOption = None,
    per_module_ignores: gate_options.ModuleIgnoreOption = None,
    severity: gate_options.SeverityOption = None,
    rules: gate_options.RuleOption = None,
    baseline: gate_options.BaselineOption = None,
    exit_zero: gate_options.MaybeExitZeroOption = None,
    quiet: options.MaybeQuietOption = None,
    verify: options.MaybeVerifyOption = None,
    budget: options.BudgetOption = None,
    examine: options.ExamineOption = None,
    verify_on: options.VerifyOnOption = None,
    timeout: options.TimeoutOption = None,
    save_trace: options.SaveTraceOption = None,
    config: options.ConfigOption = None,
    model_arg: training_options.ModelArgOption = None,
    weights: training_options.WeightsOption = None,
    trust: training_options.TrustOption = False,
    target_column: training_options.TargetColumnOption = None,
    input_key: training_options.InputKeyOption = None,
    target_key: training_options.TargetKeyOption = None,
    scheduler: training_options.SchedulerOption = None,
    training_step: training_options.TrainingStepOption = None,
    clip_norm: training_options.ClipNormOption = None,
    accumulate: training_options.AccumulateOption = None,
    precision: training_options.PrecisionOption = None,
    strategy: training_options.StrategyOption = None,
) -> int:
    """Run a short instrumented training and explain why the model isn't learning.

    A script that trains when it is run is run and stopped after --steps; its own arguments come
    after `--`. Runs your code. Exit codes: 0 nothing at or above --fail-on, 1 findings, 2 usage,
    3 could not diagnose (your code raised), 4 a bug of gradcheck, 130 interrupted.
    """
    given = dict(locals())  # first, so that it holds the options and nothing else
    script = script_runs.script_of(given)
    if script is not None:
        found = script_runs.settings_of(given, gate_options.as_settings(given))
        return script_runs.diagnose(script, found, save_trace)
    own = {"config", "trust", "strategy", "model_arg", "severity", "save_trace"}
    own |= {"arguments", "module"}
    settings = {name: value for name, value in given.items() if name not in own}
    settings |= gate_options.as_settings(given)
    settings["model_args"] = training_options.arguments_of(model_arg)
    return run_all(settings, config, trust=trust, strategy=strategy, save_trace=save_trace)
