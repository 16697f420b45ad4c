"""Throw broken input at everything that reads a file or a text; print what happened.

    python -m benchmarks.fuzz --inputs 100000 --seed 0

Each input is a valid report, config, threshold or target text that was mutated: spans cut, doubled,
swapped, bytes changed, and the tokens that break YAML readers put in. Read it back or refuse it with
one of our errors: anything else is a crash, and is printed with the input that made it.
"""

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from gradcheck_cli.errors import GradcheckError
from gradcheck_cli.records import yamlfile
from gradcheck_cli.records.diagnosis import Cause, Fix
from gradcheck_cli.records.finding import Confidence, Evidence, Finding, Severity, Skip
from gradcheck_cli.records.report import LayerSummary, Report, RunFacts, Verdict
from gradcheck_cli.records.trace import Gap
from gradcheck_cli.settings import load

CONFIG = """\
model: m.py:build_model(depth=3)
data: m.py:train_data
lr: 1e-3
batch_size: 32
steps: auto
seed: 0
fail_on: error
output: ["yaml:gradcheck-report.yaml", html:r.html]
"""
TOKENS = (
    "&a", "*a", "<<: *a", "? [x]: y", "? {a: b}\n: c", "!!python/object/apply:os.system [x]", "!!int x",
    "!!binary '='", "!!timestamp 2001-99-99", "!!set {a, b}", "!!omap [a: 1]", "---", "...", "%YAML 9.9",
    ".nan", ".inf", "-.inf", "1e999", "9" * 500, "0x", "0o8", "~", "null", "yes", "- - - -", "[" * 40,
    "{" * 40, "}", "]", "|", ">", "\t", "\x00", "\x1b[31m", "\ufeff", "\u2028", "\ud7ff", "'", '"', "#",
    ": ", "\n", "\n  ", "schema: 2", "schema: x", "'\\ud800'", "@", "`", "%", "=", "key: key: key",
)  # fmt: skip


def sample_report() -> Report:
    """Return a small report with something of everything."""
    return Report(
        verdict=Verdict.SICK,
        headline="vanishing-gradient, most likely because of saturating-activation.",
        run=RunFacts(command="gradcheck diagnose m.py", model="m.py", seed=0, steps=50),
        findings=(
            Finding(
                code="GC101",
                name="vanishing-gradient",
                severity=Severity.ERROR,
                confidence=Confidence.HIGH,
                message="The gradient of 0 is weak.",
                layers=("0", "2"),
                evidence=(Evidence("ratio", 1e-6, 1e-3, "of its norm"),),
            ),
        ),
        causes=(
            Cause(name="saturating-activation", explains=("GC101",), score=0.9, reasons=("x",)),
        ),
        fixes=(
            Fix(name="swap", treats="saturating-activation", risk="review", summary="s", why="w"),
        ),
        passed=("dying-relu",),
        skipped=(Skip("GC204", "saturated-attention", "no attention"),),
        gaps=(Gap(what="steps", reason="Ctrl-C"),),
        layers=(LayerSummary(path="0", kind="Linear", role="linear", order=0),),
    )


def mutated(text: str, chance: random.Random) -> str:
    """Return the text with one to four things broken."""
    for _ in range(chance.randint(1, 4)):
        start = chance.randrange(len(text) + 1)
        end = min(len(text), start + chance.choice((0, 1, 3, 10, 60)))
        middle = {
            "cut": "",
            "double": text[start:end] * 2,
            "token": chance.choice(TOKENS),
            "lines": f"\n{chance.choice(TOKENS)}\n",
            "character": chr(chance.choice((chance.randrange(128), chance.randrange(0xD7FF)))),
            "swap": text[start:end][::-1],
            "deep": chance.choice("[{-") * chance.choice((5, 200, 3000)),
        }[chance.choice(("cut", "double", "token", "lines", "character", "swap", "deep"))]
        text = text[:start] + middle + text[end:]
    return text


@dataclass(slots=True)
class Outcome:
    """What became of the inputs of one reader."""

    read: int = 0
    refused: int = 0
    crashes: list[tuple[str, str]] = field(default_factory=list)  # input, error

    @property
    def tried(self) -> int:
        """Number of inputs."""
        return self.read + self.refused + len(self.crashes)


def read_report(text: str) -> None:
    """Read a report, and write what was read."""
    yamlfile.dumps(yamlfile.loads(text))


def read_config(text: str) -> None:
    """Read a config from a file, as the command line does."""
    with tempfile.NamedTemporaryFile(
        "w", suffix=".yaml", encoding="utf-8", errors="replace"
    ) as file:
        file.write(text)
        file.flush()
        load({}, config=file.name, environ={}, folder=Path(file.name).parent)


def read_reference(text: str) -> None:
    """Read what a user may write for MODEL."""
    from gradcheck_cli.targets.references import parse

    parse(text)


# What reads, what a valid input is, and its share of all inputs.
READERS: dict[str, tuple[Callable[[str], None], Callable[[], str], float]] = {
    "report, YAML": (read_report, lambda: yamlfile.dumps(sample_report()), 0.5),
    "report, JSON": (read_report, lambda: yamlfile.dumps_json(sample_report()), 0.2),
    "reference": (read_reference, lambda: "models/net.py:Nets.build(depth=30, act='relu')", 0.2),
    "config, YAML": (read_config, lambda: CONFIG, 0.1),
}


def fuzz(reader: str, inputs: int, seed: int) -> Outcome:
    """Try so many mutated inputs on a reader."""
    read, make, _ = READERS[reader]
    valid, chance, outcome = make(), random.Random(f"{reader} {seed}"), Outcome()
    read(valid)
    for _ in range(inputs):
        text = mutated(valid, chance)
        try:
            read(text)
            outcome.read += 1
        except GradcheckError as error:
            if len(str(error).strip()) < 5:
                outcome.crashes.append((text, f"no message: {error!r}"))
            outcome.refused += 1
        except Exception as error:  # noqa: BLE001  # that is what is looked for
            outcome.crashes.append((text, f"{type(error).__name__}: {error}"))
    return outcome


def main() -> int:
    """Print a table; the exit code is 1 when anything crashed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--inputs", type=int, default=100_000, help="in all")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print(f"{'reader':14} {'inputs':>8} {'read':>8} {'refused':>8} {'crashes':>8} {'seconds':>8}")
    crashed = 0
    for reader in READERS:
        started = time.monotonic()
        outcome = fuzz(reader, round(options.inputs * READERS[reader][2]), options.seed)
        seconds = time.monotonic() - started
        crashes = len(outcome.crashes)
        crashed += crashes
        print(
            f"{reader:14} {outcome.tried:8} {outcome.read:8} {outcome.refused:8} {crashes:8} {seconds:8.1f}"
        )
        kinds = Counter(error.partition("\n")[0][:100] for _, error in outcome.crashes)
        for kind, count in kinds.most_common(5):
            example = next(text for text, error in outcome.crashes if error.startswith(kind[:60]))
            print(f"  {count} x {kind}\n    {example[:300]!r}")
    return int(crashed > 0)


if __name__ == "__main__":
    sys.exit(main())
