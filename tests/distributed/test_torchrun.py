"""Real trainings on two gloo ranks under torchrun, with a script that knows nothing of gradcheck."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.distributed.strategies import FSDP, free_port
from tests.support.processes import ROOT, python

SCRIPT = ROOT / "tests" / "scripts" / "parallel.py"
SAME = ("gradient", "arriving", "weight", "update", "numel", "depth", "sensitivity")

pytestmark = [pytest.mark.distributed, pytest.mark.slow]


def trained(folder: Path, strategy: str, *fault: str) -> tuple[dict, subprocess.CompletedProcess]:
    report = folder / f"{strategy}.json"
    gradcheck = ["-m", "gradcheck_cli", "run", "-q", "--fail-on", "never", "-o", f"json:{report}"]
    gradcheck += ["--examine", "none"] if strategy == "none" else []  # several ranks make none
    done = started(folder, strategy, *gradcheck, str(SCRIPT), strategy, *fault)
    assert report.exists(), done.stderr
    return json.loads(report.read_text()), done


def started(folder: Path, strategy: str, *words: str) -> subprocess.CompletedProcess:
    several = ["-m", "torch.distributed.run", "--nproc-per-node", "2"]
    several += ["--master-port", str(free_port())]
    front = several if strategy != "none" else []
    return python(folder, *front, *words, TMPDIR=str(folder))


def close(one: float | None, two: float | None) -> bool:
    return one == two if one is None or two is None else one == pytest.approx(two, rel=2e-4)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict:
    return trained(tmp_path_factory.mktemp("alone"), "none")[0]


@pytest.mark.heavy
@pytest.mark.parametrize("strategy", ["ddp", FSDP])
def test_two_ranks_say_what_one_process_says_of_the_same_batches(
    tmp_path: Path, alone: dict, strategy: str
) -> None:
    report, done = trained(tmp_path, strategy)
    assert done.returncode == 0, done.stderr
    without = started(tmp_path, strategy, str(SCRIPT), strategy).stdout.splitlines()
    assert len(without) == 2
    assert sorted(done.stdout.splitlines()) == sorted(without), "the same weights, to the last bit"
    assert (report["run"]["world_size"], report["run"]["batch_size"]) == (2, 32)
    assert len(report["layers"]) == len(alone["layers"])
    for one, two in zip(alone["layers"], report["layers"], strict=True):
        assert one["path"] == two["path"]
        for name in SAME:
            assert close(one.get(name), two.get(name)), (one["path"], name)
    losses = report["history"]["losses"]
    assert losses == pytest.approx(alone["history"]["losses"], rel=2e-4)
    found = [{f["name"] for f in r["findings"]} for r in (alone, report)]
    assert found[0] == found[1]
    assert report["causes"][0]["name"] == alone["causes"][0]["name"] == "saturating-activation"
    assert not list(tmp_path.glob("gradcheck-*")), "the ranks' files are gone"
    said = [gap["reason"] for gap in report["gaps"] if gap["what"].startswith("experiments")]
    said += [fix["verification"]["reason"] for fix in report["fixes"]]
    assert len(said) > 1
    assert all("over processes" in reason and "--strategy ddp" in reason for reason in said)
    assert not any("--verify" in step for step in report["next_steps"])


@pytest.mark.heavy
def test_gradients_that_are_averaged_over_ranks_are_not_taken_for_clipped(tmp_path: Path) -> None:
    done = started(tmp_path, "ddp", str(SCRIPT.with_name("unclipped.py")))
    assert done.stdout.strip() == "[1.0, 1.0, 1.0]", done.stderr


@pytest.mark.heavy
def test_replicas_that_drifted_apart_are_named(tmp_path: Path) -> None:
    report, _ = trained(tmp_path, "ddp", "drift")
    [finding] = [f for f in report["findings"] if f["name"] == "drifted-replicas"]
    assert "3" in finding["layers"]
    assert finding["first_step"] == 6


@pytest.mark.heavy
def test_a_rank_that_dies_neither_hangs_the_others_nor_loses_what_was_measured(
    tmp_path: Path,
) -> None:
    report, done = trained(tmp_path, "ddp", "dies")
    assert done.returncode != 0
    assert "rank 1 has had enough" in done.stderr
    assert report["run"]["steps"] >= 20
    assert "vanishing-gradient" in {f["name"] for f in report["findings"]}
