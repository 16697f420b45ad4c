"""Break everything around gradcheck while it runs; print what survived, what was lost and what leaked.

    python -m benchmarks.faults [--inputs 100000]

Exceptions of every kind are raised at every stage of the user's code; processes are interrupted, killed
and starved; broken files are read. The exit code is 1 when anything is not as it has to be.
"""

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import fuzz
from gradcheck_cli.errors import CannotDiagnoseError, GradcheckError
from gradcheck_cli.records.yamlfile import read
from tests.faults import scenes, test_readers, test_snapshots, test_stages


@dataclass(slots=True)
class Tally:
    """What became of the faults."""

    injected: int = 0
    survived: int = 0
    lost: list[str] = field(default_factory=list)
    leaked: list[str] = field(default_factory=list)
    ours: list[str] = field(default_factory=list)

    def add(self, name: str, *, lost: bool = False, leaked: bool = False, ours: str = "") -> None:
        """Count a fault and what came of it."""
        self.injected += 1
        self.survived += not (lost or leaked or ours)
        self.lost += [name] * lost
        self.leaked += [name] * leaked
        self.ours += [f"{name}: {ours}"] * bool(ours)


def raise_at_stages(tally: Tally) -> None:
    """Raise each kind of exception at each stage: at once, and after some steps."""
    stages = test_stages
    early = [(stage, 0) for stage in (*stages.BEFORE, *stages.FIRST)]
    for stage, after in (*early, *stages.LATER.items()):
        for error in stages.ERRORS:
            name, before, lost, ours = (
                f"{error} in {stage} after {after}",
                stages.traces(),
                False,
                "",
            )
            with tempfile.TemporaryDirectory() as folder:
                try:
                    report = stages.diagnosed(Path(folder), stage, after=after, error=error)
                    told = any("the user broke it" in gap.reason for gap in report.gaps)
                    lost = not (report.run.steps and told)
                except (
                    CannotDiagnoseError
                ) as raised:  # nothing was measured yet, and the error is told
                    lost = after > 0 or "the user broke it" not in str(raised)
                except Exception as raised:  # noqa: BLE001  # that is what is looked for
                    ours = repr(raised)
            tally.add(name, lost=lost, leaked=stages.traces() != before, ours=ours)


def break_processes(tally: Tally) -> None:
    """Play each scene in a process of its own."""
    for scene in scenes.SCENES:
        with tempfile.TemporaryDirectory() as name:
            code, said, report = scenes.played(scene, Path(name))
            wrong = code not in scene.codes or "Traceback" in said.replace(scene.allowed, "")
            words = f"exit code {code}: {said[-300:]}" if wrong else ""
            tally.add(scene.name, lost=scene.reports and report is None, ours=words)


def interrupt(tally: Tally, times: int, seed: int) -> None:
    """Send each signal at random times, and read what is left."""
    chance = random.Random(seed)
    for sent in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        for number in range(times):
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                asked = (
                    "-m",
                    "gradcheck_cli",
                    "run",
                    "-o",
                    "yaml:r.yaml",
                    "train.py",
                    "99999",
                    "0.005",
                )
                process = test_snapshots.start(folder, *asked)
                awaited = folder / ("r.yaml" if sent == signal.SIGKILL else "losses.txt")
                wait_for(awaited, process)
                time.sleep(chance.uniform(0.05, 1.5))
                process.send_signal(sent)
                _, err = process.communicate(timeout=120)
                try:
                    lost = not read(folder / "r.yaml").run.interrupted
                except GradcheckError:
                    lost = "nothing was measured" not in err
                tally.add(
                    f"{sent.name} {number}",
                    lost=lost,
                    ours=err[-300:] * ("bug in gradcheck" in err),
                )


def wait_for(file: Path, process: "subprocess.Popen[str]") -> None:
    """Wait until the process has written something into the file, or has ended."""
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and process.poll() is None:
        if file.exists() and file.stat().st_size:
            return
        time.sleep(0.02)


def bad_inputs() -> tuple[int, list[str]]:
    """Read each attack on YAML; return how many, and which were neither read nor cleanly refused."""
    wrong = []
    for attack, text in test_readers.ATTACKS.items():
        for reader in (fuzz.read_report, fuzz.read_config):
            try:
                if not test_readers.message(reader, text) and (reader, attack) != (
                    fuzz.read_config,
                    "nothing",
                ):
                    wrong.append(f"{attack}: read without a word")
            except Exception as error:  # noqa: BLE001  # that is what is looked for
                wrong.append(f"{attack}: {error!r}")
    return 2 * len(test_readers.ATTACKS), wrong


def fuzzed(inputs: int, seed: int) -> tuple[int, list[str]]:
    """Return how many mutated inputs were tried, and what crashed."""
    outcomes = [
        fuzz.fuzz(reader, round(inputs * share), seed)
        for reader, (_, _, share) in fuzz.READERS.items()
    ]
    return sum(o.tried for o in outcomes), [e for o in outcomes for _, e in o.crashes]


def main() -> int:
    """Print the table; the exit code is 1 when anything is not as it has to be."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--inputs", type=int, default=100_000, help="for the fuzzer")
    parser.add_argument("--times", type=int, default=3, help="each signal is sent so often")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    tally = Tally()
    raise_at_stages(tally)
    break_processes(tally)
    interrupt(tally, options.times, options.seed)
    tried, unclean = bad_inputs()
    inputs, crashes = fuzzed(options.inputs, options.seed)
    rows = {
        "faults injected": tally.injected, "survived": tally.survived,
        "lost reports": len(tally.lost), "leaked hooks": len(tally.leaked),
        "tracebacks of ours": len(tally.ours), "bad inputs tried": tried,
        "clean errors": tried - len(unclean), "fuzz inputs": inputs, "crashes": len(crashes),
    }  # fmt: skip
    for name, count in rows.items():
        print(f"{name:20} {count:9,}")
    wrong = [*tally.lost, *tally.leaked, *tally.ours, *unclean, *crashes[:20]]
    for line in wrong:
        print(f"  {line}")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
