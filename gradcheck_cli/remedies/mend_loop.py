"""Change the lines of the loop that were seen to be wrong.

Works because  The mistake was seen when it happened, and the network is not to blame for what follows.
Costs          Nothing.
Not for        Loops that do it on purpose.
Sources        PyTorch documentation, torch.optim.
"""

import linecache
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from gradcheck_cli.records.loop import BY_HAND, Kind
from gradcheck_cli.remedies.base import REVIEW, Case, Draft, remedy
from gradcheck_cli.remedies.edits import Act, Edit
from gradcheck_cli.remedies.optimize_all_parameters import held
from gradcheck_cli.targets.change import Change, LoopChange

STEP = """\
optimizer.zero_grad()
loss = loss_fn(model(x), y)
loss.backward()
optimizer.step()"""
UNSCALED = """\
scaler.scale(loss).backward()
scaler.unscale_(optimizer)
torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
scaler.step(optimizer)
scaler.update()"""
SCALED = """\
scaler.scale(loss).backward()
scaler.step(optimizer)  # not optimizer.step()
scaler.update()"""
SCHEDULED = """\
for epoch in range(epochs):
    for x, y in loader:
        ...
        optimizer.step()
        # here: schedulers that count batches (OneCycleLR, warm-ups)
    scheduler.step()  # here: schedulers that count epochs (StepLR, MultiStepLR, ExponentialLR)"""
MODES = """\
model.eval()
with torch.no_grad():
    evaluate(model)
model.train()"""

OWN = "there is no optimizer; the update is code of your own, which has to be changed by hand"

