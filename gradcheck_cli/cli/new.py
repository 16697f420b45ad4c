"""`gradcheck new KIND NAME`, in a checkout of gradcheck: the file, its test, and its place in the list."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from string import Template
from typing import Annotated

import typer

from gradcheck_cli.cli.consoles import err
from gradcheck_cli.cli.edge import command
from gradcheck_cli.errors import ExitCode, UsageError
from gradcheck_cli.records.finding import HUNDREDS

NAME = re.compile(r"[a-z]+(-[a-z]+)*")
CODE = re.compile(r"# GC(\d{3})")
EXAMPLE = re.compile(r"^\[GC(\d{3})\]$", re.MULTILINE)
_HUNDREDS = "Of a rule: the first digit of its code; " + ", ".join(
    f"{digit} {what}" for digit, what in HUNDREDS.items()
)


class What(StrEnum):
    """What can be added."""

    RULE = "rule"
    CAUSE = "cause"
    FIX = "fix"
    EXPERIMENT = "experiment"


@dataclass(frozen=True, slots=True)
class Place:
    """The folder of a kind, the file that lists it, the name of the list, and what comes next."""

    folder: str
    catalogue: str
    listed: str
    then: str
    also: str = ""  # the tests of the lists
    pages: bool = True  # does the reference show it?


PLACES = {
    What.RULE: Place(
        "rules",
        "__init__.py",
        "RULES",
        "add its name to the findings (second argument of `@cause`) of a cause in gradcheck_cli/causes/",
        "tests/rules/test_catalogue.py tests/rules/test_examples.py tests/causes/test_catalogue.py",
    ),
    What.CAUSE: Place(
        "causes",
        "__init__.py",
        "CAUSES",
        "add its name to `treats` of a fix in gradcheck_cli/remedies/, or `gradcheck new fix`",
        "tests/causes/test_catalogue.py tests/remedies/test_catalogue.py",
    ),
    What.FIX: Place(
        "remedies",
        "catalogue.py",
        "REMEDIES",
        "keep `edits`, or leave it out where the change cannot be written into source",
        "tests/remedies/test_catalogue.py",
    ),
    What.EXPERIMENT: Place(
        "examine",
        "catalogue.py",
        "EXPERIMENTS",
        "move it in the list in front of what builds on it, name in `supports` the causes it shows",
        "tests/examine/test_catalogue.py",
        pages=False,
    ),
}


@command
def new(
    what: Annotated[What, typer.Argument(metavar="rule|cause|fix|experiment", help="What to add.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="As in drifting-weights.")],
    of: Annotated[
        str,
        typer.Option(
            "--of",
            metavar="NAME",
            help="Of a cause: the finding that it explains. Of a fix: the cause that it treats.",
        ),
    ] = "",
    hundred: Annotated[
        int | None,
        typer.Option("--hundred", min=1, max=len(HUNDREDS), metavar="N", help=_HUNDREDS),
    ] = None,
) -> int:
    """Add a rule, cause, fix or experiment to a checkout of gradcheck: file, test and place in the list.

    What it writes runs and passes its test; replace the measurement by yours. A package of your own
    needs none of it: see the how-to on plugins.
    """
    root = _checkout(Path.cwd())
    _known(what, of)
    if what is What.RULE and hundred is None:
        raise UsageError(f"--hundred is missing. {_HUNDREDS}")
    written = add(root, what, name, of=of, hundred=hundred or 0)
    for file in written:
        err().print(f"wrote {file.relative_to(root)}", markup=False, soft_wrap=True)
    for said in _then(what, written[-1].relative_to(root)):
        err().print(f"next: {said}", markup=False, soft_wrap=True)
    return ExitCode.OK


def _then(what: What, test: Path) -> Iterator[str]:
    """Say what is left to do, one thing a line."""
    place = PLACES[what]
    yield "replace what says FILL IN, and the measurement, by yours"
    yield place.then
    if place.pages:
        yield "python -m docs.generate"
    pages = "tests/docs/test_generated.py " if place.pages else ""
    yield f"pytest {test} {place.also} {pages}tests/docs/test_words.py tests/test_architecture.py"
    yield "where a folder is above its budget of lines: delete what yours replaces, or raise it and say why"


def _known(what: What, of: str) -> None:
    """Raise UsageError where `of` names no finding or cause."""
    from gradcheck_cli.causes import CAUSES
    from gradcheck_cli.rules import RULES

    findings = [r.name for r in RULES]
    names = findings if what is What.CAUSE else [*(c.name for c in CAUSES), *findings]
    if what not in {What.CAUSE, What.FIX} or not of or of in names:
        return
    kind, page = ("finding", "rules") if what is What.CAUSE else ("cause", "causes")
    near = get_close_matches(of, names, n=1)
    hint = f"did you mean {near[0]}?" if near else f"docs/reference/{page}.md lists them"
    raise UsageError(f"--of {of}: no {kind} has that name; {hint}")


def add(root: Path, what: What, name: str, *, of: str = "", hundred: int = 0) -> tuple[Path, ...]:
    """Write the file, its place in the list, and its test, and return them. Raises UsageError."""
    if not NAME.fullmatch(name):
        raise UsageError(f"{name!r}: small letters and hyphens, as in drifting-weights")
    if what in {What.CAUSE, What.FIX} and not NAME.fullmatch(of):
        aim = "finding that it explains" if what is What.CAUSE else "cause that it treats"
        raise UsageError(f"--of is missing: the {aim}")
    place, function = PLACES[what], name.replace("-", "_")
    folder = root / "gradcheck_cli" / place.folder
    file = folder / f"{function}.py"
    test = root / "tests" / place.folder / f"test_{function}.py"
    for there in (file, test):
        if there.exists():
            raise UsageError(f"{there.relative_to(root)} exists already")
    catalogue = folder / place.catalogue
    listing = catalogue.read_text(encoding="utf-8")
    code = _free_code(listing, hundred) if what is What.RULE else 0
    filled = {"name": name, "function": function, "of": of, "code": f"GC{code}"}
    file.write_text(_template(root, what.value).substitute(filled), encoding="utf-8")
    test.write_text(_template(root, f"{what.value}_test").substitute(filled), encoding="utf-8")
    listing = _imported(listing, f"gradcheck_cli.{place.folder}.{function}", function)
    catalogue.write_text(_listed(listing, place.listed, function, code), encoding="utf-8")
    if what is not What.RULE:
        return file, catalogue, test
    example = folder / "examples.toml"
    held = example.read_text(encoding="utf-8")
    shown = _template(root, "rule_example").substitute(filled)
    example.write_text(_by_code(held, code, shown), encoding="utf-8")
    return file, catalogue, example, test


def _template(root: Path, name: str) -> Template:
    text = root / "packaging" / "new" / f"{name}.txt"
    return Template(text.read_text(encoding="utf-8"))


def _checkout(here: Path) -> Path:
    for folder in (here, *here.parents):
        if (folder / "gradcheck_cli" / "rules").is_dir() and (folder / "tests" / "rules").is_dir():
            return folder
    raise UsageError("this is no checkout of gradcheck, and no folder above it is")


def _free_code(listing: str, hundred: int) -> int:
    taken = [int(code) for code in CODE.findall(listing) if int(code) // 100 == hundred]
    return max(taken, default=100 * hundred) + 1


def _by_code(held: str, code: int, entry: str) -> str:
    """Return the examples with one more, in front of the first whose code is higher."""
    later = (m.start() for m in EXAMPLE.finditer(held) if int(m[1]) > code)
    at = next(later, len(held))
    before, behind = held[:at].rstrip("\n"), held[at:]
    return "\n\n".join(part for part in (before, entry.rstrip("\n"), behind) if part) + (
        "" if behind else "\n"
    )


def _imported(listing: str, module: str, name: str) -> str:
    """Return the list's source with an import of ours in its alphabetical place."""
    imports = [n for n in ast.parse(listing).body if isinstance(n, ast.ImportFrom)]
    later = [n.lineno - 1 for n in imports if (n.module or "") > module]
    at = min(later) if later else max(n.end_lineno or 0 for n in imports)
    return _with_line(listing, at, f"from {module} import {name}")


def _listed(listing: str, variable: str, name: str, code: int) -> str:
    """Return the list's source with the name in its place: by code, else at the end."""
    [held] = [
        n
        for n in ast.parse(listing).body
        if isinstance(n, ast.AnnAssign) and ast.unparse(n.target) == variable
    ]
    lines = listing.splitlines()
    end = (held.end_lineno or 0) - 1
    found = ((n, CODE.search(lines[n])) for n in range(held.lineno - 1, end))
    later = [n for n, mark in found if code and mark and int(mark[1]) > code]
    entry = f"    {name},  # GC{code}" if code else f"    {name},"
    return _with_line(listing, min(later, default=end), entry)


def _with_line(text: str, at: int, line: str) -> str:
    lines = text.splitlines()
    return "\n".join([*lines[:at], line, *lines[at:]]) + "\n"
