"""Write what the pages say from the code that says it: `python -m docs.generate [--check]`.

It writes docs/reference/, the pictures, and every part of a page between `<!-- generated: NAME -->`
and `<!-- end -->`. `--check` writes nothing and exits 1 when something is out of date.
"""

import argparse
import ast
import re
import sys
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path
from typing import Any

from docs import costs, pictures, public_api
from docs.markdown import plain, table

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PICTURES = DOCS / "pictures"
GALLERY = DOCS / "gallery"
PACKAGE = "gradcheck_cli"
HEAD = "<!-- Written by docs/generate.py. Edit the code, then run `python -m docs.generate`. -->\n"

NOT_RUN = "<!-- not run: a piece of a training -->\n"
EXITS = {
    "OK": "measured and judged, with nothing at or above `--fail-on` (default: error); never anything else",
    "FINDINGS": "findings at or above it; of `fix`: something is wrong and no proven fix can be written",
    "USAGE": "usage: a path, name or option does not exist or does not fit",
    "CANNOT_DIAGNOSE": "could not diagnose: your code raised, hung or ended the program, or no step ran; what was measured before is still reported",
    "BUG": "a bug of gradcheck",
    "INTERRUPTED": "interrupted; what was measured is still reported",
}


# Markdown


def linked(text: str) -> str:
    """Return sources with links where they name an arXiv number or a DOI."""
    text = re.sub(r"arXiv:(\d{4}\.\d{4,5})", r"[arXiv:\1](https://arxiv.org/abs/\1)", text)
    return re.sub(r"doi:(10\.[^\s;,]+[^\s;,.])", r"[doi:\1](https://doi.org/\1)", text)


def card(text: str) -> Iterator[str]:
    """Yield the parts of a manual: its first lines, then each section."""
    pieces = re.split(r"^([A-Z][a-z]+(?: [a-z]+){0,2}) {2,}", text, flags=re.MULTILINE)
    yield plain(" ".join(pieces[0].split())) + "\n\n"
    rows = [
        (f"**{name}**", linked(plain(" ".join(body.split()))))
        for name, body in zip(pieces[1::2], pieces[2::2], strict=True)
    ]
    if rows:
        yield table(("", ""), rows) + "\n"


def anchor(name: str) -> str:
    """Return the anchor that MkDocs and GitHub give to a heading."""
    return re.sub(r"[^a-z0-9 -]", "", name.lower()).replace(" ", "-")


# Pages


def rules() -> str:
    """Return the page of all rules."""
    from gradcheck_cli.causes import CAUSES
    from gradcheck_cli.records.finding import HUNDREDS
    from gradcheck_cli.remedies.cards import CARDS
    from gradcheck_cli.rules import RULES
    from gradcheck_cli.rules.examples import Example, examples

    groups = ", ".join(f"{digit} {what}" for digit, what in HUNDREDS.items())
    text = f"# Rules\n\nHundreds group them: {groups}.\n\n"
    rows = [
        (f"[{r.code}](#{anchor(f'{r.code} {r.name}')})", r.name, str(r.severity), plain(r.summary))
        for r in RULES
    ]
    text += table(("code", "name", "up to", "what it finds"), rows)
    for rule in RULES:
        text += f"\n## {rule.code} {rule.name}\n\n" + "".join(card(rule.card))
        example = examples().get(rule.code, Example("", ""))
        for title, code in example._asdict().items():
            text += f'{NOT_RUN}```python title="{title}"\n{code}\n```\n\n'
        if rule.thresholds:
            values = [(f"`{name}`", f"{value:g}") for name, value in rule.thresholds.items()]
            text += table(("threshold", "value"), values) + "\n"
        why = [c.name for c in CAUSES if {rule.code, rule.name} & {*c.explains}]
        text += _list("Can be caused by", why, "causes.md")
        text += _list("Mended by", [c.name for c in CARDS if rule.name in c.treats], "remedies.md")
    return text


