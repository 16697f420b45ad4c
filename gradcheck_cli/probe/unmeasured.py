"""Why no step of a script was measured, and what to do about it."""

import traceback
from collections.abc import Iterator
from typing import TYPE_CHECKING

from gradcheck_cli.probe.launching import Ending
from gradcheck_cli.records.finding import Crash
from gradcheck_cli.records.trace import Gap
from gradcheck_cli.scripts import why_missing

if TYPE_CHECKING:
    from gradcheck_cli.probe.everywhere import Everywhere


def why_nothing(watcher: "Everywhere | None", ending: Ending) -> str:
    """Return why no step was measured and what to do about it."""
    seen = watcher.seen if watcher is not None else None
    if ending.is_cut:
        return "the script was stopped before its first training step ended; let it run for longer"
    began = seen is not None and seen.backwards > 0
    if isinstance(ending.error, ModuleNotFoundError) and not began:
        return why_missing(ending.error.name or "")
    if isinstance(ending.error, Exception) and not began:
        return f"the script ended with {type(ending.error).__name__} before its first step; mend that first"
    if ending.code and not began:
        hint = "; its own arguments come after `--`" if ending.code == 2 else ""  # of argparse
        return f"the script ended with exit code {ending.code} before its first training step ended{hint}"
    other = "describe it to `gradcheck diagnose MODEL --data DATA` instead"
    if seen is None:
        return (
            "the script did not import torch in this process; if it starts others that train, run "
            "those: `gradcheck run` goes before the script that has the training loop"
        )
    if seen.backwards and not seen.updates:
        return (
            f"no optimizer stepped, and nothing that got a gradient was changed after a backward pass: "
            f"nothing was trained; {other}"
        )
    if seen.updates:
        return (
            f"{seen.updates} steps by optimizers do not suffice to find out what is trained; let it "
            f"run for longer, or {other}"
        )
    bad = sum(s.recorder.data.bad for s in watcher.sessions) if watcher is not None else 0
    if bad:
        return (
            f"no backward pass began, and the inputs of the model hold {bad} numbers that are NaN or infinite: does the loop "
            "leave out batches whose loss is NaN? Fill the gaps in the data"
        )
    return (
        "no optimizer stepped in this process; training in processes that the script starts "
        "(torch.multiprocessing.spawn) cannot be seen: start it with `torchrun --no-python gradcheck run "
        f"SCRIPT`, or {other}"
    )


def untaken(ending: Ending) -> Iterator[Gap]:
    """Yield what of the training was not seen because the script ended early."""
    if ending.is_cut:
        yield Gap(what="the last step", reason="the script was stopped before it ended")
    if ending.reason:
        yield Gap(what="the steps to come", reason=ending.reason)


def crashes(ending: Ending) -> Iterator[Crash]:
    """Yield the bug of ours that ended the script, if one did."""
    if ending.is_our_fault:
        assert ending.error is not None
        yield Crash("the probe", "".join(traceback.format_exception(ending.error)))
