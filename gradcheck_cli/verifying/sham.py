"""The sham: the same model with other initial weights of its own making, and nothing else.

A new draw is sometimes luck. A remedy that draws weights again must do better than this.
"""

from functools import partial

import torch
from torch import Tensor, nn

from gradcheck_cli.targets.change import Change
from gradcheck_cli.targets.randomness import unchanged
from gradcheck_cli.targets.redrawing import redraw
from gradcheck_cli.targets.repeatable import Repeatable

OTHER_SEED = 7919  # added to the seed of the run
SUMMARY = "the same model drawn again"


def sham(target: Repeatable, seed: int) -> Change:
    """Return the change that gives the model the weights of another seed.

    A model that comes out the same from every seed has its elements shuffled within each tensor,
    which keeps their distribution.
    """
    with unchanged():
        other = target.build((), seed=seed + OTHER_SEED)
        if other.away is not None:  # its weights are in another process, and are drawn anew there
            return Change(summary=SUMMARY, model=partial(_drawn_there, seed + OTHER_SEED))
        with other.in_place():
            drawn = {name: p.detach().clone() for name, p in other.model.named_parameters()}

    def draw(model: nn.Module) -> None:
        own = dict(model.named_parameters())
        same = all(name in drawn and torch.equal(p, drawn[name]) for name, p in own.items())
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for name, parameter in own.items():
                if same:
                    parameter.copy_(_shuffled(parameter, generator))
                elif name in drawn:
                    parameter.copy_(drawn[name])

    return Change(summary=SUMMARY, model=draw)


def _drawn_there(seed: int, model: nn.Module) -> None:
    redraw(model, seed)


def _shuffled(parameter: Tensor, generator: torch.Generator) -> Tensor:
    order = torch.randperm(parameter.numel(), generator=generator).to(parameter.device)
    return parameter.flatten()[order].view_as(parameter)
