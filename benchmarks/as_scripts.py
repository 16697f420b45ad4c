"""The cases of the bank as plain training scripts, run as `gradcheck run --verify` runs them.

    python -m benchmarks.fixes --as-scripts [--every N] [--first N] [--kept FILE]

A script is written for each case: model, data, optimizer and a loop at its top level. The product sees
steps only. Its first fix is then judged anew, as for cases that are built from their parts, but for
as many steps as it claims. Each case has a copy of this process, in which everything is imported
already. There the clock is the processor's, so that the budget of a case does not depend on what else
the machine does.
"""

import multiprocessing
import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import zip_longest
from multiprocessing.connection import Connection
from pathlib import Path

from benchmarks.cases import Case
from benchmarks.fixes_text import Result
from gradcheck_cli.pipeline import Conclusion
from gradcheck_cli.policy import Policy
from gradcheck_cli.probe.launching import find_script
from gradcheck_cli.records.diagnosis import Status
from gradcheck_cli.remedies.base import Proposal
from gradcheck_cli.running import Plan, run

TIMEOUT = 900.0  # seconds for a case
WAITING = 0.25  # a second that passes counts at least so much
LEAST = 100  # steps for which a fix is judged anew, where it claims no more
Judge = Callable[[Case, Proposal | None, int], tuple[bool, float | None, bool]]
SCRIPT = '''"""The case {name} as a plain training script."""

import torch
from torch.utils.data import DataLoader

from benchmarks.cases import CASES

parts = next(case for case in CASES if case.name == {name!r}).problem(0)
torch.manual_seed(0)
model = parts.model()
optimizer = parts.optimizer(model)
loader = DataLoader(parts.data, batch_size=parts.batch_size, shuffle=True)
step = 0
while step < {steps}:
    for batch in loader:
        optimizer.zero_grad()
{loss}
        loss.backward()
        optimizer.step()
        step += 1
        if step == {steps}:
            break
'''
LOSSES = {
    "itself": '        loss = model(**batch)["loss"]',
    "plain": "        *inputs, target = batch\n        loss = parts.loss(model(*inputs), target)",
}


def written(case: Case, folder: Path) -> Path:
    """Write the script of a case and return its path."""
    recipe = case.problem(0)
    kind = "itself" if recipe.loss is None else "plain"
    path = folder / "train.py"
    path.write_text(SCRIPT.format(name=case.name, steps=recipe.steps, loss=LOSSES[kind]))
    return path


def in_turn(cases: Sequence[Case]) -> list[Case]:
    """Return the cases so that the first ones are of as many kinds as there are: by what was planted."""
    kinds: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        kinds[case.cause].append(case)
    rounds = zip_longest(*kinds.values())
    return [case for one in rounds for case in one if case is not None]


def tried(case: Case, budget: float, judge: Judge) -> Result:
    """Run a case in a copy of this process, so that no case meets what another left.

    Raises RuntimeError with the last word of a case that failed, and where it took too long.
    """
    copies = multiprocessing.get_context("fork")
    ours, theirs = copies.Pipe()
    copy = copies.Process(target=_told, args=(theirs, case, budget, judge))
    copy.start()
    theirs.close()
    try:
        said = ours.recv() if ours.poll(TIMEOUT) else f"no result after {TIMEOUT:.0f} s"
    except EOFError:
        said = "the process died"
    finally:
        copy.kill()
        copy.join()
    if not isinstance(said, Result):
        raise RuntimeError(said)  # noqa: TRY004 - not a wrong type: the case failed
    return said


def _told(line: Connection, case: Case, budget: float, judge: Judge) -> None:
    """Run a case and send what came of it; what the script prints is thrown away."""
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
    time.monotonic = processor_clock()
    try:
        line.send(here(case, budget, judge))
    except Exception as error:  # noqa: BLE001 - counted and shown as a failure
        line.send(f"{type(error).__name__}: {error}")


def processor_clock() -> Callable[[], float]:
    """Return a clock of this processor's seconds; of waiting, for another process, a quarter counts."""
    begun, spent, seconds = time.monotonic(), time.process_time(), time.monotonic
    return lambda: max(time.process_time() - spent, WAITING * (seconds() - begun))


def here(case: Case, budget: float, judge: Judge) -> Result:
    """Run the script of a case in this process, and judge what came of it."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as aftermath:
        script = written(case, Path(folder))
        policy = Policy(verify=True, budget=budget)
        plan = Plan(program=find_script(str(script)), policy=policy, record=True)
        outcome = run(plan, aftermath)
    if outcome.conclusion is None:
        raise RuntimeError(outcome.advice)
    result = said(case, outcome.conclusion)
    if case.label != "healthy":
        able = outcome.conclusion.proposals
        first = next((p for p in able if p.change is not None), None)
        learns, measured, curable = judge(case, first, LEAST)
        result = replace(result, learns=learns, measured=measured, curable=curable)
    return replace(result, seconds=round(time.monotonic() - began, 1))


def said(case: Case, made: Conclusion) -> Result:
    """Return what the product said of a case."""
    report = made.report
    first = next((p.fix for p in made.proposals if p.change is not None), None)
    tried = [f.verification for f in report.fixes if f.verification.arms]
    return Result(
        case=case.name,
        half=case.half,
        label=case.label,
        planted=case.cause,
        found=tuple(dict.fromkeys(f.name for f in report.findings)),
        suspected=tuple(c.name for c in report.causes),
        offered=len(made.proposals),
        first=f"{first.name}: {first.summary}" if first else "",
        status=first.verification.status.value if first else Status.NOT_RUN.value,
        claimed=first.verification.effect if first else None,
        made=tried[0].made if tried else "",
        obstacle="" if tried or first is None else first.verification.reason,
    )


def summary(results: Sequence[Result]) -> Iterator[str]:
    """Yield what is told of the replays beside the figures of all fixes."""
    asked = [r for r in results if r.label != "healthy" and (r.made or r.obstacle)]
    played = [r for r in asked if r.made == "replayed"]
    again = [r for r in asked if r.made == "re-run"]
    silent = [r for r in results if r.label != "healthy" and not r.offered and not r.error]
    yield (
        f"losses of the recorded steps reproduced bit for bit: {len(played)}/{len(asked)}; "
        f"run again: {len(again)}; sick, and no fix was offered: {len(silent)}"
    )
    yield from (f"  not played: {r.case}: {r.made or r.obstacle}" for r in asked if not r.made)
