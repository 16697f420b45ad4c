"""Weights that should be those of another copy: of a replica, of the trained model, of a file."""

from collections.abc import Iterator

from gradcheck_cli.records.loop import Kind
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules.base import Evidence, Hit, Severity, counted, loop_of, number, rule

SELDOM = 4  # updates to one run of the copy, at least: what runs more often is part of the training


@rule("GC824", "copy-left-behind")
def copy_left_behind(trace: Trace, *, share: float = 0.1, least: int = 20) -> Iterator[Hit]:
    """What is evaluated is a copy of the model that still has the weights of the start.

    Measures  of models that run without gradients and are copies of the trained one, and of the trained one with other
              weights in it: how far their weights are on the way from the start to the trained ones, 0 to 1.
    Reports   less than `share` of it after at least `least` updates, where it runs after the last update or at most
              once in four; a copy that nothing has changed since it was made only where nothing else is evaluated.
    Matters   what was learned is not in the numbers of the evaluation, nor in what is saved. An average with a
              decay d begins to follow after 1 / (1 - d) updates.
    Severity  error; warning where the trained model is evaluated as well.
    Not for   teachers, targets and references, which run at each step; runs that were stopped early.
    Sources   Izmailov et al. 2018, arXiv:1803.05407; PyTorch documentation, torch.optim.swa_utils.
    """
    for habit in loop_of(trace).habits_of(Kind.LEFT_BEHIND):
        gone, updates = habit.numbers["share"], habit.numbers["updates"]
        last = updates >= habit.of
        alone = not habit.numbers["others"]
        meant = not (habit.numbers["written"] or (alone and last))
        if (
            gone >= share
            or updates < least
            or meant
            or not (last or SELDOM * habit.times <= updates)
        ):
            continue
        name, copied = habit.names
        what = f"a copy of the model, `{name}`," if copied else f"`{name}` with other weights in it"
        yield Hit(
            severity=Severity.ERROR if alone else Severity.WARNING,
            message=f"What is evaluated{habit.where} is {what} whose weights are those of the start: after {number(updates)} "
            f"updates they have gone {max(gone, 0.0):.1%} of the way of the trained ones. Copy or average the trained "
            "weights after each update, with a decay that fits their number.",
            evidence=(Evidence("share of the way of the trained weights", gone, share),),
            at=habit.at,
        )
        return


@rule("GC605", "drifted-replicas")
def drifted_replicas(trace: Trace, *, apart: float = 1e-4) -> Iterator[Hit]:
    """Copies of the model on several ranks are no longer the same.

    Measures  per layer and observed step the norm of the weights on every rank.
    Reports   layers whose largest norm exceeds the smallest by more than `apart` of it.
    Matters   ranks that should hold one model train several: gradients are averaged between weights
              that they do not belong to, and the checkpoint of rank 0 is only one of them.
    Severity  error.
    Not for   weights that are sharded on purpose, or models that are meant to differ between ranks.
    Sources   Li et al. 2020, arXiv:2006.15704, sec. 3 (replicas stay equal when they start equal and
              apply equal gradients).
    """
    drifts = [d for d in trace.drifts if d.high - d.low > apart * d.high]
    if not drifts:
        return
    worst = max(drifts, key=lambda d: (d.high - d.low) / d.high)
    first = min(drifts, key=lambda d: d.step)
    share = (worst.high - worst.low) / worst.high
    yield Hit(
        severity=Severity.ERROR,
        message=(
            f"The weights of {worst.layer} have norm {number(worst.low)} on one rank and "
            f"{number(worst.high)} on another: {counted(len(drifts), 'is', 'are')} no longer the same."
        ),
        layers=tuple(d.layer for d in drifts),
        evidence=(Evidence("relative difference of the norms between ranks", share, apart),),
        first_step=first.step,
    )


@rule("GC819", "nothing-loaded")
def nothing_loaded(trace: Trace) -> Iterator[Hit]:
    """Pretrained weights were to be loaded, and the model took none of them.

    Measures  of each load_state_dict() before the first update, how many of the tensors the module took.
    Reports   at most a tenth of those given and of those the module holds; tensors that are the module's own, which
              state_dict() does not copy.
    Matters   with strict=False nothing is said, and the training begins from random weights.
    Severity  warning.
    Not for   a later load that fits; single heads that are left out; adapters, whose tensors are all taken.
    Sources   PyTorch documentation, torch.nn.Module.load_state_dict (strict, missing and unexpected keys).
    """
    for habit in loop_of(trace).habits_of(Kind.UNLOADED):
        taken = habit.of - habit.times
        if habit.names:
            why = f": it was given {habit.names[0]}, and holds {habit.names[1]}"
        elif habit.of:
            why = ": they are its own, for state_dict() makes no copies"
        else:
            why = ": the state that was given is empty"
        yield Hit(
            severity=Severity.WARNING,
            message=f"Before the training the model was given {habit.of} tensors to load and took {taken}{why}.",
            at=habit.at,
        )
