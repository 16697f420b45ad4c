"""Drop less.

Works because  Each dropout multiplies the signal by noise; several in a row leave little of it, and the
               network can do no better than guess.
Costs          Less regularization; watch the held-out loss.
Not for        Runs that overfit.
Sources        Srivastava et al. 2014, Dropout, section 7.3; Li et al. 2019, arXiv:1801.05134.
"""

from collections.abc import Callable, Iterator, Sequence

from torch import nn

from gradcheck_cli.remedies.base import REVIEW, Case, Draft, remedy
from gradcheck_cli.remedies.edits import Act, Edit
from gradcheck_cli.targets.change import Change

CHOICES = (0.1, 0.0)


def dropouts(model: nn.Module) -> list[str]:
    """Return the names of the modules that drop something."""
    return [
        name
        for name, module in model.named_modules()
        if isinstance(module, nn.modules.dropout._DropoutNd) and module.p > 0  # noqa: SLF001
    ]


def _at(rate: float) -> Callable[[nn.Module], None]:
    def edit(model: nn.Module) -> None:
        for name in dropouts(model):
            module = model.get_submodule(name)
            module.p = min(module.p, rate)  # type: ignore[assignment, type-var]

    return edit


def _written(case: Case, names: Sequence[str], rate: float) -> tuple[Edit, ...]:
    """Return an edit for each place that builds them; none where one of these is not known."""
    made = []
    for module in map(case.model.get_submodule, names):
        at, kind = case.training.site_of(module), type(module).__name__
        if at is None:
            return ()
        if module.p > rate:  # type: ignore[operator]
            kept = ", inplace=True" if module.inplace else ""
            made.append(Edit(act=Act.REPLACE, at=at, old=kind, new=f"nn.{kind}({rate:g}{kept})"))
    return tuple(dict.fromkeys(made))


@remedy("lower-dropout", treats=("dropout-too-strong",), risk=REVIEW, part="dropout")
def lower_dropout(case: Case) -> Iterator[Draft]:
    """Draft a low rate, then none."""
    names = dropouts(case.model)
    for rate in CHOICES if names else ():
        yield Draft(
            summary=f"Dropout of {rate:g} at most, in {len(names)} places.",
            code="for module in model.modules():\n    if isinstance(module, nn.Dropout):\n"
            f"        module.p = min(module.p, {rate:g})",
            change=Change(summary=f"dropout {rate:g}", model=_at(rate)),
            layers=tuple(names),
            size=1,
            edits=_written(case, names, rate),
        )
