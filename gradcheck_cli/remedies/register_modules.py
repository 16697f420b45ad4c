"""Keep modules in nn.ModuleList or nn.ModuleDict instead of a plain list or dict, and weights as parameters.

Works because  model.parameters(), .to() and state_dict() see only registered modules; those in a
               plain list are never trained, moved or saved.
Costs          Nothing.
Not for        Modules that are hidden on purpose, such as a frozen teacher.
Sources        PyTorch documentation of torch.nn.ModuleList.
"""

from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor, nn

from gradcheck_cli.remedies.base import REVIEW, Case, Draft, remedy
from gradcheck_cli.remedies.edits import Act, Edit
from gradcheck_cli.remedies.optimize_all_parameters import held
from gradcheck_cli.remedies.surgery import together
from gradcheck_cli.targets.change import Change


def unseen(model: nn.Module) -> list[tuple[str, str, str]]:
    """Return (path of the owner, attribute, container) of every plain container of modules."""
    found = []
    for path, module in model.named_modules():
        for name, value in vars(module).items():
            if name.startswith("_"):
                continue
            if isinstance(value, list | tuple) and value and _all_modules(value):
                found.append((path, name, "ModuleList"))
            elif isinstance(value, dict) and value and _all_modules(value.values()):
                found.append((path, name, "ModuleDict"))
    return found


def _all_modules(values: object) -> bool:
    return all(isinstance(x, nn.Module) for x in values)  # type: ignore[attr-defined]


def register(model: nn.Module) -> None:
    """Put every plain container of modules into its registered kind."""
    while plain := unseen(model):  # containers may hold modules that hold containers
        for path, name, kind in plain:
            owner = model.get_submodule(path)
            setattr(owner, name, getattr(nn, kind)(vars(owner)[name]))


def as_parameters(*paths: str) -> Callable[[nn.Module], None]:
    """Return the edit that puts weights, plain attributes at these paths, into their registered kind."""

    def edit(model: nn.Module) -> None:
        for path in paths:
            parent, _, name = path.rpartition(".")
            owner = model.get_submodule(parent)
            setattr(owner, name, _registered(vars(owner).pop(name)))

    return edit


def _registered(value: Any) -> nn.Module | nn.Parameter:
    if isinstance(value, Tensor):
        return nn.Parameter(value.detach().clone())
    return nn.ParameterDict(value) if isinstance(value, dict) else nn.ParameterList(value)


@remedy("register-modules", treats=("unregistered-modules",), risk=REVIEW, part="wiring")
def register_modules(case: Case) -> Iterator[Draft]:
    """Draft the registration of all hidden modules."""
    plain = unseen(case.model)
    if not plain:
        yield from _of_weights(case)
        return
    named = [f"{path}.{name}".lstrip(".") for path, name, _ in plain]
    lines = [
        f"self.{name} = nn.{kind}(self.{name})  # in {path or 'the model'}"
        for path, name, kind in plain
    ]
    yield Draft(
        summary=f"Register the modules of {', '.join(named)}.",
        code="\n".join(lines),
        change=together("register modules", [Change(summary="", model=register), held()]),
        layers=tuple(named),
        size=1,
        edits=tuple(
            Edit(act=Act.CONTAIN, name=name, new=f"nn.{kind}", layer=path)
            for path, name, kind in plain
        ),
    )


def _of_weights(case: Case) -> Iterator[Draft]:
    """Draft the registration of weights that are no parameters."""
    paths = [x.path for x in case.trace.strays]
    if paths:
        wrap = Change(summary="", model=as_parameters(*paths))
        yield Draft(
            summary=f"Make parameters of {', '.join(paths)}.",
            code="\n".join(
                f"self.{x.path.rpartition('.')[2]} = nn.Parameter{'List' * x.contained}(...)"
                for x in case.trace.strays
            ),
            change=together("register weights", [wrap, held()]),
            layers=tuple(paths),
            size=1,
        )
