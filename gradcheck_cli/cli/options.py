"""Options that several commands share, declared once."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from gradcheck_cli.errors import UsageError
from gradcheck_cli.records.finding import Severity
from gradcheck_cli.renderers.formats import FORMATS

REFERENCE = "file.py:name, pkg.mod:name, or a call with literal arguments, file.py:build(depth=30)"


class FailOn(StrEnum):
    """From which severity on findings fail the run."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"
    NEVER = "never"

    @property
    def gate(self) -> Severity | None:
        """The severity, or nothing for never."""
        return None if self is FailOn.NEVER else Severity(self.value)


MODEL_HELP = f"The model: {REFERENCE}. An nn.Module class, an instance or a factory; a bare file.py is searched for one."
ModelArgument = Annotated[str, typer.Argument(metavar="MODEL", help=MODEL_HELP)]
MaybeModelArgument = Annotated[
    str | None,
    typer.Argument(metavar="[MODEL]", help=f"{MODEL_HELP} Not needed where a config names it."),
]
ArgumentsArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[-- ARGUMENTS...]",
        help="What a script is given. MODEL may be a script, a file that trains when it is run: "
        "its first steps are watched.",
        show_default=False,
    ),
]
ModuleOption = Annotated[
    bool, typer.Option("-m", help="MODEL is a module to run as a script, as in python -m.")
]
DataOption = Annotated[
    str | None,
    typer.Option(
        "--data", metavar="REF", help="Dataset, DataLoader, tensors, batches, or what returns one."
    ),
]
LossOption = Annotated[
    str | None,
    typer.Option(
        "--loss", metavar="REF", help="Loss of (output, target). Inferred when not given."
    ),
]
OptimizerOption = Annotated[
    str | None,
    typer.Option(
        "--optimizer",
        metavar="REF",
        help="A name in torch.optim such as AdamW, or a callable that receives the model.",
    ),
]
LearningRateOption = Annotated[float | None, typer.Option("--lr", help="Learning rate.")]
BatchSizeOption = Annotated[
    int | None, typer.Option("--batch-size", min=1, help="Samples per batch of a Dataset.")
]
StepsOption = Annotated[
    str | None,
    typer.Option("--steps", metavar="N|auto", help="Training steps to watch; 50 when not given."),
]
SeedOption = Annotated[
    int, typer.Option("--seed", help="Seeds everything, before your file is imported.")
]
DeviceOption = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1, mps.")]
OutputOption = Annotated[
    list[str] | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FORMAT[:PATH]",
        help=f"Also write the report; repeatable. Formats: {', '.join(f.name for f in FORMATS)}. Without PATH: stdout.",
    ),
]
FailOnOption = Annotated[
    FailOn, typer.Option("--fail-on", help="Exit 1 from this severity of findings on.")
]
MaybeFailOnOption = Annotated[
    FailOn | None,
    typer.Option("--fail-on", help="Exit 1 from this severity of findings on; else error."),
]
MaybeSeedOption = Annotated[
    int | None,
    typer.Option("--seed", help="Seeds everything, before your file is imported; else 0."),
]
MaybeDeviceOption = Annotated[
    str | None, typer.Option("--device", help="auto, cpu, cuda, cuda:1, mps.")
]
MaybeQuietOption = Annotated[
    bool | None,
    typer.Option("--quiet", "-q", help="Only the headline on the terminal, no progress."),
]
MaybeVerifyOption = Annotated[
    bool | None, typer.Option("--verify/--no-verify", help="Try the fixes in controlled re-runs.")
]
ConfigOption = Annotated[
    str | None,
    typer.Option(
        "--config", metavar="FILE", help="Instead of the nearest gradcheck.yaml or pyproject."
    ),
]
QuietOption = Annotated[
    bool, typer.Option("--quiet", "-q", help="Only the headline on the terminal, no progress.")
]
VerifyOption = Annotated[
    bool,
    typer.Option("--verify/--no-verify", help="Try the fixes in controlled re-runs."),
]
BudgetOption = Annotated[
    float | None,
    typer.Option("--budget", min=0, metavar="SECONDS", help="Time for trying fixes."),
]
ExamineOption = Annotated[
    str | None,
    typer.Option(
        "--examine",
        metavar="none|quick|full",
        help="How many experiments are made on the training before it is judged (default: full).",
    ),
]
VerifyOnOption = Annotated[
    int | None,
    typer.Option(
        "--verify-on",
        min=1,
        metavar="N",
        help="Try fixes on N samples of each batch, where whole ones take too much memory or time.",
    ),
]
SaveTraceOption = Annotated[
    Path | None,
    typer.Option(
        "--save-trace",
        metavar="FILE",
        help="Save what was measured as JSON (FILE.gz: compressed), for gradcheck judge. It holds "
        "names, places in the source, losses and sizes; no weights, no samples.",
    ),
]
TimeoutOption = Annotated[
    float | None,
    typer.Option(
        "--timeout",
        min=0.001,
        metavar="SECONDS",
        help="Per-step timeout in seconds; report what was measured so far.",
    ),
]


def steps_of(text: str) -> int | None:
    """Return the number of steps, None for `auto`; raises UsageError."""
    if text.strip().lower() == "auto":
        return None
    try:
        steps = int(text)
    except ValueError as error:
        raise UsageError(f"--steps {text}: expected a whole number or auto") from error
    if steps < 1:
        raise UsageError(f"--steps {text}: at least one step is needed to measure anything")
    return steps