Edits = Callable[[Case], tuple[Edit, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mend:
    """What to do about a mistake, the lines as they should be, and how it is tried or why it is not."""

    summary: str
    code: str | Callable[[Case], str]
    loop: Callable[[Case], LoopChange] | None = None
    edits: Edits = lambda _: ()
    cannot: str = ""


def _passes(case: Case) -> int:
    loop = case.trace.loop
    return int(loop.habit(Kind.SUMMED).numbers.get("passes", 1)) if loop is not None else 1


def _scale(case: Case) -> int:
    """Return the factor by which the loss is divided again: so are its gradients."""
    loop = case.trace.loop
    return int(loop.habit(Kind.STEPPED_SCALED).numbers.get("scale", 1)) if loop is not None else 1


def _source(case: Case) -> str:
    """Return the line that the mistake was seen at, without its comment."""
    at = case.cause.at
    return linecache.getline(at.file, at.line).partition("#")[0].strip() if at is not None else ""


def _cleared(case: Case) -> str:
    """Return the update of the script, and what clears its gradients behind it."""
    if case.trace.optimizer == BY_HAND:
        return "for p in weights:  # all that are updated, behind their update\n    p.grad = None"
    found = re.fullmatch(r"([\w.]+)\.step\(\)|\w*scaler\w*\.step\(([\w.]+)\)", _source(case))
    if found is None:
        return STEP
    return f"{found[0]}\n{found[1] or found[2]}.zero_grad()  # new, or before the first backward()"


def _steps(case: Case) -> str:
    """Return a step, and the optimizer where there is none."""
    made = "optimizer = torch.optim.SGD(weights, lr=...)  # of all that is trained\n"
    return made + STEP if case.trace.optimizer == BY_HAND else STEP


def _divided(case: Case) -> str:
    """Return the backward pass of the script from the divided loss."""
    found = re.fullmatch(r"(\w[\w.()]*)\.backward\(([\w=, ]*)\)", _source(case))
    if found is None:
        return "(loss / accumulated).backward()  # as many as there are backward passes per update"
    return (
        f"({found[1]} / {_passes(case)}).backward({found[2]})  # {_passes(case)} passes per update"
    )


def _at_its_line(act: Act, new: Callable[[Case], str] = lambda _: "") -> Edits:
    return lambda case: (Edit(act=act, at=case.cause.at, new=new(case)),) if case.cause.at else ()


MENDED: dict[str, Mend] = {  # by the name of the finding
    "gradients-not-cleared": Mend(
        summary="Clear the gradients once per update.",
        code=_cleared,
        loop=lambda _: LoopChange(clears=True),
        edits=_at_its_line(Act.CLEAR),
    ),
    "gradients-cleared-too-early": Mend(
        summary="Clear the gradients before backward(), not after it.",
        code=STEP,
        loop=lambda _: LoopChange(clears=True, keeps=True),
        edits=_at_its_line(Act.CLEAR_EARLIER),
    ),
    "optimizer-never-steps": Mend(
        summary="Call optimizer.step() after backward().",
        code=_steps,
        loop=lambda _: LoopChange(steps=True),
    ),
    "optimizer-of-another-model": Mend(
        summary="Make the optimizer from the parameters of the model that is called.",
        code="optimizer = torch.optim.Adam(model.parameters(), lr=...)  # the model that is called below",
        edits=lambda _: (Edit(act=Act.PARAMETERS),),
    ),
    "clipped-before-unscale": Mend(
        summary="Unscale the gradients before they are clipped.",
        code=UNSCALED,
        loop=lambda _: LoopChange(unscales=True),
        edits=_at_its_line(Act.UNSCALE),
    ),
    "stepped-before-unscale": Mend(
        summary="Let the scaler step the optimizer: it takes its factor out of the gradients first.",
        code=SCALED,
        loop=lambda case: LoopChange(passes=_scale(case)),
    ),
    "schedule-ran-out": Mend(
        summary="Step the scheduler as often as its numbers mean.",
        code=SCHEDULED,
        loop=lambda _: LoopChange(is_steady=True),
        edits=_at_its_line(Act.PER_EPOCH),
    ),
    "scheduler-mode-inverted": Mend(
        summary="Let the scheduler wait for the direction that its number improves in.",
        code='scheduler = ReduceLROnPlateau(optimizer, mode="min")  # of a loss; mode="max" of an accuracy',
        loop=lambda _: LoopChange(is_steady=True),
    ),
    "made-in-the-loop": Mend(
        summary="Make it once, before the loop.",
        code="model = Net()\noptimizer = torch.optim.Adam(model.parameters(), lr=...)\nfor epoch in range(epochs):\n    ...",
        cannot="what would have been kept was not recorded",
    ),
    "made-in-forward": Mend(
        summary="Make the layer once, before the optimizer is made.",
        code="self.layer = nn.Linear(...)  # in __init__, before the optimizer is made; forward() calls it",
        cannot="weights that live for one step cannot be trained in a copy of it",
    ),
    "eval-mode-in-training": Mend(
        summary="Go back to train mode after each evaluation.",
        code=MODES,
        loop=lambda _: LoopChange(trains=True),
        edits=_at_its_line(Act.TRAIN),
    ),
    "evaluation-in-train-mode": Mend(
        summary="Evaluate in eval mode.",
        code=MODES,
        cannot="it changes what an evaluation shows; the losses of the training stay the same",
    ),
    "loss-term-without-gradient": Mend(
        summary="Compute every term of the loss with its graph.",
        code="slope = torch.autograd.grad(y.sum(), x, create_graph=True)[0]  # where a term is made of one\n"
        "loss = first_term + second_term  # neither under torch.no_grad() nor detached",
        cannot="the term was computed without a graph: how it depends on the network is not known",
    ),
    "labels-all-ignored": Mend(
        summary="Look at the labels that the loss receives.",
        code="print((labels != -100).sum(dim=-1))  # 0: nothing to learn from this sample",
        cannot="no change of the training makes the labels that are missing",
    ),
    "same-batch": Mend(
        summary="Draw a new batch in each step.",
        code="for x, y in loader:  # a new pass begins only when this one has ended",
        cannot="the batches that were never drawn are not recorded",
    ),
    "seeded-in-the-loop": Mend(
        summary="Set the seed once, before the loop.",
        code="torch.manual_seed(0)  # once\nfor x, y in loader:\n    ...  # draws go on from here",
        cannot="what other draws would have given is not recorded",
    ),
    "nothing-loaded": Mend(
        summary="Load the state under the names that the model uses.",
        code="found = model.load_state_dict(state, strict=False)\nassert not found.missing_keys, found",
        cannot="no measurement tells which names belong together",
    ),
    "copy-left-behind": Mend(
        summary="Let the copy follow the trained weights, or evaluate the trained model.",
        code="optimizer.step()\naverage.update_parameters(model)  # 1 - decay well above 1 / updates",
        cannot="the training itself is not at fault: what was learned is in the trained model",
    ),
    "loss-rewrapped": Mend(
        summary="Call backward() on the loss itself.",
        code=STEP,
        cannot="the tensor holds a number alone, which does not tell what it was computed from",
    ),
    "checkpoint-cuts-gradient": Mend(
        summary="Use checkpoints that do not need inputs with a gradient.",
        code="x = checkpoint(block, x, use_reentrant=False)",
        loop=lambda _: LoopChange(checkpoints=False),
        edits=_at_its_line(Act.RECOMPUTE),
    ),
    "accumulation-not-divided": Mend(
        summary="Divide the loss by the number of batches whose gradients are added up.",
        code=_divided,
        loop=lambda case: LoopChange(passes=_passes(case)),
        edits=_at_its_line(Act.DIVIDE, lambda case: str(_passes(case))),
    ),
}


@remedy(
    "mend-loop",
    treats=(
        "gradients-not-cleared",
        "gradients-cleared-too-early",
        "optimizer-never-steps",
        "optimizer-of-another-model",
        "clipped-before-unscale",
        "stepped-before-unscale",
        "schedule-ran-out",
        "scheduler-mode-inverted",
        "made-in-the-loop",
        "made-in-forward",
        "eval-mode-in-training",
        "evaluation-in-train-mode",
        "loss-rewrapped",
        "loss-term-without-gradient",
        "labels-all-ignored",
        "same-batch",
        "seeded-in-the-loop",
        "nothing-loaded",
        "copy-left-behind",
        "checkpoint-cuts-gradient",
        "accumulation-not-divided",
    ),
    risk=REVIEW,
    part="loop",
)
def mend_loop(case: Case) -> Iterator[Draft]:
    """Draft the lines as they should be, and the loop that does so."""
    mend = MENDED[case.cause.name]
    if mend.code in {_steps, _cleared} and case.trace.optimizer == BY_HAND:
        mend = replace(mend, loop=None, cannot=OWN, edits=lambda _: ())
    change = None
    if mend.loop is not None:
        change = Change(summary=mend.summary, loop=mend.loop(case))
    elif not mend.cannot:
        change = replace(held(), summary=mend.summary)
    yield Draft(
        summary=mend.summary,
        code=mend.code if isinstance(mend.code, str) else mend.code(case),
        change=change,
        cannot=mend.cannot,
        at=case.cause.at,
        size=1,
        edits=mend.edits(case),
    )
