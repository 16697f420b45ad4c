"""Where commas, newlines and blank lines go when something is added or taken away."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import libcst as cst


@dataclass(frozen=True, slots=True)
class Follow:
    """Put another item behind this one."""

    value: cst.BaseExpression


@dataclass(frozen=True, slots=True)
class Precede:
    """Put another item before this one."""

    value: cst.BaseExpression


@dataclass(frozen=True, slots=True)
class Remove:
    """Take this item away."""


Change: TypeAlias = Follow | Precede | Remove


def apply_to_arguments(node: cst.CSTNode, changes: Mapping[int, Change]) -> cst.CSTNode:
    """Change the arguments of a call."""
    if isinstance(node, cst.Call):
        return node.with_changes(args=_changed(node.args, changes))
    raise TypeError(f"no arguments in {type(node).__name__}")


def _changed(items: Sequence[cst.Arg], changes: Mapping[int, Change]) -> list[cst.Arg]:
    """Return the items after the changes; the last one keeps what stood before the bracket."""
    between = next(
        (x.comma for x in items[:-1] if isinstance(x.comma, cst.Comma)),
        cst.Comma(whitespace_after=cst.SimpleWhitespace(" ")),
    )
    plain = _without_comment(between)
    end = items[-1].comma
    made: list[cst.Arg] = []
    for index, item in enumerate(items):
        change = changes.get(index)
        if isinstance(change, Remove):
            continue
        if isinstance(change, Follow):
            is_last = index == len(items) - 1
            made.append(item.with_changes(comma=plain if is_last else item.comma))
            made.append(item.with_changes(value=change.value, comma=plain))
        elif isinstance(change, Precede):
            made += [cst.Arg(change.value, comma=plain), item]
        else:
            made.append(item)
    if made:
        made[-1] = made[-1].with_changes(comma=end)
    return made


def _without_comment(comma: cst.Comma) -> cst.Comma:
    space = comma.whitespace_after
    if not isinstance(space, cst.ParenthesizedWhitespace):
        return comma
    line = cst.TrailingWhitespace(newline=space.first_line.newline)
    bare = cst.ParenthesizedWhitespace(
        first_line=line, empty_lines=[], indent=space.indent, last_line=space.last_line
    )
    return comma.with_changes(whitespace_after=bare)


BLANK = cst.EmptyLine(indent=False)


def with_definitions(module: cst.Module, definitions: Mapping[str, int]) -> cst.Module:
    """Insert definitions above the statements with these numbers, two blank lines around each."""
    body = list(module.body)
    for source, index in sorted(definitions.items(), key=lambda pair: -pair[1]):
        below = body[index]
        lines = getattr(below, "leading_lines", ())
        blank = sum(1 for line in lines if line.comment is None)
        if blank < 2 and not isinstance(below, cst.BaseSmallStatement):
            spaced = [*[BLANK] * (2 - blank), *lines]
            body[index] = below.with_changes(leading_lines=spaced)
        added = [
            statement.with_changes(leading_lines=[BLANK, BLANK])
            for statement in cst.parse_module(source).body
            if isinstance(statement, cst.FunctionDef | cst.ClassDef)
        ]
        body[index:index] = added
    return module.with_changes(body=body)
