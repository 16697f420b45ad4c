"""Edits of what makes the data: a division that drops what counts, an order of labels alone."""

from collections.abc import Sequence

import libcst as cst

from gradcheck_cli.remedies.patching.editor import Editor
from gradcheck_cli.remedies.patching.locating import called_name, descendants
from gradcheck_cli.remedies.patching.refusal import CannotPatchError

DRAWN = {"randperm", "permutation"}


def divide_truly(editor: Editor, place: cst.CSTNode) -> None:
    """Write `/` at the only place that divides by `//`."""
    found = [node for node in descendants(place) if isinstance(node, cst.FloorDivide)]
    _refuse_unless_one(editor, place, found, "divides by //")
    editor.act(found[0], lambda node: cst.Divide(node.whitespace_before, node.whitespace_after))  # type: ignore[attr-defined]


def keep_order(editor: Editor, place: cst.CSTNode) -> None:
    """Count up where an order is drawn that only one part of the data is put into."""
    nodes = list(descendants(place))
    indices = [node.value for node in nodes if isinstance(node, cst.Index)]
    used = [index.value for index in indices if isinstance(index, cst.Name)]
    found = [
        node.value
        for node in nodes
        if isinstance(node, cst.Assign)
        and isinstance(node.value, cst.Call)
        and called_name(node.value) in DRAWN
        and len(node.value.args) == 1
        and isinstance(name := node.targets[0].target, cst.Name)
        and used.count(name.value) == 1
    ]
    _refuse_unless_one(editor, place, found, "draws an order for one part of the data alone")
    function = editor.expression("torch.arange")
    editor.act(found[0], lambda node: node.with_changes(func=function))


def _refuse_unless_one(
    editor: Editor, place: cst.CSTNode, found: Sequence[cst.CSTNode], does: str
) -> None:
    if len(found) != 1:
        line = editor.positions[place].start.line
        raise CannotPatchError(
            f"the data are made at {editor.shown}:{line}, where {len(found) or 'nothing'} {does}"
        )
