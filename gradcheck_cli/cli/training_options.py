"""Options that say how to load and train what is not an ordinary model on an ordinary Dataset."""

from typing import Annotated

import typer

from gradcheck_cli.errors import UsageError

PANEL = "Advanced loading and training"

ModelArgOption = Annotated[
    list[str] | None,
    typer.Option(
        "--model-arg", metavar="NAME=VALUE", help="An argument of MODEL.", rich_help_panel=PANEL
    ),
]
WeightsOption = Annotated[
    str | None,
    typer.Option(
        "--weights", metavar="FILE[:KEY]", help="A checkpoint to start from.", rich_help_panel=PANEL
    ),
]
TrustOption = Annotated[
    bool,
    typer.Option(
        "--trust", help="Load files that can run code, such as .pt2.", rich_help_panel=PANEL
    ),
]
TargetColumnOption = Annotated[
    str | None,
    typer.Option("--target-column", metavar="NAME", help="Of a table.", rich_help_panel=PANEL),
]
InputKeyOption = Annotated[
    str | None,
    typer.Option("--input-key", metavar="NAME", help="Of a dict batch.", rich_help_panel=PANEL),
]
TargetKeyOption = Annotated[
    str | None,
    typer.Option("--target-key", metavar="NAME", help="Of a dict batch.", rich_help_panel=PANEL),
]
SchedulerOption = Annotated[
    str | None,
    typer.Option(
        "--scheduler", metavar="REF", help="A function of the optimizer.", rich_help_panel=PANEL
    ),
]
TrainingStepOption = Annotated[
    str | None,
    typer.Option(
        "--training-step", metavar="REF", help="Your own step(model, batch).", rich_help_panel=PANEL
    ),
]
ClipNormOption = Annotated[
    float | None,
    typer.Option(
        "--clip-norm", help="Max gradient norm, as in clip_grad_norm_.", rich_help_panel=PANEL
    ),
]
AccumulateOption = Annotated[
    int | None,
    typer.Option("--accumulate", min=1, help="Micro-batches per step.", rich_help_panel=PANEL),
]
PrecisionOption = Annotated[
    str | None, typer.Option("--precision", help="fp32, bf16 or fp16.", rich_help_panel=PANEL)
]

StrategyOption = Annotated[
    str | None,
    typer.Option(
        "--strategy",
        metavar="ddp|fsdp",
        help="Under torchrun: train on all ranks together.",
        rich_help_panel=PANEL,
    ),
]


def arguments_of(texts: list[str] | None) -> dict[str, str] | None:
    """Return what `NAME=VALUE` texts say, nothing when there are none; raises UsageError."""
    found = {}
    for text in texts or ():
        name, equals, value = text.partition("=")
        if not (equals and name.strip().isidentifier()):
            raise UsageError(f"--model-arg {text}: expected NAME=VALUE")
        found[name.strip()] = value
    return found or None
