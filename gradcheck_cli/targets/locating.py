"""Which layer raised: read from the traceback, so nothing has to be hooked beforehand."""

from types import TracebackType

from torch import nn

from gradcheck_cli.errors import UserCodeError


def forward_error(
    model: nn.Module, cause: BaseException, hint: str, *, otherwise: str
) -> UserCodeError:
    """Return the error that says in which layer's forward `cause` was raised."""
    found = innermost_layer(model, cause.__traceback__)
    if found is None:
        return UserCodeError(otherwise, cause, hint)
    path, layer = found
    kind = type(layer).__name__
    doing = f"forward of {path} ({kind})" if path else f"forward of {kind}"
    shown = f"{layer}"
    if "\n" not in shown:
        hint = f"{hint}; the layer is {shown}"
    return UserCodeError(doing, cause, hint)


def innermost_layer(
    model: nn.Module, traceback: TracebackType | None
) -> tuple[str, nn.Module] | None:
    """Return path and module of the last of the model's modules whose code was running."""
    paths = {id(module): (path, module) for path, module in model.named_modules()}
    found = None
    while traceback is not None:
        owner = traceback.tb_frame.f_locals.get("self")
        if id(owner) in paths:
            found = paths[id(owner)]
        traceback = traceback.tb_next
    return found
