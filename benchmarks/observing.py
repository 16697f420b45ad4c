"""Observe and examine the cases once: what gradcheck and the peers see, kept in a file."""

import hashlib
import pickle
import time
import warnings
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks import peers
from benchmarks.cases import Case
from gradcheck_cli.examine import examine, subject_of, with_passes
from gradcheck_cli.probe.stepping import Interrupted, observe
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules.engine import judge
from gradcheck_cli.targets.target import Target

SAVE_EVERY = 20
SHAPED = ("trace", "moments", "examination", "passes")  # of records: what a kept trace is made of
PACKAGE = Path(__file__).parent.parent / "gradcheck_cli"


def fingerprint(*places: str) -> str:
    """Return a fingerprint of some of the package's code."""
    found = hashlib.sha256()
    for place in (PACKAGE / part for part in places):
        for file in [place] if place.is_file() else sorted(place.rglob("*.py")):
            found.update(file.read_bytes())
    return found.hexdigest()[:16]


class Kept:
    """Results by name, in a file where one is given, packed.

    Traces of another shape than today's are measured anew. Where only the code that fills them has
    changed they are used, and a note says so.
    """

    def __init__(self, file: Path | None) -> None:
        self.file = file
        self.held: dict[str, bytes] = {}
        self.shape = fingerprint(*(f"records/{name}.py" for name in SHAPED))
        self.probe = fingerprint("probe", "targets", "examine")
        if file is not None and file.exists():
            content = pickle.loads(file.read_bytes())
            same = content["shape"] == self.shape
            self.held = {k: v for k, v in content["held"].items() if same or k.endswith("peers")}
            if same and content["probe"] != self.probe:
                print(
                    f"note: {file} was made by other code of probe or experiments; delete it to measure anew"
                )
                self.probe = content["probe"]
        self.new = 0

    def of(self, key: str, make: Callable[[], Any]) -> Any:
        """Return what is kept under a name, or make and keep it."""
        if key not in self.held:
            started = time.perf_counter()
            self.held[key] = zlib.compress(pickle.dumps(make()), 1)
            self.new += 1
            if self.file is not None:
                print(f"{time.perf_counter() - started:5.1f} s  {key}", flush=True)
                if self.new % SAVE_EVERY == 0:
                    self.save()
        return pickle.loads(zlib.decompress(self.held[key]))

    def save(self) -> None:
        """Write the file."""
        if self.file is not None and self.new:
            content = {"shape": self.shape, "probe": self.probe, "held": self.held}
            self.file.write_bytes(pickle.dumps(content))


def target(case: Case) -> Target:
    """Return a case as gradcheck takes it."""
    problem = case.problem()
    return Target.of(
        model=problem.model,
        data=problem.source,
        loss=problem.loss,
        optimizer=problem.optimizer,
        batch_size=problem.batch_size,
        seed=0,
    )


def traced(case: Case, steps: int, depth: str) -> Trace | str:
    """Return the trace of a case with what experiments said, as `diagnose` makes it, or what went wrong."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            made = target(case)
            training = made.build()
            subject = subject_of(made, training)
            trace = observe(training, steps)
            trace = replace(trace, examination=examine(subject, trace, depth))
            return with_passes(subject, trace, judge(trace).findings)
        except Interrupted as interrupted:
            return interrupted.trace
        except Exception as error:  # noqa: BLE001 - a case that cannot be observed is a failure
            return f"{type(error).__name__}: {error}"


def peered(case: Case, steps: int) -> peers.Run | str:
    """Return what the peers see of a case, or what went wrong."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return peers.measured(target(case).build(), steps)
        except Exception as error:  # noqa: BLE001 - a peer that raises has said nothing
            return f"{type(error).__name__}: {error}"


def observed(
    cases: Sequence[Case], steps: int, depth: str, kept: Kept, *, with_peers: Sequence[str]
) -> Iterator[tuple[Case, Trace | str, peers.Run | str | None]]:
    """Examine one case after the other; the peers on these halves; what is kept is not repeated."""
    torch.set_num_threads(1)
    for case in cases:
        trace = kept.of(f"{case.name} {steps} {depth}", partial(traced, case, steps, depth))
        run = None
        if case.half in with_peers:
            run = kept.of(f"{case.name} {steps} peers", partial(peered, case, steps))
        yield case, trace, run
    kept.save()
