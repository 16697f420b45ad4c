"""Processes in which something breaks: for the tests, and for the table of `make faults`."""

from dataclasses import dataclass
from pathlib import Path

from gradcheck_cli.errors import GradcheckError
from gradcheck_cli.records.report import Report
from gradcheck_cli.records.yamlfile import read
from tests.distributed.strategies import free_port
from tests.faults.test_processes import BREAKS_A_RULE, DEAD_WORKER, HANGING, MODEL
from tests.faults.test_snapshots import SCRIPT
from tests.support.processes import ROOT, python

BREAKS_A_RENDERER = (
    MODEL
    + """
from gradcheck_cli.renderers.html import page
page._facts = None  # what ours calls: the frame that fails is ours
"""
)
PUTS_A_RENDERER_OF_ITS_OWN = (
    MODEL
    + """
from gradcheck_cli.renderers.formats import find

def broken(*_):
    raise ZeroDivisionError("a renderer of the user's")

object.__setattr__(find("html"), "write", broken)
"""
)
IS_STOPPED = (
    MODEL
    + """
from gradcheck_cli import pipeline
import os, signal

real = pipeline.rank

def ranking(*args, **kwargs):
    os.kill(os.getpid(), signal.NUMBER)
    len([])
    return real(*args, **kwargs)

pipeline.rank = ranking
"""
)
NO_MEMORY = (
    MODEL
    + """
calls = []

def loss_fn(output, target):
    calls.append(1)
    if len(calls) > 20:
        torch.ones(2**50)
    return nn.functional.cross_entropy(output, target)
"""
)
FORKS = SCRIPT.replace(
    "        time.sleep",
    """        import os
        if _ == 10:
            child = os.fork()
            if not child:
                model(x).sum().backward()
                optimizer.step()
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
        time.sleep""",
)
THREADS = (
    SCRIPT.replace("import sys, time", "import sys, time, threading")
    + """
def other():
    second = nn.Linear(4, 3)
    steps = torch.optim.SGD(second.parameters(), lr=0.1)
    for _ in range(30):
        x = torch.randn(16, 4)
        steps.zero_grad()
        nn.functional.cross_entropy(second(x), x[:, :3].argmax(1)).backward()
        steps.step()

thread = threading.Thread(target=other)
thread.start()
for _ in range(30):
    x = torch.randn(16, 4)
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(x), x[:, :3].argmax(1)).backward()
    optimizer.step()
thread.join()
"""
)
LEAVES = SCRIPT + "\nimport os\nos._exit(0)\n"
CLOSES = MODEL.replace(
    "import time", "import os, sys, time\nos.closerange(1, 3)\nsys.stdout = None"
)

META = MODEL.replace("nn.Linear(8, 3))", "nn.Linear(8, 3, device='meta'))")
IN_ITSELF = MODEL.replace("    return nn.Sequential(", "    net = nn.Sequential(").replace(
    "nn.Linear(8, 3))", "nn.Linear(8, 3))\n    net[0].whole = net\n    return net", 1
)
MOVES = MODEL + "\nimport os\nos.mkdir('far')\nos.chdir('far')\n"


def leaving(how: str, after: int) -> str:
    """A loss that ends the program in this way when it is asked for the loss again."""
    return NO_MEMORY.replace("torch.ones(2**50)", f"import os, sys; {how}").replace(
        "> 20", f"> {after}"
    )


DIAGNOSE = "diagnose m.py --no-verify --steps 25 -o yaml:r.yaml"


@dataclass(frozen=True, slots=True)
class Scene:
    """A file m.py, a command, and what has to come of them."""

    name: str
    source: str
    command: str
    codes: frozenset[int]
    reports: bool = True
    full: bool = False  # is b.yaml on a full disk?
    allowed: str = ""  # a traceback that is to be shown
    ranks: int = 0  # that torchrun starts
    beside: tuple[str, ...] = ()  # files with these names that hold nothing of use
    shown_elsewhere: bool = False  # by a test of its own


