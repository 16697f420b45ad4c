"""`gradcheck --python FILE ...`: the same command under a project's own interpreter.

So one `pipx install gradcheck-cli` serves every project: torch and all else that the project has comes
from the project, and what it lacks of gradcheck's own needs from where gradcheck is installed.
"""

import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

from gradcheck_cli.errors import UsageError

OPTION = "--python"
HOMES = "GRADCHECK_HOMES"  # for processes that one of ours starts
ASK = "import json, sys; print(json.dumps([sys.implementation.cache_tag, sys.executable]))"
START = (
    "import os, sys\nif not sys.flags.safe_path: del sys.path[0]\n"
    f"sys.path += [p for p in os.environ[{HOMES!r}].split(os.pathsep) if p not in sys.path]\n"
    "from gradcheck_cli.__main__ import main\nmain()"
)
PATIENCE = 60.0  # seconds until an interpreter has said its version


def asked(arguments: Sequence[str]) -> tuple[str, list[str]]:
    """Return the interpreter that the first argument, `--python`, names, and the other arguments."""
    _, _, joined = arguments[0].partition("=")
    file = joined or "".join(arguments[1:2])
    rest = list(arguments[1:] if joined else arguments[2:])
    if not file:
        raise UsageError(f"{OPTION} needs a file: gradcheck {OPTION} .venv/bin/python diagnose ...")
    return file, rest


def command(python: str, arguments: Sequence[str]) -> list[str]:
    """Return the command line that runs gradcheck under an interpreter. Raises UsageError where it cannot."""
    try:
        done = subprocess.run(  # noqa: S603 - the interpreter that the user names
            [python, "-c", ASK], capture_output=True, text=True, timeout=PATIENCE, check=True
        )
        tag, _ = json.loads(done.stdout.splitlines()[-1])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError) as error:
        raise UsageError(f"{python} is no Python interpreter that can be run: {error}") from error
    ours = sys.implementation.cache_tag
    if tag != ours:
        raise UsageError(
            f"{python} is {tag} and gradcheck is installed for {ours}; install it for that one: "
            f"uv tool install --python {python} gradcheck-cli, or pip install gradcheck-cli there"
        )
    return [python, "-c", START, *arguments]


def environment() -> dict[str, str]:
    """Return the environment of such a process: where gradcheck and what it needs is found."""
    package = str(Path(__file__).parent.parent)
    installed = (sysconfig.get_path("purelib"), sysconfig.get_path("platlib"))
    known = [p for p in sys.path if p.endswith(("site-packages", "dist-packages"))]
    homes = dict.fromkeys(p for p in (package, *installed, *known) if p)
    return {**os.environ, HOMES: os.pathsep.join(homes)}


def run(python: str, arguments: Sequence[str]) -> int:
    """Run gradcheck there and return its exit code; signals of a terminal reach it by themselves."""
    line, surroundings = command(python, arguments), environment()
    if os.name == "posix":
        os.execve(line[0] if os.sep in line[0] else _found(line[0]), line, surroundings)  # noqa: S606
    return subprocess.run(line, env=surroundings, check=False).returncode  # noqa: S603


def _found(name: str) -> str:
    from shutil import which

    return which(name) or name
