"""`gradcheck diagnose MODEL`."""

import shlex
import sys
from contextlib import ExitStack

from gradcheck_cli.cli import gate_options, options, outputs
from gradcheck_cli.cli.consoles import Steps
from gradcheck_cli.cli.edge import command
from gradcheck_cli.cli.streams import no_workflow_commands, stdout_to_stderr
from gradcheck_cli.cli.telling import tell


@command
def diagnose(
    model: options.ModelArgument,
    data: options.DataOption = None,
    loss: options.LossOption = None,
    optimizer: options.OptimizerOption = None,
    lr: options.LearningRateOption = None,
    batch_size: options.BatchSizeOption = None,
    steps: options.StepsOption = "50",
    seed: options.SeedOption = 0,
    device: options.DeviceOption = "auto",
    output: options.OutputOption = None,
    fail_on: options.FailOnOption = options.FailOn.ERROR,
    select: gate_options.SelectOption = None,
    ignore: gate_options.IgnoreOption = None,
    ignore_in: gate_options.ModuleIgnoreOption = None,
    severity: gate_options.SeverityOption = None,
    baseline: gate_options.BaselineOption = None,
    exit_zero: gate_options.ExitZeroOption = False,
    quiet: options.QuietOption = False,
    verify: options.VerifyOption = True,
    budget: options.BudgetOption = None,
) -> int:
    """Train a few watched steps and say why the model does not learn, and what would help.

    Runs your code. Exit codes: 0 nothing at or above --fail-on, 1 findings, 2 usage, 3 could not
    diagnose (your code raised), 4 a bug of gradcheck, 130 interrupted.
    """
    wanted = outputs.parse(output or ())
    policy = gate_options.policy_of(select, ignore, ignore_in, severity)
    gate_options.check_baseline(baseline)
    count = options.steps_of(steps)

    with ExitStack() as stack:
        if wanted.annotates_github:
            stack.enter_context(no_workflow_commands())
        stack.enter_context(stdout_to_stderr(active=wanted.claims_stdout))
        progress = stack.enter_context(Steps(quiet=quiet))

        from gradcheck_cli import diagnosing
        from gradcheck_cli.targets.target import Target

        target = Target.from_strings(
            model,
            data=data,
            loss=loss,
            optimizer=optimizer,
            lr=lr,
            batch_size=batch_size,
            seed=seed,
            device=device,
        )
        limits = {} if budget is None else {"budget": budget}
        report = diagnosing.diagnose(
            target,
            steps=count,
            verify=verify,
            command=shlex.join(["gradcheck", *sys.argv[1:]]),
            on_step=progress.step,
            on_stage=progress.stage,
            **limits,
        )
    result = gate_options.gated(report, policy, baseline)
    tell(result.report, wanted, quiet=quiet, notes=result.notes)
    return result.code(fail_on.gate, exit_zero=exit_zero)
