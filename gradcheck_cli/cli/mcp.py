"""`gradcheck mcp`: the commands as tools of a Model Context Protocol server, over stdin and stdout.

Every tool runs `gradcheck` as a process of its own, so that a user's code can neither write into the
protocol nor leave anything behind in the server.
"""

import json
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from gradcheck_cli import __version__, elsewhere
from gradcheck_cli.cli.edge import command
from gradcheck_cli.errors import ExitCode, UsageError
from gradcheck_cli.records.document import from_document
from gradcheck_cli.records.shapes import ShapeError
from gradcheck_cli.renderers.words import MARKS, clean, ordered, unasked

if TYPE_CHECKING:
    from mcp.server.mcpserver import MCPServer

LONGEST = 8000  # characters of stderr and of stdout that are returned
MEANING = {
    ExitCode.OK: "nothing at or above the gate was found, or it was done",
    ExitCode.FINDINGS: "something is wrong: read the findings and the fix",
    ExitCode.USAGE: "the call is wrong: mend the path, name or option that is named",
    ExitCode.CANNOT_DIAGNOSE: "nothing was measured: the code raised, or no step ran",
    ExitCode.BUG: "a bug of gradcheck",
    ExitCode.INTERRUPTED: "interrupted",
}
INSTRUCTIONS = (
    "gradcheck tells why a PyTorch model does not learn and proves fixes by training beside a control. "
    "Start with `diagnose`. Nothing is written into source files unless `fix` is called with write=true."
)


@command
def mcp(
    python: Annotated[
        str, typer.Option("--python", metavar="FILE", help="The interpreter that runs your code.")
    ] = sys.executable,
) -> int:
    """Serve diagnose, examine, run, fix, explain and compare to coding agents, over stdin and stdout."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # a thread of it waits for stdin
    try:
        server(python).run()
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] != "mcp":
            raise
        raise UsageError(
            "the package mcp (2 or newer) is missing: pip install 'gradcheck-cli[mcp]'"
        ) from missing
    return ExitCode.OK


def server(python: str = sys.executable) -> "MCPServer":
    """Return the server; raises ModuleNotFoundError without the package mcp."""
    from mcp.server.mcpserver import MCPServer
    from mcp.types import ToolAnnotations

    made = MCPServer("gradcheck", instructions=INSTRUCTIONS, version=__version__)
    tools = Tools(python)
    for tool in (tools.diagnose, tools.examine, tools.run, tools.explain, tools.compare):
        made.tool(annotations=ToolAnnotations(read_only_hint=True))(tool)
    made.tool(annotations=ToolAnnotations(read_only_hint=False, destructive_hint=True))(tools.fix)
    return made


@dataclass(frozen=True, slots=True)
class Tools:
    """The tools; their docstrings are what an agent reads. `python` runs the user's code."""

    python: str

    async def diagnose(
        self, target: str, options: list[str] | None = None, folder: str = "."
    ) -> str:
        """Train `target` (file.py:name, or a file) for a few observed steps and say why it does not learn.

        `options` are those of `gradcheck diagnose`, for example ["--data", "train.py:loader"]. Fixes are
        tried beside a control for up to a minute; ["--no-verify"] leaves that out.
        """
        words = ["diagnose", target, *(options or []), "--output", "brief"]
        return await _gradcheck(self.python, words, folder)

    async def examine(
        self, target: str, options: list[str] | None = None, folder: str = "."
    ) -> str:
        """Put questions to a training by experiment, and return each answer; fixes are not tried.

        Can it learn a few samples by heart, do outputs depend on inputs, does a step lower the loss, and more.
        `options` are those of `gradcheck diagnose`.
        """
        words = ["diagnose", target, *(options or []), "--no-verify", "--output", "json", "--quiet"]
        return await _gradcheck(self.python, words, folder, _checklist)

    async def run(
        self,
        script: str,
        arguments: list[str] | None = None,
        options: list[str] | None = None,
        folder: str = ".",
    ) -> str:
        """Run a training script unchanged, with its own arguments, and say why its model does not learn.

        `options` are those of `gradcheck run`; ["--stop-after", "200"] ends it early.
        """
        words = ["run", *(options or []), "--output", "brief", script, *(arguments or [])]
        return await _gradcheck(self.python, words, folder)

    async def fix(
        self, target: str, options: list[str] | None = None, folder: str = ".", write: bool = False
    ) -> str:
        """Try fixes and return the diff of the best one that is proven; `write` applies it to the file."""
        given = [o for o in options or [] if o != "--write"]
        words = ["fix", target, *given, *(["--write"] if write else [])]
        return await _gradcheck(self.python, words, folder)

    async def explain(self, name: str) -> str:
        """Return the manual of a rule (GC101), a cause or a fix."""
        return await _gradcheck(self.python, ["explain", name], ".")

    async def compare(self, before: str, after: str, folder: str = ".") -> str:
        """Say what is new, gone, worse and better between two saved reports (YAML files)."""
        return await _gradcheck(self.python, ["compare", before, after], folder)


async def _gradcheck(
    python: str, words: list[str], folder: str, told: Callable[[str], str] = str
) -> str:
    """Return what a gradcheck process printed, as `told` puts it, and what its exit code means."""
    import anyio

    if not await anyio.Path(folder).is_dir():
        return f"exit code 2: there is no folder {folder}"
    try:
        line = [python, "-m", "gradcheck_cli", *words]
        line = line if python == sys.executable else elsewhere.command(python, words)
    except UsageError as error:
        return f"exit code 2: {error}"
    done = await anyio.run_process(
        line,
        cwd=folder,
        check=False,
        env={**elsewhere.environment(), "NO_COLOR": "1", "COLUMNS": "100"},
    )
    said = [_end(told(done.stdout.decode("utf-8", "replace"))), _end(done.stderr)]
    known = {int(code): meaning for code, meaning in MEANING.items()}
    meaning = known.get(done.returncode, "the script's own exit code")
    return "\n\n".join([*filter(None, said), f"exit code {done.returncode}: {meaning}"])


def _checklist(output: str) -> str:
    """Return the answers of a report in JSON, a line each; what is no report stays as it is."""
    try:
        report = from_document(json.loads(output))
    except (ValueError, ShapeError):
        return output
    lines = [f"# gradcheck: {report.verdict}", report.headline, ""]
    answers = ordered(report.examination)
    lines += [f"- {MARKS[a.outcome]}: {a.question} {a.said}" for a in answers]
    lines += [f"- not asked: {line}" for line in unasked(report.examination)]
    return "\n".join(map(clean, lines))


def _end(output: bytes | str) -> str:
    text = output if isinstance(output, str) else output.decode("utf-8", "replace")
    text = text.strip()
    return text if len(text) <= LONGEST else f"[cut] {text[-LONGEST:]}"
