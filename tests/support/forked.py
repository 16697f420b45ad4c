"""Many commands as processes of their own, forked from one that has imported torch already."""

import json
from dataclasses import dataclass
from pathlib import Path

from tests.support.processes import python

FORKING = """
import json, os, sys
if "" in sys.path:
    sys.path.remove("")
import torch
from gradcheck_cli import shadowing
shadowing.begin()
import gradcheck_cli.cli.app, gradcheck_cli.diagnosing, gradcheck_cli.fixing, gradcheck_cli.running
from gradcheck_cli.__main__ import main
torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)  # imports half of torch

def run(words, env):
    os.environ.update(env)
    files = [os.open(f"said.{number}", os.O_RDWR | os.O_CREAT | os.O_TRUNC) for number in (1, 2)]
    os.dup2(files[0], 1), os.dup2(files[1], 2)
    sys.stdout, sys.stderr = (open(n, "w", closefd=False) for n in (1, 2))
    sys.argv = ["gradcheck", *words]
    try:
        main()
    except SystemExit as stop:
        code = stop.code
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)

for folder, words, env in json.load(sys.stdin):
    os.chdir(folder)
    child = os.fork()
    if not child:
        run(words, env)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    print(json.dumps([code]), flush=True)
"""


@dataclass(frozen=True, slots=True)
class Told:
    """What became of a command."""

    code: int
    out: str
    err: str


def told(folders: list[tuple[Path, str, dict[str, str]]]) -> list[Told]:
    """Run `gradcheck WORDS` in each folder, and return the exit codes and what was said."""
    asked = [[str(folder), words.split(), env] for folder, words, env in folders]
    done = python(Path.cwd(), "-c", FORKING, given=json.dumps(asked))
    assert done.returncode == 0, done.stderr
    codes = [json.loads(line)[0] for line in done.stdout.splitlines()]
    said = [[(f / f"said.{n}").read_text(encoding="utf-8") for n in (1, 2)] for f, _, _ in folders]
    return [Told(code, *words) for code, words in zip(codes, said, strict=True)]
