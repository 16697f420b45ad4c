"""How the files of several ranks become one trace; hand-made traces, no processes."""

import json
import os
from pathlib import Path

import pytest

from gradcheck_cli.errors import UsageError
from gradcheck_cli.probe.places import Ranks, ranks
from gradcheck_cli.probe.ranks import Shard, merged, shard_of
from gradcheck_cli.records.reading import Moments
from gradcheck_cli.records.trace import LossFacts, Reading, Step, Trace
from gradcheck_cli.rules.copies import drifted_replicas


def reading(weight: float, output: float = 1.0, **others: float) -> Reading:
    return Reading(
        weight=Moments(4, 0, 0, 0.0, weight**2, weight),
        output=Moments(8, 1, 2, 3.0, output, 2.0),
        output_grad=Moments(8, 0, 0, 4.0, 16.0, 2.0),
        **others,
    )


def trace(*readings: Reading, loss: float = 1.0) -> Trace:
    return Trace(
        steps=tuple(Step(index=i, loss=loss, readings={"a": r}) for i, r in enumerate(readings))
    )


def test_replicas_keep_their_weights_and_add_their_samples() -> None:
    own, other = trace(reading(3.0, spread=0.2)), trace(reading(3.0, spread=0.4), loss=3.0)
    [step] = merged(own, Shard(own.steps), {1: Shard(other.steps)}).steps
    assert step.loss == 2.0
    assert step.readings["a"].weight == own.steps[0].readings["a"].weight
    assert step.readings["a"].output == Moments(16, 2, 4, 6.0, 2.0, 2.0)
    assert step.readings["a"].spread == pytest.approx(0.3)


def test_gradients_at_outputs_are_of_the_mean_over_all_ranks() -> None:
    own = trace(reading(1.0))
    [step] = merged(own, Shard(own.steps), {1: Shard(own.steps)}).steps
    assert step.readings["a"].output_grad == Moments(16, 0, 0, 4.0, 8.0, 1.0)


def test_parts_of_the_loss_and_what_a_constant_loses_there_are_means_over_ranks() -> None:
    def on(rank: float) -> Trace:
        facts = LossFacts(apart=True, data_baseline=2.0 + rank)
        return Trace(steps=(Step(index=0, loss=5.0, data_loss=1.0 + rank),), loss=facts)

    sent = Shard.of(json.loads(json.dumps(shard_of([], on(1.0)).plain())))
    result = merged(on(0.0), shard_of([], on(0.0)), {1: sent})
    assert result.steps[0].data_loss == 1.5
    assert (result.loss.baseline, result.loss.data_baseline) == (None, 2.5)


def test_shards_of_weights_are_added_and_an_empty_one_changes_nothing() -> None:
    own = trace(reading(3.0))
    four, none = reading(4.0), Reading(weight=Moments())
    shards = {1: Shard(trace(four).steps), 2: Shard(trace(none).steps)}
    result = merged(own, Shard(own.steps, frozenset({"a"})), shards)
    assert result.steps[0].readings["a"].weight.norm == 5.0
    assert result.steps[0].readings["a"].weight.count == 8
    assert result.drifts == ()


@pytest.mark.parametrize(("other", "found"), [(2.0, 0), (2.0001, 0), (2.001, 1), (9.0, 1)])
def test_replicas_that_differ_are_a_finding_from_one_in_ten_thousand_on(
    other: float, found: int
) -> None:
    own, second = trace(reading(2.0), reading(2.0)), trace(reading(2.0), reading(other))
    result = merged(own, Shard(own.steps), {1: Shard(second.steps)})
    findings = drifted_replicas(result)
    assert len(findings) == found
    if found:
        assert findings[0].layers == ("a",)
        assert findings[0].first_step == 1


def test_a_shard_survives_its_file_even_with_numbers_that_are_none() -> None:
    odd = trace(reading(float("inf"), dead=float("nan")), loss=float("nan"))
    shard = Shard(odd.steps, frozenset({"a"}), 4, 0.5)
    again = Shard.of(json.loads(json.dumps(shard.plain())))
    assert str(again) == str(shard)


def test_a_step_that_another_rank_did_not_take_is_kept_as_it_is() -> None:
    own, other = trace(reading(1.0), reading(2.0)), trace(reading(1.0))
    result = merged(own, Shard(own.steps), {1: Shard(other.steps)})
    assert [s.readings["a"].output.count for s in result.steps] == [16, 8]


def test_with_many_ranks_each_sends_few_steps_and_only_those_are_kept() -> None:
    own = trace(*[reading(1.0)] * 40)
    sent = shard_of([], own, world=1024)
    kept = [s.index for s in sent.steps if s.readings]
    assert (len(kept), kept[0], kept[-1], len(sent.steps)) == (8, 0, 39, 40)
    result = merged(own, shard_of([], own, world=1024), {1: sent})
    assert [s.index for s in result.observed] == kept
    assert {s.readings["a"].output.count for s in result.observed} == {16}


def place(folder: Path, rank: int = 0, world: int = 2) -> Ranks:
    return Ranks(rank, tuple(range(world)), world, folder)


def test_a_rank_that_died_is_a_gap_and_is_not_waited_for(tmp_path: Path) -> None:
    place(tmp_path).announce()
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    (tmp_path / "rank1.pid").write_text(str(pid))
    found, gaps = place(tmp_path).gather(patience=30)
    assert found == {}
    assert [(g.what, g.reason[:7]) for g in gaps] == [("rank 1", "it died")]


def test_what_a_rank_left_before_it_died_is_not_lost(tmp_path: Path) -> None:
    place(tmp_path, rank=1).leave([{"some": "thing"}])
    found, gaps = place(tmp_path).gather(patience=30)
    assert found == {1: [{"some": "thing"}]}
    assert gaps == []


def test_a_rank_that_hangs_is_given_up_after_the_patience(tmp_path: Path) -> None:
    (tmp_path / "rank1.pid").write_text(str(os.getpid()))
    _, gaps = place(tmp_path).gather(patience=0.2)
    assert "left nothing within" in gaps[0].reason


def test_the_folder_is_private_and_gone_at_the_end(tmp_path: Path) -> None:
    mine = place(tmp_path / "ranks")
    mine.announce()
    assert (tmp_path / "ranks").stat().st_mode & 0o077 == 0
    mine.clear()
    assert not (tmp_path / "ranks").exists()


def test_a_folder_of_somebody_else_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 987654)
    with pytest.raises(UsageError, match="belongs to somebody else"):
        place(tmp_path).announce()


def test_the_environment_tells_the_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert ranks() is None
    given = {"WORLD_SIZE": "16", "RANK": "9", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "8"}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    found = ranks()
    assert found.expected == tuple(range(8, 16))
    assert not found.leads
    monkeypatch.setenv("GRADCHECK_RANKS_DIR", "/shared")
    assert ranks().expected == tuple(range(16))
    assert str(ranks().folder).startswith("/shared")
