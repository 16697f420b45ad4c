"""How fixes name layers and places of this model."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from gradcheck_cli.records.trace import Layer, SourceSite

SHOWN = 4
LONG_ROW = 12  # numbered names from which on they are counted through


def names(paths: Sequence[str]) -> str:
    """Return `0, 2, 4 ... 20 (10 layers)`."""
    if len(paths) <= SHOWN:
        return ", ".join(paths)
    return f"{', '.join(paths[: SHOWN - 1])} ... {paths[-1]} ({len(paths)} layers)"


def listed(paths: Iterable[str]) -> str:
    """Return the paths as a Python tuple to paste; long rows of numbered names are counted through."""
    quoted = list(_counted(list(paths)))
    return f"({quoted[0]},)" if len(quoted) == 1 else f"({', '.join(quoted)})"


def substituted(paths: Sequence[str], new: str) -> str:
    """Return the code that puts another module in the place of each; nothing without any."""
    head = f"for name in {listed(paths)}:\n" if paths else ""
    return head and f"{head}    model.set_submodule(name, {new})"


def _counted(paths: list[str]) -> Iterator[str]:
    """Yield each path in quotes, and rows like `block.0.fc` ... `block.9.fc` as one expression."""
    place = 0
    while place < len(paths):
        row = max(_rows(paths, place), key=lambda found: found.length, default=None)
        if row is None or row.length < LONG_ROW or set(row.before + row.after) & set('{}"\\'):
            yield f'"{paths[place]}"'
            place += 1
            continue
        start = f"{row.first}, " if row.first or row.by > 1 else ""
        by = f", {row.by}" if row.by > 1 else ""
        numbers = f"range({start}{row.first + row.by * row.length}{by})"
        yield f'*(f"{row.before}{{i}}{row.after}" for i in {numbers})'
        place += row.length


@dataclass(frozen=True, slots=True)
class _Row:
    """Paths that differ in one number, which grows by the same step."""

    before: str
    after: str
    first: int
    by: int
    length: int


def _rows(paths: list[str], place: int) -> Iterator[_Row]:
    """Yield the rows that begin at `place`, one for each number in that path."""
    for number in re.finditer(r"(?<![^.])(0|[1-9]\d*)(?![^.])", paths[place]):
        before, after = paths[place][: number.start()], paths[place][number.end() :]
        following = re.escape(before) + r"(\d+)" + re.escape(after)
        first, second = int(number[0]), ""
        if place + 1 < len(paths) and (found := re.fullmatch(following, paths[place + 1])):
            second = found[1]
        by = int(second) - first if second else 0
        length = 1
        while by > 0 and paths[place + length : place + length + 1] == [
            f"{before}{first + by * length}{after}"
        ]:
            length += 1
        yield _Row(before, after, first, by, length)


def sites(layers: Iterable[Layer]) -> tuple[SourceSite, ...]:
    """Return the distinct places where these layers were built, in order."""
    return tuple(dict.fromkeys(x.built_at for x in layers if x.built_at is not None))


def where(layers: Iterable[Layer]) -> str:
    """Return a comment that says where these layers were built: `# net.py, lines 24, 26`."""
    by_file: dict[str, list[int]] = {}
    for site in sites(layers):
        by_file.setdefault(site.file, []).append(site.line)
    lines = []
    for file, numbers in by_file.items():
        distinct = sorted(set(numbers))
        word = "line" if len(distinct) == 1 else "lines"
        lines.append(f"# built at {file}, {word} {', '.join(map(str, distinct))}")
    return "\n".join(lines)


def paste(*blocks: str) -> str:
    """Join blocks of code, leaving out empty ones."""
    return "\n".join(block for block in blocks if block)
