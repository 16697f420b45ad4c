"""`torchrun -m gradcheck_cli diagnose --strategy`: real trainings on two gloo ranks."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.distributed.strategies import FSDP, OLD
from tests.support.processes import ROOT, python

SCRIPT = ROOT / "tests" / "scripts" / "described.py"
NUMBERS = ("gradient", "arriving", "weight", "update", "numel", "depth", "sensitivity", "kind")
TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node")

pytestmark = [pytest.mark.distributed, pytest.mark.heavy]


def diagnosed(
    folder: Path, *options: str, model: str = "build_model", ranks: int = 2, verify: bool = False
) -> subprocess.CompletedProcess:
    several = [*TORCHRUN, str(ranks), "--redirects", "3", "--log-dir", str(folder / "logs")]
    command = [*(several if ranks > 1 else []), "-m", "gradcheck_cli", "diagnose"]
    command += [f"{SCRIPT}:{model}", "--loss", f"{SCRIPT}:loss_fn", "--data", f"{SCRIPT}:make_data"]
    command += ["--optimizer", f"{SCRIPT}:make_optimizer", "--steps", "20", "--device", "cpu"]
    command += ["-o", "json:report.json", "-q", *([] if verify else ["--no-verify"]), *options]
    return python(folder, *command, TMPDIR=str(folder), NO_COLOR="1")


def report_in(folder: Path) -> dict:
    return json.loads((folder / "report.json").read_text())


def said(folder: Path, rank: int, stream: str = "stderr") -> str:
    [file] = (folder / "logs").glob(f"*/attempt_0/{rank}/{stream}.log")
    return file.read_text()


def codes(done: subprocess.CompletedProcess) -> set[str]:
    """The exit codes that torchrun tells of its processes."""
    lines = [x.split(":")[1] for x in done.stderr.splitlines() if x.strip().startswith("exitcode")]
    return {text.split()[0] for text in lines}


def close(one: object, two: object) -> bool:
    return one == pytest.approx(two, rel=2e-4) if isinstance(one, float) else one == two


def told_by(report: dict) -> list[tuple[str, list[str]]]:
    return [(finding["name"], finding["layers"]) for finding in report["findings"]]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict:
    folder = tmp_path_factory.mktemp("alone")
    done = diagnosed(folder, "--batch-size", "32", ranks=1)
    assert done.returncode == 1, done.stderr
    return report_in(folder)


@pytest.mark.parametrize("strategy", ["ddp", FSDP])
def test_two_ranks_say_what_one_process_says_of_the_same_global_batch(
    tmp_path: Path, alone: dict, strategy: str
) -> None:
    done = diagnosed(tmp_path, "--batch-size", "32", "--strategy", strategy)
    assert codes(done) == {"1"}, done.stderr
    report = report_in(tmp_path)
    assert (report["run"]["world_size"], report["run"]["batch_size"]) == (2, 32)
    assert told_by(report) == told_by(alone)
    assert [x["name"] for x in report["causes"]] == [x["name"] for x in alone["causes"]]
    assert report["causes"][0]["name"] == "saturating-activation"
    assert report["headline"] == alone["headline"]
    assert report["history"]["losses"] == pytest.approx(alone["history"]["losses"], rel=2e-4)
    assert len(report["layers"]) == len(alone["layers"])
    for one, two in zip(alone["layers"], report["layers"], strict=True):
        assert one["path"] == two["path"]
        for name in NUMBERS:
            assert close(one.get(name), two.get(name)), (one["path"], name)
    assert alone["headline"].split(":")[0] in said(tmp_path, 0) + said(tmp_path, 0, "stdout")
    assert said(tmp_path, 1) == said(tmp_path, 1, "stdout") == "", "only rank 0 speaks"
    assert not list(tmp_path.glob("gradcheck-*")), "the ranks' files are gone"


@pytest.mark.parametrize("strategy", ["ddp", FSDP])
def test_fixes_are_tried_on_rank_0_alone_and_the_report_says_so(
    tmp_path: Path, strategy: str
) -> None:
    done = diagnosed(
        tmp_path, "--batch-size", "32", "--strategy", strategy, "--budget", "20", verify=True
    )
    assert codes(done) == {"1"}, done.stderr
    report = report_in(tmp_path)
    assert any(fix["verification"].get("arms") for fix in report["fixes"])
    assert any("rank 0 alone" in text for text in report["assumptions"])


def test_a_layer_that_is_never_called_is_found_and_does_not_stop_ddp(tmp_path: Path) -> None:
    done = diagnosed(tmp_path, "--strategy", "ddp", model="Unused")
    assert done.returncode == 0, "a warning is below --fail-on"
    assert ("never-called", ["forgotten"]) in told_by(report_in(tmp_path))
    assert report_in(tmp_path)["run"]["steps"] == 20


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--strategy", "ddp", "--batch-size", "31"), "31 samples cannot be shared equally by 2"),
        (("--strategy", "pipeline"), "--strategy pipeline: expected ddp or fsdp"),
        ((), "torchrun started 2 processes"),
        (("--strategy", "ddp", "--steps", "auto"), "give a number with --strategy"),
        (("--strategy", "ddp", "--optimizer", "LBFGS"), "LBFGS runs the model several times"),
        (("--strategy", "ddp", "--lr", "-1"), "--lr -1.0: input should be greater than 0"),
    ],
)
def test_what_does_not_fit_is_one_line_of_rank_0_and_the_code_of_all(
    tmp_path: Path, options: tuple[str, ...], message: str
) -> None:
    done = diagnosed(tmp_path, *options)
    assert message in said(tmp_path, 0)
    assert len(said(tmp_path, 0).strip().splitlines()) == 1
    assert said(tmp_path, 1) == ""
    assert codes(done) <= {"2", "-15"}  # torchrun ends the others when one has ended
    assert "2" in codes(done)


@pytest.mark.skipif(not OLD, reason="this torch can")
def test_an_old_torch_is_one_line(tmp_path: Path) -> None:
    done = diagnosed(tmp_path, "--strategy", "fsdp")
    assert "--strategy fsdp on the CPU needs torch 2.7 or newer" in said(tmp_path, 0)
    assert codes(done) <= {"2", "-15"}


@pytest.mark.skipif(OLD, reason="FSDP2 on the CPU needs torch 2.7")
def test_a_model_that_cannot_be_sharded_is_one_line(tmp_path: Path) -> None:
    done = diagnosed(tmp_path, "--strategy", "fsdp", model="Complex")
    assert "Complex cannot be trained with FSDP2 (fully_shard): " in said(tmp_path, 0)
    assert len(said(tmp_path, 0).strip().splitlines()) == 1
    assert codes(done) == {"3"}, done.stderr


def test_a_strategy_without_torchrun_says_how_to_start_it(tmp_path: Path) -> None:
    done = diagnosed(tmp_path, "--strategy", "ddp", ranks=1)
    assert done.returncode == 2
    assert "torchrun --nproc-per-node 2 --no-python gradcheck diagnose" in done.stderr


@pytest.mark.parametrize("way", ["dies", "raises"])
def test_a_rank_that_is_lost_neither_hangs_rank_0_nor_what_was_measured(
    tmp_path: Path, way: str
) -> None:
    data = f"{SCRIPT}:Torn(way='{way}')"
    done = diagnosed(tmp_path, "--batch-size", "32", "--strategy", "ddp", "--data", data)
    assert done.returncode == 1, done.stderr
    report = report_in(tmp_path)
    assert 3 <= report["run"]["steps"] <= 7
    assert any("rank 1" in gap["what"] for gap in report["gaps"])
    if way == "raises":
        assert "the disk of rank 1 is gone" in said(tmp_path, 1)