def causes() -> str:
    """Return the page of all causes."""
    from gradcheck_cli.causes import CAUSES
    from gradcheck_cli.remedies.cards import CARDS
    from gradcheck_cli.rules import RULES

    text = "# Causes\n\nA cause adds up what speaks for it and against it. The score is that sum, at most 1.\n"
    for cause in CAUSES:
        text += f"\n## {cause.name}\n\n" + "".join(card(cause.card))
        shown = [f"{r.code} {r.name}" for r in RULES if {r.code, r.name} & {*cause.explains}]
        text += _list("Shows as", shown, "rules.md")
        text += _list(
            "Fixes to try", [c.name for c in CARDS if cause.name in c.treats], "remedies.md"
        )
        if cause.distinguish:
            text += f"To tell it apart: {plain(cause.distinguish)}\n"
    return text


def remedies() -> str:
    """Return the page of all remedies."""
    from gradcheck_cli.remedies.cards import CARDS
    from gradcheck_cli.rules import RULES
    from gradcheck_cli.rules.base import OF_THE_LOOP

    facts = {r.name: f"{r.code} {r.name}" for r in RULES if r.code.startswith(OF_THE_LOOP)}
    text = (
        "# Remedies\n\n*safe* keeps what the model computes in principle. *review* changes the "
        "architecture or the meaning of the training, so a person should look.\n"
    )
    for remedy in CARDS:
        text += f"\n## {remedy.name}\n\n*{remedy.risk}*\n\n" + "".join(card(remedy.text))
        weighed = [name for name in remedy.treats if name not in facts]
        text += _list("Treats", weighed, "causes.md")
        text += _list("Mends", [facts[n] for n in remedy.treats if n in facts], "rules.md")
    return text


def _list(title: str, names: list[str], page: str) -> str:
    links = ", ".join(f"[{name}]({page}#{anchor(name)})" for name in names)
    return f"{title}: {links}.\n\n" if names else ""


def commands() -> str:
    """Return the page of all commands, from what `--help` shows."""
    import typer

    from gradcheck_cli.cli.app import app

    return "# Commands\n" + "".join(_command("gradcheck", typer.main.get_command(app)))


def _command(name: str, command: Any) -> Iterator[str]:
    yield f"\n## {name}\n\n{plain(' '.join((command.help or '').split()))}\n\n"
    rows = []
    for parameter in command.params:
        if parameter.param_type_name == "argument":
            shown, said = parameter.metavar or parameter.name.upper(), parameter.help
        else:
            flags = ", ".join([*parameter.opts, *parameter.secondary_opts])
            kind = "" if parameter.is_flag else " " + _kind(parameter)
            shown, said = flags + kind, parameter.help
        rows.append((f"`{shown}`".replace("|", "\\|"), plain(" ".join((said or "").split()))))
    if rows:
        yield table(("argument or option", "meaning"), rows)
    for part, inner in getattr(command, "commands", {}).items():
        yield from _command(f"{name} {part}", inner)


def _kind(option: Any) -> str:
    if option.metavar:
        return str(option.metavar)
    kind = option.type_descriptor.annotation
    if isinstance(kind, type) and issubclass(kind, Enum):
        return "|".join(choice.value for choice in kind)
    return {int: "INTEGER", float: "NUMBER", Path: "PATH"}.get(kind, "TEXT")


def exit_codes() -> str:
    """Return the page of exit codes."""
    return (
        "# Exit codes\n\nNo output format changes them. `gradcheck run` returns the script's own code "
        "where that is not 0.\n\n" + exits()
    )


def exits() -> str:
    """Return the table of exit codes; fails when a code has no meaning here."""
    from gradcheck_cli.errors import ExitCode

    return table(("code", "meaning"), [(str(int(code)), EXITS[code.name]) for code in ExitCode])


