"""`gradcheck demo`: a small training script that does not learn, written here and diagnosed."""

import ast
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from gradcheck_cli.cli.consoles import err, out
from gradcheck_cli.cli.edge import command
from gradcheck_cli.errors import ExitCode, UsageError

FIRST = "vanishing"


@command
def demo(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Which one; --list shows all.")
    ] = FIRST,
    show: Annotated[bool, typer.Option("--list", help="List the demos and stop.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Write over an existing file.")] = False,
) -> int:
    """Write a small training script into this folder and diagnose it.

    The script is plain PyTorch, of 20 lines; change it and run `gradcheck` on it again.
    """
    texts = scripts()
    if show:
        for each, text in texts.items():
            out().print(f"{each:10} {ast.get_docstring(ast.parse(text))}", markup=False)
        return ExitCode.OK
    if name not in texts:
        raise UsageError(f"there is no demo {name!r}; choose from {', '.join(texts)}")
    file = Path(f"gradcheck_demo_{name}.py")
    _write(file, texts[name], force=force)
    words = ["diagnose", "--steps", "200", str(file)]
    err().print(f"wrote {file}; now: gradcheck {' '.join(words)}", markup=False)
    return _gradcheck(words)


def scripts() -> dict[str, str]:
    """Return the source of every demo by its name, the first one first."""
    folder = files("gradcheck_cli") / "demos"
    names = sorted(f.name.removesuffix(".py") for f in folder.iterdir() if f.name.endswith(".py"))
    names.sort(key=lambda name: name != FIRST)
    return {name: (folder / f"{name}.py").read_text(encoding="utf-8") for name in names}


def _write(file: Path, text: str, *, force: bool) -> None:
    if file.exists() and file.read_text(encoding="utf-8") != text and not force:
        raise UsageError(f"{file} exists and was changed; --force writes over it")
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}") from error


def _gradcheck(words: list[str]) -> int:
    """Run another command in this process; findings are what a demo is for, so they are no failure."""
    from gradcheck_cli.cli.app import app

    try:
        code = app(args=words, prog_name="gradcheck", standalone_mode=False)
    except SystemExit as ended:  # how a command ends
        code = ended.code
    return ExitCode.OK if code in {None, ExitCode.OK, ExitCode.FINDINGS} else int(code)
