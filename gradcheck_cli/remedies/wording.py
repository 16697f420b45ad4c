"""How fixes name layers and places of this model."""

from collections.abc import Iterable, Sequence

from gradcheck_cli.records.trace import Layer, SourceSite

SHOWN = 4


def names(paths: Sequence[str]) -> str:
    """Return `0, 2, 4 ... 20 (10 layers)`."""
    if len(paths) <= SHOWN:
        return ", ".join(paths)
    return f"{', '.join(paths[: SHOWN - 1])} ... {paths[-1]} ({len(paths)} layers)"


def listed(paths: Iterable[str]) -> str:
    """Return the paths as a Python tuple to paste."""
    quoted = [f'"{path}"' for path in paths]
    return f"({quoted[0]},)" if len(quoted) == 1 else f"({', '.join(quoted)})"


def sites(layers: Iterable[Layer]) -> tuple[SourceSite, ...]:
    """Return the distinct places where these layers were built, in order."""
    return tuple(dict.fromkeys(x.built_at for x in layers if x.built_at is not None))


def first_site(layers: Iterable[Layer]) -> SourceSite | None:
    """Return the first place where one of these layers was built."""
    return next(iter(sites(layers)), None)


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
