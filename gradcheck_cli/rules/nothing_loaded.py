"""GC819 nothing-loaded."""

from collections.abc import Iterator

from gradcheck_cli.records.loop import Kind
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules.base import Hit, Severity, loop_of, rule


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
