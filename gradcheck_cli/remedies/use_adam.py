"""Let another optimizer take the steps, where an experiment has shown that it learns with it.

Works because  Adam divides each weight's step by the usual size of its own gradient, so that layers
               whose gradients differ by decades move alike, and the rate depends less on the loss.
Costs          Two more numbers per weight in memory; rates and schedules have to be chosen anew.
Not for        Weights that no gradient reaches: nothing divided by nothing.
Sources        Kingma & Ba 2015, arXiv:1412.6980.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator

import torch

from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.remedies.base import REVIEW, Case, Draft, remedy
from gradcheck_cli.remedies.change_learning_rate import rate
from gradcheck_cli.remedies.edits import Act, Edit
from gradcheck_cli.targets.change import Change

RATES = (1e-2, 1e-3)  # ten times its default, and its default
KEPT = {"lr", "weight_decay"}  # of a group's settings


def as_adam(new: float, now: float) -> Callable[[torch.optim.Optimizer], None]:
    """Return the edit that makes an optimizer one of Adam, in place, whatever else refers to it.

    A schedule goes on to multiply the rate, which is `new` where it was `now`.
    """

    def edit(optimizer: torch.optim.Optimizer) -> None:
        held = [p for group in optimizer.param_groups for p in group["params"]]
        made = torch.optim.Adam(held, lr=new)
        optimizer.__class__ = torch.optim.Adam
        vars(optimizer).pop("step", None)  # of its old kind, wrapped by a schedule
        optimizer.state = defaultdict(dict)
        optimizer.defaults = made.defaults
        for group in optimizer.param_groups:
            group.update({k: v for k, v in made.defaults.items() if k not in KEPT})
            for key in {"lr", "initial_lr"} & group.keys():
                group[key] = group[key] * (new / now)

    return edit


def _is_plain(optimizer: torch.optim.Optimizer) -> bool:
    """Is it one of PyTorch's own that takes its steps by itself, with one rate for all weights?"""
    known = type(optimizer) in {torch.optim.SGD, torch.optim.Adagrad, torch.optim.RMSprop}
    groups = optimizer.param_groups
    return known and len(groups) == 1 and not groups[0].get("maximize")


def _arguments(case: Case) -> str:
    """Return what Adam is built of: the parameters that the optimizer has, and its weight decay."""
    [group] = case.training.optimizers[0].param_groups
    whole = {id(p) for p in group["params"]} == {id(p) for p in case.model.parameters()}
    held = "model.parameters()" if whole else "optimizer.param_groups[0]['params']"
    decay = group.get("weight_decay")
    return f"{held}, weight_decay={decay:g}" if decay else held


@remedy(
    "use-adam",
    treats=(
        "learning-rate-too-low",
        "learning-rate-too-high",
        "saturating-activation",
        "init-too-small",
        "init-too-large",
        "depth-without-normalization",
        "unnormalized-input",
        "dead-relu",
    ),
    risk=REVIEW,
    part="all",
)
def use_adam(case: Case) -> Iterator[Draft]:
    """Draft Adam at two rates; they are tried where no simpler change makes it learn."""
    answer = case.trace.answer("adaptive-steps")
    optimizers, now = case.training.optimizers, rate(case.training)
    shown = answer is not None and answer.outcome is Outcome.WRONG
    if not (shown and now and len(optimizers) == 1 and _is_plain(optimizers[0])):
        return
    name = type(optimizers[0]).__name__
    for new in RATES:
        yield Draft(
            summary=f"Adam with learning rate {new:g} instead of {name} with {now:g}.",
            code=f"optimizer = torch.optim.Adam({_arguments(case)}, lr={new:g})",
            change=Change(summary=f"Adam at {new:g}", optimizer=as_adam(new, now)),
            size=2,
            edits=(Edit(act=Act.OPTIMIZER, name="Adam", old=name, new=f"{new:g}"),),
        )