SCENES = (
    Scene("a rule crashes", BREAKS_A_RULE, DIAGNOSE, frozenset({4})),
    Scene("a renderer of ours crashes", BREAKS_A_RENDERER, DIAGNOSE.replace("-o", "-o html:r.html -o"),
          frozenset({4}), allowed="Traceback"),
    Scene("a renderer of the user's crashes", PUTS_A_RENDERER_OF_ITS_OWN,
          DIAGNOSE.replace("-o", "-o html:r.html -o"), frozenset({3}), allowed="Traceback"),
    Scene("SIGTERM comes while causes are ranked", IS_STOPPED.replace("NUMBER", "SIGTERM"),
          f"{DIAGNOSE} --examine none", frozenset({130}), shown_elsewhere=True),
    Scene("Ctrl-C comes while causes of a fix are ranked", IS_STOPPED.replace("NUMBER", "SIGINT"),
          "fix m.py --steps 25 --examine none -o yaml:r.yaml", frozenset({130}), shown_elsewhere=True),
    Scene("no memory is left", NO_MEMORY, f"{DIAGNOSE} --loss m.py:loss_fn", frozenset({1, 3})),
    Scene("a worker dies", DEAD_WORKER, DIAGNOSE, frozenset({3}), reports=False),
    Scene("a disk is full", MODEL, DIAGNOSE.replace("-o", "-o yaml:b.yaml -o"), frozenset({2}), full=True),
    Scene("nothing can be written", MODEL, "diagnose m.py --no-verify -o yaml:/proc/r.yaml",
          frozenset({2}), reports=False),
    Scene("the data hangs", HANGING.replace("FROM", "40").replace("WORKERS", "0"),
          f"{DIAGNOSE} --timeout 6", frozenset({1, 3})),
    Scene("a rank dies", (ROOT / "tests/scripts/parallel.py").read_text(encoding="utf-8"),
          "run -o yaml:r.yaml m.py ddp dies", frozenset({1}), allowed="Traceback", ranks=2),
    Scene("a loss calls sys.exit(0)", leaving("sys.exit(0)", 0), f"{DIAGNOSE} --loss m.py:loss_fn",
          frozenset({3}), reports=False, shown_elsewhere=True),
    Scene("a loss raises GeneratorExit", leaving("raise GeneratorExit", 0),
          f"{DIAGNOSE} --loss m.py:loss_fn", frozenset({3}), reports=False, shown_elsewhere=True),
    Scene("a loss calls os._exit(0) after some steps", leaving("os._exit(0)", 20),
          f"{DIAGNOSE} --loss m.py:loss_fn", frozenset({3}), shown_elsewhere=True),
    Scene("the script calls os._exit(0)", LEAVES, "run -o yaml:r.yaml m.py 40 0", frozenset({0, 1}), shown_elsewhere=True),
    Scene("the model closes stdout", CLOSES, DIAGNOSE, frozenset({0, 1}), shown_elsewhere=True),
    Scene("no rule is selected", MODEL, f"{DIAGNOSE} --select GC999", frozenset({2}), reports=False, shown_elsewhere=True),
    Scene("a tensor holds no numbers", META, DIAGNOSE, frozenset({3}), reports=False,
          shown_elsewhere=True),
    Scene("a module is inside itself", IN_ITSELF, DIAGNOSE, frozenset({3}), reports=False,
          shown_elsewhere=True),
    Scene("a seed is too long", MODEL, f"{DIAGNOSE} --seed {2**70}", frozenset({2}), reports=False,
          shown_elsewhere=True),
    Scene("the name of a report is too long", MODEL, f"{DIAGNOSE} -o html:{'x' * 300}",
          frozenset({2}), reports=False, shown_elsewhere=True),
    Scene("files have the names of our modules", MODEL, DIAGNOSE, frozenset({0, 1}),
          beside=("yaml", "random", "queue", "torch", "rich"), shown_elsewhere=True),
    Scene("the model changes the folder", MOVES, DIAGNOSE, frozenset({0, 1}), shown_elsewhere=True),
    Scene("an exit handler calls os._exit(0)", MODEL + "\nimport atexit, os\natexit.register(os._exit, 0)\n",
          f"{DIAGNOSE} --optimizer SGD --lr 10000", frozenset({1}), shown_elsewhere=True),
    Scene("a thread does not end", MODEL + "\nimport threading\nthreading.Thread(target=time.sleep, args=(999,)).start()\n",
          DIAGNOSE, frozenset({0, 1}), shown_elsewhere=True),
    Scene("os.replace is taken away", MODEL + "\nimport os\nos.replace = None\n", DIAGNOSE,
          frozenset({0, 1}), shown_elsewhere=True),
    Scene("nobody reads the pipe of a report", MODEL + "\nimport os\nos.mkfifo('p')\n",
          DIAGNOSE.replace("-o", "-o html:p -o"), frozenset({2}), shown_elsewhere=True),
    Scene("a report has no end", MODEL, "report /dev/zero", frozenset({2}), reports=False,
          shown_elsewhere=True),
    Scene("a baseline has no end", MODEL, f"{DIAGNOSE} --baseline /dev/zero", frozenset({2}),
          reports=False, shown_elsewhere=True),
    Scene("the script forks", FORKS, "run -o yaml:r.yaml m.py 40 0", frozenset({0, 1})),
    Scene("two threads train", THREADS, "run -o yaml:r.yaml m.py 5 0", frozenset({0, 1})),
)  # fmt: skip


def played(scene: Scene, folder: Path) -> tuple[int, str, Report | None]:
    """Return the exit code, all that was said, and the report if there is one that can be read."""
    (folder / "m.py").write_text(scene.source)
    for name in scene.beside:
        (folder / f"{name}.py").write_text("WHO = 'theirs'\n")
    if scene.full:
        (folder / "b.yaml").symlink_to("/dev/full")
    several = f"-m torch.distributed.run --nproc-per-node {scene.ranks} --master-port {free_port()}"
    front = several.split() if scene.ranks else ()
    done = python(folder, *front, "-m", "gradcheck_cli", *scene.command.split())
    try:
        report = read(folder / "r.yaml")
    except GradcheckError:
        report = None
    return done.returncode, done.stdout + done.stderr, report
