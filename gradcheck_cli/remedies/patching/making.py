"""Each kind of edit as an act on the nodes of a file."""

import inspect
import sys
from collections.abc import Callable, Mapping

import libcst as cst
from torch import nn

from gradcheck_cli.remedies.edits import Act, Edit
from gradcheck_cli.remedies.patching.checks import CannotPatchError
from gradcheck_cli.remedies.patching.editor import Editor
from gradcheck_cli.remedies.patching.layout import Follow, Remove
from gradcheck_cli.remedies.patching.locating import (
    call_at,
    called_attribute,
    calls_on,
    definition,
    descendants,
    function_around,
    is_function_of,
    read_on,
)
from gradcheck_cli.remedies.patching.looping import block_of, put, statement_of
from gradcheck_cli.remedies.patching.names import meant

ATTRIBUTES = {"data"}  # that are read, not called
CONTAINERS = {"torch.nn.Sequential"}
OF_LAYERS = {"weight", "bias", "in_features", "out_features", "in_channels", "out_channels"}
DEEP = {"modules", "named_modules"}  # find a layer also within what it is wrapped in


def replace(editor: Editor, edit: Edit) -> None:
    """Put another expression where a module is built."""
    assert edit.at is not None
    new = editor.expression(edit.new)
    editor.act(call_at(editor, edit.at, edit.old), lambda _: new)


def follow(editor: Editor, edit: Edit) -> None:
    """Put a second module behind the one that is built there."""
    assert edit.at is not None
    call = call_at(editor, edit.at, edit.old)
    new = editor.expression(
        edit.new.format(width=editor.module.code_for_node(_width(editor, call)))
    )
    assert isinstance(new, cst.Call)
    new = new.with_changes(args=[*new.args, *_placement(call)])
    item = editor.parents[call]
    holder = editor.parents[item]
    if isinstance(item, cst.Arg) and is_container(editor, holder) and not counts(editor):
        assert isinstance(holder, cst.Call)
        editor.change_argument(holder, holder.args.index(item), Follow(new))
        return
    sequential = editor.expression("nn.Sequential()")
    if (last := _last_reading(editor, call)) is not None:
        name, code = _target(editor, call), editor.module.code_for_node
        both = f"{code(sequential).partition('(')[0]}({name}, {code(new)})"
        put(editor, last, f"{name} = {both}", behind=True)
        return
    _refuse_reached(editor)

    def wrapped(node: cst.CSTNode) -> cst.CSTNode:
        assert isinstance(node, cst.BaseExpression)
        return sequential.with_changes(
            args=[
                cst.Arg(node, comma=cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))),
                cst.Arg(new),
            ]
        )

    editor.act(call, wrapped)


def _target(editor: Editor, call: cst.Call) -> str:
    """Return the only name that what is built there is given."""
    made = editor.parents[call]
    targets = made.targets if isinstance(made, cst.Assign) else ()
    return editor.module.code_for_node(targets[0].target) if len(targets) == 1 else ""


def _last_reading(editor: Editor, call: cst.Call) -> cst.BaseStatement | None:
    """Return the last statement that reads something of it, such as its weight; None where none does.

    Raises CannotPatchError where it is also read elsewhere, or is handed on before.
    """
    name = _target(editor, call)
    scope = (function_around(editor, call) if name.isidentifier() else None) or editor.module
    readings = [n for n in descendants(scope) if name and _reads(editor, n, name)]
    if not readings:
        return None
    block = block_of(editor, statement := statement_of(editor, call))
    behind = block[block.index(statement) + 1 :]
    inside = [sum(_reads(editor, n, name) for n in descendants(one)) for one in behind]
    last = max((i for i, found in enumerate(inside) if found), default=-1)
    nodes = [n for one in behind[: last + 1] for n in descendants(one)]
    whole = [n for n in nodes if editor.module.code_for_node(n) == name]
    if sum(inside) < len(readings) or len(whole) > sum(inside):
        raise CannotPatchError(f"{editor.shown}: {name} is read where it would be another module")
    return behind[last]


def _reads(editor: Editor, node: cst.CSTNode, name: str) -> bool:
    attribute = node.value if isinstance(node, cst.Attribute) else None
    return attribute is not None and editor.module.code_for_node(attribute) == name


def _refuse_reached(editor: Editor) -> None:
    """Raise CannotPatchError where the file reads layers by their place or in turn: a wrapped one is no layer there."""
    for node in descendants(editor.module):
        placed = (
            isinstance(node, cst.Attribute)
            and isinstance(node.value, cst.Subscript)
            and node.attr.value in OF_LAYERS
        )
        if placed or _reads_in_turn(editor, node):
            raise CannotPatchError(
                f"{editor.shown} reads layers by their place, where it would be another module"
            )


def _reads_in_turn(editor: Editor, node: cst.CSTNode) -> bool:
    """Does a loop read something of each layer that it goes over, and not look into what holds them?"""
    if not isinstance(node, cst.For | cst.CompFor):
        return False
    over = [n.func for n in (node.iter, *descendants(node.iter)) if isinstance(n, cst.Call)]
    turn = {n.value for n in (node.target, *descendants(node.target)) if isinstance(n, cst.Name)}
    body = descendants(node if isinstance(node, cst.For) else editor.parents[node])
    return not any(called_attribute(func) in DEEP for func in over) and any(
        n.attr.value in OF_LAYERS and isinstance(n.value, cst.Name) and n.value.value in turn
        for n in body
        if isinstance(n, cst.Attribute)
    )


