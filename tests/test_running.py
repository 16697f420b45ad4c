"""`gradcheck run` on real scripts that know nothing of it, as processes."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.support.processes import forked, python

SCRIPTS = Path(__file__).parent / "scripts"
ROOT = Path(__file__).parent.parent


class Ran:
    """One process that has ended."""

    def __init__(self, done, report: Path) -> None:
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr
        self.report = json.loads(report.read_text()) if report.exists() else None

    @property
    def found(self) -> set[str]:
        return {f["name"] for f in self.report["findings"] if f["severity"] == "error"}


def start(
    command: list[str], folder: Path, examine: str = "none", *, anew: bool = False, **more: bool
) -> subprocess.Popen:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    environment["GRADCHECK_EXAMINE"] = examine
    return subprocess.Popen(
        [sys.executable, *command] if anew else forked(*command),
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **more,
    )


def finish(process: subprocess.Popen, report: Path) -> Ran:
    out, err = process.communicate(timeout=280)
    return Ran(subprocess.CompletedProcess([], process.returncode, out, err), report)


def watched(
    folder: Path,
    script: str,
    *arguments: str,
    options: tuple[str, ...] = (),
    examine: str = "none",
    anew: bool = False,
) -> Ran:
    report = folder / "report.json"
    asked = ["-m", "gradcheck_cli", "run", "-q", "-o", f"json:{report}", *options]
    command = [*asked, str(SCRIPTS / script), *arguments]
    return finish(start(command, folder, examine, anew=anew), report)


def alone(folder: Path, script: str, *arguments: str) -> Ran:
    return finish(start([str(SCRIPTS / script), *arguments], folder), folder / "none")


def same_weights(one: Path, other: Path) -> bool:
    sums = []
    for file in (one, other):
        code = (
            "import sys, torch\nsys.path.insert(0, sys.argv[1])\nfrom plain import Net\n"
            "import __main__; __main__.Net = Net\n"
            "m = torch.load(sys.argv[2], weights_only=False)\n"
            "print([p.double().sum().item().hex() for p in m.parameters()])"
        )
        sums.append(python(file.parent, "-c", code, str(SCRIPTS), str(file)).stdout)
    return sums[0] == sums[1] and "0x" in sums[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    "workers",
    [("0",), *(pytest.param(w, marks=pytest.mark.heavy) for w in (("2", "fork"), ("2", "spawn")))],
)
def test_a_plain_script_is_diagnosed_and_its_output_and_weights_stay_the_same(
    tmp_path: Path, workers: tuple[str, ...]
) -> None:
    theirs = alone(tmp_path, "plain.py", "a.pt", *workers)
    ours = watched(tmp_path, "plain.py", "b.pt", *workers, examine="quick", anew=True)
    assert theirs.code == 0, theirs.err
    assert ours.out == theirs.out.replace("a.pt", "b.pt")
    assert same_weights(tmp_path / "a.pt", tmp_path / "b.pt")
    assert ours.code == 1
    assert "vanishing-gradient" in ours.found
    assert ours.report["causes"][0]["name"] == "saturating-activation"
    assert ours.report["run"]["steps"] == 48
    assert ours.report["run"]["batch_size"] == 32, "the evaluations have 512"


@pytest.mark.slow
def test_it_names_the_line_that_built_the_layer_and_how_fixes_are_tried(tmp_path: Path) -> None:
    ran = watched(tmp_path, "plain.py", "a.pt")
    [finding] = [f for f in ran.report["findings"] if f["name"] == "vanishing-gradient"]
    source = (SCRIPTS / "plain.py").read_text().splitlines()
    assert Path(finding["at"]["file"]).name == "plain.py"
    assert "nn.Linear(16, 32)" in source[finding["at"]["line"] - 1]
    assert ran.report["next_steps"][0].startswith("gradcheck fix ")


@pytest.mark.slow
def test_stop_after_ends_the_script_and_observes_every_step(tmp_path: Path) -> None:
    ran = watched(tmp_path, "plain.py", "a.pt", options=("--stop-after", "24"))
    assert (ran.report["run"]["steps"], ran.report["run"]["observed_steps"]) == (24, 24)
    assert not (tmp_path / "a.pt").exists()
    assert "vanishing-gradient" in ran.found
    assert ran.code == 1


@pytest.mark.slow
def test_an_exception_keeps_its_traceback_and_code_and_what_led_to_it_is_reported(
    tmp_path: Path,
) -> None:
    theirs, ours = alone(tmp_path, "explodes.py"), watched(tmp_path, "explodes.py")
    assert theirs.code == ours.code == 1
    assert ours.err.startswith(theirs.err)
    assert "gradcheck_cli" not in ours.err
    assert "update-too-large" in ours.found
    assert any("ValueError: the loss is no number" in g["reason"] for g in ours.report["gaps"])


@pytest.mark.slow
@pytest.mark.parametrize("options", [(), ("--verify",)])
def test_rows_of_weights_may_be_written_to_without_gradients(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    theirs = alone(tmp_path, "bounded.py")
    ours = watched(tmp_path, "bounded.py", options=options, examine="quick")
    assert theirs.code == ours.code == 0, ours.err
    assert ours.out == theirs.out
    assert ours.report["verdict"] == "healthy"


@pytest.mark.slow
def test_what_torch_raises_has_the_frames_it_has_without_us_and_comes_first_in_the_advice(
    tmp_path: Path,
) -> None:
    theirs, ours = alone(tmp_path, "stateful.py"), watched(tmp_path, "stateful.py")
    assert "backward through the graph a second time" in theirs.err
    assert theirs.code == ours.code == 1
    assert ours.err.startswith(theirs.err)
    assert ours.report["next_steps"] == ["fix the error that stopped the script first"]


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_script_that_is_stopped_from_outside_is_reported(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    report = tmp_path / "r.json"
    command = ["-m", "gradcheck_cli", "run", "-q", "-o", f"json:{report}"]
    process = start([*command, str(SCRIPTS / "endless.py")], tmp_path, examine="quick")
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    ran = finish(process, report)
    assert bool(ran.report.get("examination")) is (number == signal.SIGINT)
    assert ran.code == code
    assert ran.report["run"]["interrupted"] is True
    assert "vanishing-gradient" in ran.found


WORKERS = """
import torch
from torch import nn
from torch.utils.data import DataLoader
if __name__ == "__main__":
    net = nn.Linear(4, 2)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    data = [(torch.randn(4), 0)] * 10**6
    for number, (x, y) in enumerate(DataLoader(data, 2, num_workers=2)):
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(x), y).backward()
        optimizer.step()
        if number == 20:
            print("ready", flush=True)
