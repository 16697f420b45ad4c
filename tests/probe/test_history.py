"""A long run is remembered evenly, in bounded memory."""

from collections import Counter
from math import nan

from gradcheck_cli.probe.history import BEGINNING, OBSERVED, STEPS, History
from gradcheck_cli.records.trace import Reading, Step


def remembered(count: int, every: int = 100, *, broken: tuple[int, ...] = ()) -> History:
    history = History()
    for index in range(count):
        readings = {"0": Reading()} if index % every == 0 else {}
        loss = nan if index in broken else float(index)
        history.append(Step(index=index, loss=loss, readings=readings))
    return history


def test_a_run_that_fits_is_kept_whole() -> None:
    history = remembered(STEPS)
    assert [s.index for s in history] == list(range(STEPS))


def test_a_long_run_is_kept_evenly_and_never_grows_beyond_its_bound() -> None:
    history = remembered(10 * STEPS + 7)
    assert history.taken == 10 * STEPS + 7
    assert STEPS / 4 < len(history) <= STEPS
    tenths = Counter(s.index // STEPS for s in history if BEGINNING <= s.index < 10 * STEPS)
    assert len(tenths) == 10
    assert max(tenths.values()) <= 2 * min(tenths.values())
    assert [s.index for s in history] == sorted({s.index for s in history})


def test_the_beginning_the_last_step_and_the_first_broken_loss_stay() -> None:
    broken = (STEPS + 1, STEPS + 3)
    history = remembered(8 * STEPS, every=1000, broken=broken)
    kept = [s.index for s in history]
    assert kept[:BEGINNING] == list(range(BEGINNING))
    assert kept[-1] == 8 * STEPS - 1
    assert broken[0] in kept


def test_readings_are_bounded_and_spread_over_the_run() -> None:
    history = remembered(40 * OBSERVED, every=10)
    observed = [s.index for s in history if s.readings]
    assert history.looks == 4 * OBSERVED
    assert OBSERVED / 2 <= len(observed) <= OBSERVED
    assert observed[:7] == list(range(0, BEGINNING // 2, 10))
    late = [index for index in observed if index > 20 * OBSERVED]
    assert 0.4 < len(late) / len(observed) < 0.6


def test_equal_runs_are_remembered_alike() -> None:
    assert remembered(3 * STEPS) == remembered(3 * STEPS)
