"""Edits of the function that builds the optimizer."""

import libcst as cst

from gradcheck_cli.remedies.edits import Edit
from gradcheck_cli.remedies.patching.checks import CannotPatchError
from gradcheck_cli.remedies.patching.editor import Editor
from gradcheck_cli.remedies.patching.locating import (
    called_name,
    descendants,
    literal,
)
from gradcheck_cli.remedies.patching.looping import block_of, move, statement_of
from gradcheck_cli.remedies.patching.names import meant

RISING = {"OneCycleLR", "CyclicLR"}
CLIPPING = {"clip_grad_norm_", "clip_grad_norm"}


def argument(editor: Editor, place: cst.CSTNode, edit: Edit) -> None:
    """Write another number for an argument of the optimizer."""
    if _in_groups(place, edit.name):
        raise CannotPatchError(f"{editor.shown}: {edit.name} is set for several groups")
    new = editor.expression(edit.new)
    calls = [node for node in (place, *descendants(place)) if isinstance(node, cst.Call)]
    given = [a for c in calls for a in c.args if a.keyword and a.keyword.value == edit.name]
    if len(given) > 1:
        raise CannotPatchError(f"{editor.shown} sets {edit.name} at {len(given)} places, not one")
    if not given and edit.name == "lr":  # the second argument of every optimizer of torch
        given = [a for a in only_optimizer(editor, place).args if a.keyword is None and not a.star][
            1:2
        ]
    if given:
        peaks = _peaks(editor) if edit.name == "lr" else []
        known = [literal(editor, one.value) for one in (*given, *peaks)]
        node = next((node for value, node in known if _same(value, edit.old)), None)
        if node is None:
            value = known[0][0]
            raise CannotPatchError(f"{editor.shown}: {edit.name} is {value}, but {edit.old} ran")
        editor.act(node, lambda _: new)
        return
    keyword = cst.Arg(
        new,
        keyword=cst.Name(edit.name),
        equal=cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace("")),
    )
    editor.act(only_optimizer(editor, place), lambda node: _with_argument(node, keyword))


def _peaks(editor: Editor) -> list[cst.Arg]:
    """Return the rates that schedules rise to, whatever the optimizer was given."""
    calls = [node for node in descendants(editor.module) if isinstance(node, cst.Call)]
    args = [a for c in calls if called_name(c) in RISING for a in c.args]
    return [a for a in args if a.keyword is not None and a.keyword.value == "max_lr"]


def _in_groups(place: cst.CSTNode, name: str) -> bool:
    return any(
        isinstance(node, cst.DictElement)
        and isinstance(node.key, cst.SimpleString)
        and node.key.evaluated_value == name
        for node in descendants(place)
    )


def _same(value: object, ran: str) -> bool:
    return isinstance(value, int | float) and float(value) == float(ran)


def _with_argument(node: cst.CSTNode, argument: cst.Arg) -> cst.CSTNode:
    assert isinstance(node, cst.Call)
    args = list(node.args)
    if args:
        space = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
        end = args[-1].comma
        args[-1] = args[-1].with_changes(comma=space)
        argument = argument.with_changes(comma=end)
    return node.with_changes(args=[*args, argument])


def only_optimizer(editor: Editor, place: cst.CSTNode) -> cst.Call:
    """Return the only call of an optimizer of torch. Raises CannotPatchError."""
    found = [
        node
        for node in (place, *descendants(place))
        if isinstance(node, cst.Call)
        and (name := meant(editor.module, node.func)).startswith("torch.optim.")
        and "lr_scheduler" not in name
    ]
    if len(found) != 1:
        raise CannotPatchError(f"{editor.shown}: {len(found)} optimizers are built, not one")
    return found[0]


def exchange(editor: Editor, place: cst.CSTNode, edit: Edit) -> None:
    """Build another optimizer of torch there, for the same parameters and with the same weight decay."""
    call = only_optimizer(editor, place)
    given = [a for a in call.args if a.keyword is None or a.keyword.value == "params"]
    if meant(editor.module, call.func) != f"torch.optim.{edit.old}" or not given or given[0].star:
        raise CannotPatchError(f"{editor.shown}: torch.optim.{edit.old} is not built there")
    kept = [a for a in call.args if a.keyword is not None and a.keyword.value == "weight_decay"]
    code = ", ".join(
        editor.module.code_for_node(a.with_changes(comma=cst.MaybeSentinel.DEFAULT))
        for a in (given[0], *kept)
    )
    new = editor.expression(f"torch.optim.{edit.name}({code}, lr={edit.new})")
    editor.act(call, lambda _: new)


def parameters(editor: Editor, place: cst.CSTNode, model: str) -> None:
    """Give the optimizer all parameters of the model."""
    call = only_optimizer(editor, place)
    if isinstance(place, cst.FunctionDef):
        if not place.params.params:
            name = place.name.value
            raise CannotPatchError(f"{editor.shown}: {name} does not receive the model")
        model = place.params.params[0].name.value
    given = [a for a in call.args if a.keyword is None or a.keyword.value == "params"]
    if not given or given[0].star:
        raise CannotPatchError(f"{editor.shown}: the optimizer's parameters are not written there")
    new = editor.expression(f"{model}.parameters()")
    if given[0].value.deep_equals(new):
        _make_later(editor, call, model)
    editor.act(given[0].value, lambda _: new)


def _make_later(editor: Editor, call: cst.Call, model: str) -> None:
    """Make the optimizer behind the last of the next statements that give the model, or a part of it, anew."""
    statement, code = statement_of(editor, call), editor.module.code_for_node
    block = block_of(editor, statement)
    behind, last = block[block.index(statement) + 1 :], None
    for number, one in enumerate(behind):
        targets = (t for s in descendants(one) if isinstance(s, cst.Assign) for t in s.targets)
        if any(f"{code(t.target)}.".startswith(f"{model}.") for t in targets):
            last = number
        if isinstance(one, cst.For | cst.While):
            break
    made = [s for s in statement.body if isinstance(s, cst.Assign) and call in descendants(s)]
    names = [code(t.target) for s in made for t in s.targets]
    passed = [
        n for s in behind[: (last or 0) + 1] for n in descendants(s) if isinstance(n, cst.Name)
    ]
    plain = last is not None and isinstance(behind[last], cst.SimpleStatementLine)
    if not plain or made != [statement.body[-1]] or any(n.value in names for n in passed):
        raise CannotPatchError(
            f"{editor.shown}: where the optimizer is made first is not seen there"
        )
    move(editor, call, behind[last or 0], behind=True)


def limit(editor: Editor, edit: Edit) -> None:
    """Write another limit where gradients are clipped."""
    found = [
        node
        for node in descendants(editor.module)
        if isinstance(node, cst.Call) and called_name(node) in CLIPPING
    ]
    if len(found) != 1:
        raise CannotPatchError(f"{editor.shown} clips gradients at {len(found)} places, not one")
    given = [a for a in found[0].args if a.keyword is not None and a.keyword.value == "max_norm"]
    given = given or [a for a in found[0].args if a.keyword is None][1:2]
    if not given:
        raise CannotPatchError(f"{editor.shown}: the limit of the gradient is not written there")
    new = editor.expression(edit.new)
    editor.act(literal(editor, given[0].value)[1], lambda _: new)