"""


@pytest.mark.heavy
@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_workers_killed_by_the_same_signal_do_not_take_the_report_with_them(
    tmp_path: Path, number: signal.Signals
) -> None:
    (tmp_path / "s.py").write_text(WORKERS)
    report = tmp_path / "r.json"
    command = ["-m", "gradcheck_cli", "run", "-q", "-o", f"json:{report}", "s.py"]
    process = start(command, tmp_path, anew=True, start_new_session=True)
    assert process.stdout.readline() == "ready\n"
    os.killpg(process.pid, number)
    ran = finish(process, report)
    assert ran.code == 128 + number
    assert ran.report["run"]["interrupted"] is True
    assert "bug" not in ran.err


@pytest.mark.slow
@pytest.mark.heavy
def test_two_models_against_each_other_are_two_trainings_and_the_exit_code_is_kept(
    tmp_path: Path,
) -> None:
    theirs, ours = alone(tmp_path, "gan.py", "7"), watched(tmp_path, "gan.py", "7")
    assert theirs.code == ours.code == 7
    assert theirs.out == ours.out
    assert ours.report["verdict"] == "healthy"
    assert {row["path"] for row in ours.report["layers"]} >= {"generator.0", "critic.2"}
    assert ours.report["run"]["optimizer"] == "Adam"
    assert not {"stalled-loss", "diverging-loss"} & {f["name"] for f in ours.report["findings"]}


@pytest.mark.slow
def test_of_two_models_the_sick_one_is_named_and_the_exit_code_is_kept(tmp_path: Path) -> None:
    theirs, ours = alone(tmp_path, "gan.py", "7", "sick"), watched(tmp_path, "gan.py", "7", "sick")
    assert theirs.code == ours.code == 7
    assert theirs.out == ours.out
    [finding] = [f for f in ours.report["findings"] if f["name"] == "vanishing-gradient"]
    assert all(layer.startswith("generator.") for layer in finding["layers"])


@pytest.mark.slow
def test_a_module_is_run_as_python_runs_it(tmp_path: Path) -> None:
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "train.py").write_text(
        "from . import __name__ as home\nimport sys\nprint(__name__, home, __spec__.name, sys.argv)\n"
    )
    theirs = finish(start(["-m", "package.train", "--lr", "3"], tmp_path), tmp_path / "none")
    command = ["-m", "gradcheck_cli", "run", "-m", "package.train", "--lr", "3"]
    ours = finish(start(command, tmp_path), tmp_path / "none")
    assert theirs.code == 0, theirs.err
    assert ours.out == theirs.out
    assert "package.train" in ours.out
    assert ours.code == 3


@pytest.mark.parametrize(
    ("code", "said", "exit_code"),
    [
        ("print('no torch')", "did not import torch", 3),
        ("import torch\nprint(1)", "no optimizer stepped", 3),
        (
            "import torch\nm = torch.nn.Linear(2, 2)\nm(torch.ones(1, 2)).sum().backward()",
            "nothing was trained",
            3,
        ),
        (
            "import torch\nw = torch.nn.Parameter(torch.ones(2))\no = torch.optim.SGD([w], 0.1)\n"
            "(w * w).sum().backward()\no.step()",
            "do not suffice",
            3,
        ),
        ("import torch\nprint(torch.ones(1) @ torch.ones(2))", "ended with RuntimeError before", 1),
        ("import sys, torch\nsys.exit(2)", "ended with exit code 2 before", 2),
    ],
)
def test_nothing_measured_is_said_with_advice_and_the_code_is_3_or_theirs(
    tmp_path: Path, code: str, said: str, exit_code: int
) -> None:
    (tmp_path / "s.py").write_text(code)
    command = ["-m", "gradcheck_cli", "run", "s.py"]
    ran = finish(start(command, tmp_path, anew="no torch" in code), tmp_path / "none")
    assert ran.code == exit_code
    assert said in " ".join(ran.err.split())


def test_a_script_runs_once(tmp_path: Path) -> None:
    (tmp_path / "s.py").write_text("print('here')")
    ran = finish(start(["-m", "gradcheck_cli", "run", "s.py"], tmp_path), tmp_path / "none")
    assert ran.out == "here\n"


def test_a_script_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    ran = finish(start(["-m", "gradcheck_cli", "run", "no.py"], tmp_path), tmp_path / "none")
    assert ran.code == 2
    assert "there is no such script" in ran.err


@pytest.mark.heavy
def test_the_script_still_decides_on_its_environment_before_torch_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "s.py").write_text(
        "import sys, os\nassert 'torch' not in sys.modules\nos.environ['OMP_NUM_THREADS'] = '2'\n"
        "import torch\nprint(torch.get_num_threads())"
    )
    command = ["-m", "gradcheck_cli", "run", "s.py"]
    ran = finish(start(command, tmp_path, anew=True), tmp_path / "none")
    assert ran.out == "2\n"


@pytest.mark.heavy
@pytest.mark.parametrize("script", ["lightning_net.py", "accelerated.py", "configured.py"])
def test_frameworks_run_as_they_are_and_are_diagnosed(tmp_path: Path, script: str) -> None:
    theirs, ours = alone(tmp_path, script), watched(tmp_path, script)
    assert theirs.code == 0, theirs.err
    assert ours.out == theirs.out
    assert "vanishing-gradient" in ours.found
    assert ours.report["causes"][0]["name"] == "saturating-activation"
    assert ours.report["run"]["steps"] >= 32


@pytest.mark.heavy
@pytest.mark.parametrize(
    "options",
    [
        (),
        ("gradient_accumulation_steps=2", "gradient_checkpointing=True"),
        ("eval_strategy='steps'", "eval_steps=6"),
        ("bf16=True",),
    ],
)
def test_the_trainer_of_transformers_is_diagnosed_and_trains_the_same_weights(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    theirs, ours = (f(tmp_path, "hf_trainer.py", *options) for f in (alone, watched))
    assert theirs.code == 0, theirs.err
    assert ours.out.splitlines()[-1] == theirs.out.splitlines()[-1]
    assert ours.report["run"]["steps"] == 24
    assert "init-too-small" in {c["name"] for c in ours.report["causes"]}


@pytest.mark.heavy
def test_a_compiled_trainer_in_bf16_runs_eagerly_where_it_is_read_and_the_report_says_so(
    tmp_path: Path,
) -> None:
    theirs, ran = (
        f(tmp_path, "hf_trainer.py", "torch_compile=True", "bf16=True") for f in (alone, watched)
    )
    assert theirs.code == 0, theirs.err
    sums = [float(x.out.splitlines()[-1]) for x in (theirs, ran)]
    assert sums[0] == pytest.approx(sums[1], rel=1e-2), "compiled, and eager, in half precision"
    assert "init-too-small" in {c["name"] for c in ran.report["causes"]}
    assert ran.report["run"]["steps"] == 24
    assert ran.report["run"]["precision"] == "bfloat16"
    assert any("force_eager" in a for a in ran.report["assumptions"])
    assert "global hooks" not in ran.err


def test_torch_is_as_it_was_after_a_run(tmp_path: Path) -> None:
    from gradcheck_cli.probe.everywhere import Everywhere

    before = (torch.autograd.backward, torch.optim.Optimizer.__init__, torch.compile)
    with Everywhere():
        assert torch.autograd.backward is not before[0]
    after = (torch.autograd.backward, torch.optim.Optimizer.__init__, torch.compile)
    assert after == before
