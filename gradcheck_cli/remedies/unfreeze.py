"""Let frozen parameters learn.

Works because  A parameter with requires_grad=False receives no gradient and keeps its value.
Costs          Gradients and optimizer state for these parameters.
Not for        A pretrained backbone that is frozen on purpose.
Sources        PyTorch documentation, "Autograd mechanics", locally disabling gradient computation.
"""

from collections.abc import Iterator

from torch import nn

from gradcheck_cli.remedies.base import REVIEW, Case, Draft, remedy
from gradcheck_cli.remedies.edits import Act, Edit
from gradcheck_cli.remedies.wording import listed, names, paste, where
from gradcheck_cli.targets.change import Change


@remedy("unfreeze", treats=("frozen-parameters",), risk=REVIEW, part="wiring")
def unfreeze(case: Case) -> Iterator[Draft]:
    """Draft the release of everything that is frozen."""
    frozen = {n for n, p in case.model.named_parameters() if not p.requires_grad}
    frozen = {name for name in frozen if case.model.get_parameter(name).is_floating_point()}
    if not frozen:
        return
    layers = [x for x in case.trace.layers if any(p.name in frozen for p in x.parameters)]
    paths = [x.path for x in layers] or sorted({name.rpartition(".")[0] for name in frozen})

    def release(model: nn.Module) -> None:
        for name, parameter in model.named_parameters():
            if name in frozen:
                parameter.requires_grad_(True)

    yield Draft(
        summary=f"Unfreeze {names(paths)}.",
        code=paste(
            where(layers),
            f"for name in {listed(paths)}:\n    model.get_submodule(name).requires_grad_(True)",
            "# before the optimizer is built",
        ),
        change=Change(summary="unfreeze", model=release),
        layers=tuple(paths),
        size=1,
        edits=(Edit(act=Act.FINISH, new="{model}.requires_grad_(True)"),),
    )
