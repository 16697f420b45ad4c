"""One diagnosis by several processes: rank 0 speaks and decides on the exit code of all."""

import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from gradcheck_cli.cli.edge import code_of
from gradcheck_cli.errors import ExitCode, GradcheckError, ToldElsewhereError, UsageError
from gradcheck_cli.probe.places import Ranks, ranks

if TYPE_CHECKING:
    from gradcheck_cli.probe.meeting import Meeting

KNOWN = ("ddp", "fsdp")
_SPEAKS = 10.0  # seconds in which rank 0 tells what went wrong, if it did there too


def meet(strategy: str | None) -> "Meeting | None":
    """Return where this torchrun's ranks meet, None for one process without a strategy.

    Raises UsageError on an unknown strategy, on one without torchrun, and on torchrun without one.
    """
    place = ranks()
    if (problem := _problem(strategy, place)) is not None:
        if place is None or place.leads:
            raise UsageError(problem)
        time.sleep(1.0)  # torchrun ends all when one ends: rank 0 speaks first
        raise ToldElsewhereError
    if place is None:
        return None
    place.announce()
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")  # DDP's hints are not for the user
    from gradcheck_cli.probe.meeting import Meeting

    return Meeting(place)


def _problem(strategy: str | None, place: Ranks | None) -> str | None:
    if strategy is not None and strategy not in KNOWN:
        return f"--strategy {strategy}: expected {' or '.join(KNOWN)}"
    if strategy is None and place is not None:
        return (
            f"torchrun started {place.world} processes, and each would train the whole by itself; add "
            "--strategy ddp or --strategy fsdp, or leave torchrun out"
        )
    if strategy is not None and place is None:
        return (
            f"--strategy {strategy} needs several processes: torchrun --nproc-per-node 2 "
            f"--no-python gradcheck diagnose ... --strategy {strategy}"
        )
    return None


def together(met: "Meeting", diagnose: Callable[[], int]) -> int:
    """Let rank 0 diagnose and the others follow in silence; return the code that rank 0 ends with."""
    if met.place.leads:
        return _lead(met, diagnose)
    return _follow(met, diagnose)


def _lead(met: "Meeting", diagnose: Callable[[], int]) -> int:
    with met.patient():
        code = code_of(diagnose)
        met.place.tell(code)
        met.place.dismiss()
    return code


def _follow(met: "Meeting", follow: Callable[[], int]) -> int:
    try:
        follow()
    except GradcheckError:
        if met.has_left:  # rank 0 trains and waits for this rank: it learns of the end at once
            raise
        code = met.heard(_SPEAKS)
        if code is None:  # it does not have the same problem
            raise
        return code
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    code = met.heard()
    return ExitCode.CANNOT_DIAGNOSE if code is None else code