def _width(editor: Editor, call: cst.Call) -> cst.BaseExpression:
    """Return how the call says the width of its output."""
    by_name = {a.keyword.value: a.value for a in call.args if a.keyword is not None}
    for name in ("out_features", "out_channels"):
        if name in by_name:
            return by_name[name]
    plain = [a for a in call.args if a.keyword is None and not a.star]
    if len(plain) < 2:
        raise CannotPatchError(f"{editor.shown}: the width of a layer is not written at its call")
    if any(
        isinstance(n, cst.Call | cst.NamedExpr)
        for n in (plain[1].value, *descendants(plain[1].value))
    ):
        raise CannotPatchError(f"{editor.shown}: the width of a layer is computed at its call")
    return plain[1].value


def _placement(call: cst.Call) -> list[cst.Arg]:
    wanted = {"dtype", "device"}
    return [a for a in call.args if a.keyword is not None and a.keyword.value in wanted]


def is_container(editor: Editor, holder: cst.CSTNode) -> bool:
    """Is it a call of nn.Sequential?"""
    return isinstance(holder, cst.Call) and meant(editor.module, holder.func) in CONTAINERS


def counts(editor: Editor) -> bool:
    """Does the file reach into something by number? Then no position may shift."""
    return any(
        isinstance(node, cst.Index) and isinstance(node.value, cst.Integer | cst.UnaryOperation)
        for node in descendants(editor.module)
    )


def remove(editor: Editor, edit: Edit) -> None:
    """Take a module away; Identity where something must stay."""
    assert edit.at is not None
    call = call_at(editor, edit.at, edit.old)
    item = editor.parents[call]
    holder = editor.parents[item]
    if isinstance(item, cst.Arg) and is_container(editor, holder) and not counts(editor):
        assert isinstance(holder, cst.Call)
        editor.change_argument(holder, holder.args.index(item), Remove())
        return
    identity = editor.expression("nn.Identity()")
    editor.act(call, lambda _: identity)


def call(editor: Editor, edit: Edit) -> None:
    """Let a functional call go to another function."""
    assert edit.at is not None
    node = calls_on(editor, edit.at.line, edit.old)
    name = edit.new
    if edit.needs:
        name = editor.define(edit.needs, node)[edit.new]
    function = editor.expression(name)
    free = is_function_of(editor, node)

    def exchanged(old: cst.CSTNode) -> cst.CSTNode:
        assert isinstance(old, cst.Call)
        if free:
            return old.with_changes(func=function)
        assert isinstance(old.func, cst.Attribute)
        return old.with_changes(func=function, args=[cst.Arg(old.func.value)])

    editor.act(node, exchanged)


def attribute_of(read: cst.CSTNode) -> cst.CSTNode:
    """Return what an attribute is read from."""
    assert isinstance(read, cst.Attribute)
    return read.value


def unwrap(editor: Editor, edit: Edit) -> None:
    """Leave a call, or an attribute like `.data`, out and keep what it was called on."""
    assert edit.at is not None
    if edit.old in ATTRIBUTES:
        editor.act(read_on(editor, edit.at.line, edit.old), attribute_of)
        return
    node = calls_on(editor, edit.at.line, edit.old)
    free = is_function_of(editor, node)

    def bare(old: cst.CSTNode) -> cst.CSTNode:
        assert isinstance(old, cst.Call)
        if free:
            return old.args[0].value
        assert isinstance(old.func, cst.Attribute)
        return old.func.value

    editor.act(node, bare)


def rename(editor: Editor, edit: Edit) -> None:
    """Write one name of torch instead of another wherever it stands."""
    old = edit.old.rpartition(".")[2]
    new = editor.expression(edit.new)
    wide = cst.Name("float")
    found = 0
    for node in descendants(editor.module):
        if isinstance(node, cst.Attribute) and meant(editor.module, node) == edit.old:
            editor.act(node, lambda _: new)
            found += 1
        elif isinstance(node, cst.Call) and called_attribute(node.func) == old and not node.args:
            editor.act(node.func, lambda func: func.with_changes(attr=wide))
            found += 1
    if not found:
        raise CannotPatchError(f"{editor.shown} does not name {edit.old}")


def contain(editor: Editor, edit: Edit, owner: nn.Module) -> None:
    """Put what is assigned to an attribute into a container that registers it."""
    place = definition(editor, type(owner).__qualname__)
    found = [
        node
        for node in descendants(place)
        if isinstance(node, cst.Assign | cst.AnnAssign) and _assigns(node, edit.name)
    ]
    if len(found) != 1 or found[0].value is None:
        where = type(owner).__qualname__
        raise CannotPatchError(
            f"{editor.shown}: {where} assigns {edit.name} at {len(found)} places"
        )
    container = editor.expression(f"{edit.new}()")

    def contained(value: cst.CSTNode) -> cst.CSTNode:
        assert isinstance(value, cst.BaseExpression)
        if isinstance(value, cst.Tuple) and not value.lpar:
            value = value.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
        return container.with_changes(args=[cst.Arg(value)])

    editor.act(found[0].value, contained)


def _assigns(node: cst.Assign | cst.AnnAssign, name: str) -> bool:
    targets = [t.target for t in node.targets] if isinstance(node, cst.Assign) else [node.target]
    return any(isinstance(t, cst.Attribute) and t.attr.value == name for t in targets)


def file_of(owner: nn.Module) -> str:
    """Return the file that defines the class of a module. Raises CannotPatchError."""
    try:
        return inspect.getsourcefile(type(owner)) or ""
    except TypeError:
        raise CannotPatchError(f"the source of {type(owner).__name__} is not known") from None


def module_file(name: str) -> str | None:
    """Return the file of an imported module."""
    return getattr(sys.modules.get(name), "__file__", None)


AT_SITE: Mapping[Act, Callable[[Editor, Edit], None]] = {
    Act.REPLACE: replace,
    Act.FOLLOW: follow,
    Act.REMOVE: remove,
    Act.CALL: call,
    Act.UNWRAP: unwrap,
}
