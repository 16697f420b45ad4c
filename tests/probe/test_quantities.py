"""A quantity is declared once, in `records/reading.py`: probe, ranks, files and the report follow it."""

import ast
from pathlib import Path

import pytest

from gradcheck_cli import condensing, probe
from gradcheck_cli.probe.assembling import assemble
from gradcheck_cli.probe.gauges import Fetched
from gradcheck_cli.probe.ranks import Shard, merged
from gradcheck_cli.records.reading import QUANTITIES, Of, Reading
from gradcheck_cli.records.report import Report, Verdict
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.renderers.html.heat import heat
from tests.support.a_trace import linear, run

NUMBERS = {name: q for name, q in QUANTITIES.items() if q.value}
DRAWN = {name for name, q in QUANTITIES.items() if q.curve}


def noted() -> set[str]:
    """Return all strings of the probe, among which are the names that gauges note."""
    return {
        node.value
        for file in Path(probe.__path__[0]).glob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def test_every_quantity_that_is_declared_is_noted_by_a_gauge() -> None:
    silent = QUANTITIES.keys() - noted()
    how = 'call `ledger.add((path, "name"), ...)` or `ledger.read(...)` in gradcheck_cli/probe/'
    assert not silent, f"no gauge notes {sorted(silent)} of records/reading.py: {how}"


@pytest.mark.parametrize("name", NUMBERS)
def test_what_a_gauge_notes_under_a_name_is_read_under_it(name: str) -> None:
    readings, _ = assemble(Fetched(numbers=((("l0", name), (1.0, 4.0, 4.0)),)))
    value = NUMBERS[name].value
    assert value is not None
    assert getattr(readings["l0"], name) == value([1.0, 4.0, 4.0]) > 0


@pytest.mark.parametrize("name", NUMBERS)
def test_replicas_keep_what_is_of_weights_and_average_what_is_of_batches(name: str) -> None:
    own, other = (trace_with(Reading(**{name: value})) for value in (0.5, 0.1))
    [step] = merged(own, Shard(own.steps), {1: Shard(other.steps)}).steps
    kept = 0.5 if QUANTITIES[name].of is Of.WEIGHTS else 0.3
    assert getattr(step.readings["l0"], name) == pytest.approx(kept)


@pytest.mark.parametrize("name", sorted(DRAWN))
def test_a_quantity_with_a_curve_is_drawn_on_the_page(name: str) -> None:
    trace = trace_with(Reading(**{name: 0.5}))
    report = Report(
        verdict=Verdict.UNSURE,
        headline="",
        layers=condensing.summaries(trace),
        history=condensing.history(trace),
    )
    assert report.history.series[name] == {"l0": (0.5,)}
    assert [q["key"] for q in heat(report)["quantities"]] == [name]


def trace_with(reading: Reading) -> Trace:
    """One layer and one step in which it showed this."""
    return run([linear("l0", 0, 0)], {"l0": reading}, [1.0])