def config() -> str:
    """Return the page of settings, from their table."""
    from gradcheck_cli.cli.options import help_of
    from gradcheck_cli.declared import PREFIX, SETTINGS
    from gradcheck_cli.settings.schema import Config

    kinds = Config.model_json_schema()["properties"]
    rows = [
        (
            f"`{s.name}`",
            f"`{s.flag.partition('/')[0]}`" if s.flag else "",
            f"`{s.variable}`" if s.variable else "",
            _shape(kinds[s.name]),
            plain(help_of(s)),
        )
        for s in SETTINGS.values()
    ]
    return (
        "# Settings\n\nThey stand in the nearest `gradcheck.yaml` or under `[tool.gradcheck]` of "
        f"`pyproject.toml`. The command line wins, then environment variables (`{PREFIX}LR=0.01`), "
        "then the file. `gradcheck config` shows what counts and where each value comes from.\n\n"
        + table(("key", "option", "variable", "kind", "meaning"), rows)
    )


def _shape(schema: dict[str, Any]) -> str:
    if "anyOf" in schema:
        kinds = [_shape(kind) for kind in schema["anyOf"] if kind.get("type") != "null"]
        return " or ".join(dict.fromkeys(kinds))
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_shape(schema.get('items', {}))}"
    names = {
        "string": "text",
        "object": "mapping",
        "integer": "whole number",
        "boolean": "true or false",
    }
    kind = schema.get("type", "entry" if "$ref" in schema else "whole number or `auto`")
    return names.get(kind, kind)


def report() -> str:
    """Return the page of the report's format."""
    from gradcheck_cli.records.document import json_schema

    schema = json_schema()
    text = (
        "# The report\n\n`--output yaml:FILE` and `--output json:FILE` write it, `gradcheck report "
        f"FILE` reads it back. {schema['description']} `gradcheck schema report` prints the JSON "
        "Schema. Keys in bold are always there.\n\n"
    )
    rows = list(_keys(schema, ""))
    return f"{text}{table(('key', 'kind'), rows)}\n## Formats\n\n{formats()}"


def _keys(schema: dict[str, Any], path: str) -> Iterator[tuple[str, str]]:
    needed = set(schema.get("required", ()))
    for name, inner in schema.get("properties", {}).items():
        here = f"{path}{name}"
        yield (f"**`{here}`**" if name in needed else f"`{here}`", _kind_of(inner))
        held, mark = inner, "."
        for option in inner.get("anyOf", ()):
            held = option if option.get("type") != "null" else held
        if held.get("type") == "array":
            held, mark = held.get("items", {}), "[]."
        yield from _keys(held, here + mark)


def _kind_of(schema: dict[str, Any]) -> str:
    if "const" in schema:
        return f"`{schema['const']}`"
    if "anyOf" in schema or "oneOf" in schema:
        options = schema.get("anyOf") or schema["oneOf"]
        return " or ".join(dict.fromkeys(_kind_of(option) for option in options))
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    kind = schema.get("type", "any")
    if isinstance(kind, list):
        return " or ".join(kind)
    return f"list of {_kind_of(schema.get('items', {}))}" if kind == "array" else kind


def rooms(code: Path = ROOT / PACKAGE) -> dict[str, set[str]]:
    """Return which rooms of the package each room imports."""
    found: dict[str, set[str]] = {}
    names = {p.name.removesuffix(".py") for p in code.iterdir()}
    for file in sorted(code.rglob("*.py")):
        here = file.relative_to(code).parts[0].removesuffix(".py")
        held = found.setdefault(here, set())
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                said = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                said = [f"{node.module}.{alias.name}" for alias in node.names]
            else:
                continue
            inner = {n.split(".")[1] for n in said if n.startswith(f"{PACKAGE}.")}
            held |= (inner & names) - {here}
    return found


def imports() -> str:
    """Return the table of what imports what."""
    graph = rooms()
    rows = [(f"`{here}`", ", ".join(sorted(graph[here])) or "nothing") for here in sorted(graph)]
    return table(("room", "imports"), rows)


def formats() -> str:
    """Return the table of output formats."""
    from gradcheck_cli.renderers.formats import FORMATS

    return table(("format", "for"), [(f"`{f.name}`", f.about) for f in FORMATS])


def former() -> str:
    """Return the table of names that fixes had before."""
    from gradcheck_cli.records.diagnosis import FORMER_NAMES

    rows = [
        (f"`{old}`", f"[{new}](reference/remedies.md#{anchor(new)})")
        for old, new in FORMER_NAMES.items()
    ]
    return table(("before", "now"), rows)


def verbs() -> str:
    """Return the table of commands."""
    import typer

    from gradcheck_cli.cli.app import app

    held = typer.main.get_command(app).commands
    return table(
        ("command", "what it does"),
        [
            (f"`gradcheck {n}`", plain((c.help or "").partition("\n\n")[0].replace("\n", " ")))
            for n, c in held.items()
        ],
    )


def benchmarks() -> str:
    """Return the table of benchmarks, from their own words."""
    rows = []
    folder = ROOT / "benchmarks"
    for path in (*folder.glob("*.py"), *folder.glob("*/__main__.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        said = ast.get_docstring(tree) or ""
        if "__main__" in ast.unparse(tree):
            title = said.partition("\n")[0].partition(": `python")[0].rstrip(".:")
            name = path.parent.name if path.stem == "__main__" else path.stem
            rows.append((f"`python -m benchmarks.{name}`", plain(title)))
    rows.sort()
    return table(("command", "what it measures"), rows)


def accuracy() -> str:
    """Return the first looks at sets of cases, which benchmarks/looks.yaml keeps."""
    from benchmarks.looks import first_looks

    return first_looks() + "\n"


def healthy() -> str:
    """Return what was last said of the healthy trainings, which benchmarks/healthy.jsonl keeps."""
    from benchmarks.healthy import shown

    return shown() + "\n"


def levels() -> str:
    """Return how closely each command looks, with the numbers of the code."""
    from gradcheck_cli import diagnosing, witnessing
    from gradcheck_cli.probe import history, stepping
    from gradcheck_cli.probe.sampling import Sampling

    seen = Sampling()
    return f"""
- `gradcheck diagnose` reads every layer at every step: outputs, gradients, weights, true updates. In one of
  {stepping.INSPECT_EVERY} steps it also looks at what happens between the layers. It does so for {diagnosing.STEPS} steps.
- `gradcheck run` and `watch` read the first {seen.first} steps, then ever more rarely, at least one in {seen.every}. In the
  other steps modules carry no hooks. A loss far above all before it makes the next step be read.
  A compiled model runs eagerly in the steps that are read. After the first ones they are fewer: distances double.
- What is kept does not grow with the length of the run: above {history.STEPS:,} steps the history is thinned evenly.
  `python -m benchmarks.endurance` prints the slope of the memory.
- Beside the training, `gradcheck run` needs a start of its own and a report at the end:
  `python -m benchmarks.running` prints both.
- Snapshots of `run -o yaml:FILE` take at most {witnessing.SHARE:.0%} of the time.

"""


def plugin() -> str:
    """Return the files of the example of a plugin, which a test installs and uses."""
    folder = ROOT / "tests" / "plugin_example"
    made = []
    for name in ("pyproject.toml", *(f"acme_checks/{kind}.py" for kind in KINDS)):
        text = (folder / name).read_text(encoding="utf-8")
        kind = "toml" if name.endswith(".toml") else "python"
        mark = "" if kind == "toml" else "<!-- not run: tests/test_plugins.py runs it -->\n"
        made.append(f'{mark}```{kind} title="{name}"\n{text}```\n')
    return "\n" + "\n".join(made) + "\n"


def brief(name: str) -> str:
    """Return the brief report of a demo, which docs/measure.py keeps."""
    text = (GALLERY / f"{name}.md").read_text(encoding="utf-8")
    return f"\n~~~~~markdown\n{text}~~~~~\n\n"


def gallery() -> str:
    """Return every demo: its script, and what is said of it."""
    from gradcheck_cli.cli.demo import scripts

    parts = [
        f"\n## {name}\n\n<!-- not run: gradcheck demo runs it -->\n```python\n{text}```\n{brief(name)}"
        for name, text in scripts().items()
    ]
    return "".join(parts)


def as_scripts() -> str:
    """Return what became of the fixes of scripts, from the rows that `benchmarks.fixes --kept` wrote."""
    from benchmarks import as_scripts, fixes, fixes_text

    rows = list(fixes.kept(ROOT / "benchmarks" / "as_scripts.jsonl").values())
    healthy = sum(row.label == "healthy" for row in rows)
    sick, fine = (len(fixes.chosen("", "all", [kind])) for kind in ("sick", "healthy"))
    asked = f"{len(rows) - healthy} of {sick} sick cases and {healthy} of {fine} healthy ones"
    said = (asked, *as_scripts.summary(rows), *fixes_text.lines(rows))
    return "".join(f"{'  ' * line.startswith(' ')}- {line.strip()}\n" for line in said)


def found_by_tools() -> str:
    """Return what gradcheck and published tools said of published faults, from the page of those."""
    page = (DOCS / "published.md").read_text(encoding="utf-8")
    rows = page.partition("## Beside five published tools")[2].partition("\n## ")[0].splitlines()
    return "\n" + "\n".join(row for row in rows if row.startswith("|")) + "\n\n"


PAGES: dict[str, Callable[[], str]] = {
    "rules": rules,
    "causes": causes,
    "remedies": remedies,
    "commands": commands,
    "exit-codes": exit_codes,
    "config": config,
    "report": report,
    "python": public_api.page,
}
PARTS: dict[str, Callable[[], str]] = {
    "imports": imports,
    "exits": exits,
    "former": former,
    "commands": verbs,
    "benchmarks": benchmarks,
    "accuracy": accuracy,
    "healthy": healthy,
    "plugin": plugin,
    "as-scripts": as_scripts,
    "gallery": gallery,
    "cost": costs.watching,
    "beside": costs.beside,
    "found": found_by_tools,
    "long-runs": costs.long_runs,
    "first-fix": costs.first_fix,
    "growth": costs.growth,
    "levels": levels,
    "profile": lambda: pictures.profile_text(PICTURES),
}
DRAWN: dict[str, Callable[[Path], str]] = {
    "diagnosis.svg": pictures.screenshot,
    "whole-diagnosis.svg": pictures.whole_screenshot,
    "profile.svg": pictures.profile_svg,
}
KINDS = ("rules", "causes", "remedies", "renderers")  # what a plugin may add
MARK = re.compile(r"(<!-- generated: (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)


def part(name: str) -> str:
    """Return a generated part; `brief-NAME` is the brief report of a demo."""
    kind, _, demo = name.partition("-")
    return brief(demo) if kind == "brief" else PARTS[name]()


def filled(text: str) -> str:
    """Return a page with its generated parts renewed."""
    return MARK.sub(lambda m: f"{m[1]}{part(m[2])}{m[3]}", text)


def written_pages() -> list[Path]:
    """Return the pages that people write."""
    pages = [
        *DOCS.glob("*.md"),
        *(DOCS / "how-to").glob("*.md"),
        *(DOCS / "symptoms").glob("*.md"),
        *ROOT.glob("*.md"),
        *(ROOT / "benchmarks").glob("*.md"),
    ]
    return sorted(p for p in pages if "<!-- generated: " in p.read_text(encoding="utf-8"))


def everything() -> dict[Path, str]:
    """Return every generated file with what it should hold."""
    made = {DOCS / "reference" / f"{name}.md": HEAD + page() for name, page in PAGES.items()}
    made |= {PICTURES / name: draw(PICTURES) for name, draw in DRAWN.items()}
    made |= {p: filled(p.read_text(encoding="utf-8")) for p in written_pages()}
    return made


def main() -> int:
    """Write everything, or say what is out of date."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    old = 0
    for path, text in everything().items():
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        old += 1
        sys.stdout.write(f"{'out of date' if check else 'wrote'}: {path.relative_to(ROOT)}\n")
        if not check:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
    return int(check and old > 0)


if __name__ == "__main__":
    sys.exit(main())
