"""Edits of the lines of a loop."""

from collections.abc import Iterator

import libcst as cst

from gradcheck_cli.remedies.edits import Act, Edit
from gradcheck_cli.remedies.patching.checks import CannotPatchError
from gradcheck_cli.remedies.patching.editor import Editor
from gradcheck_cli.remedies.patching.locating import called_name, calls_on, descendants


def clear(editor: Editor, edit: Edit) -> None:
    """Clear the gradients behind the statement with the update of this line."""
    call = _on_its_line(editor, edit, "step")
    name = editor.module.code_for_node(_stepped(editor, call))
    put(editor, statement_of(editor, call), f"{name}.zero_grad()", behind=True)


def clear_earlier(editor: Editor, edit: Edit) -> None:
    """Clear the gradients before the backward pass instead of between it and the update of this line."""
    update = statement_of(editor, _on_its_line(editor, edit, "step"))
    before = block_of(editor, update)
    before = before[: before.index(update)]
    passes = [i for i, s in enumerate(before) if _calls(s, "backward")]
    found = [s for s in before[passes[-1] + 1 :] if _calls(s, "zero_grad")] if passes else []
    if len(found) != 1:
        raise CannotPatchError(f"{editor.shown}: the line that clears gradients is not seen there")
    if any(len(getattr(s, "body", ())) > 1 for s in (before[passes[0]], found[0], update)):
        raise CannotPatchError(f"{editor.shown}: several statements stand on one line there")
    move(editor, _calls(found[0], "zero_grad")[0], before[passes[0]])


def unscale(editor: Editor, edit: Edit) -> None:
    """Unscale the gradients before the statement that clips them on this line."""
    call = _on_its_line(editor, edit, "clip_grad_norm")
    clipping = statement_of(editor, call)
    steps = [c for c in _calls(editor.module, "step") if len(c.args) == 1]
    if len(steps) != 1 or not isinstance(steps[0].func, cst.Attribute):
        raise CannotPatchError(f"{editor.shown}: {len(steps)} scalers step there, not one")
    scaler, optimizer = (
        editor.module.code_for_node(x) for x in (steps[0].func.value, _stepped(editor, steps[0]))
    )
    if not any(c is call for c in _calls(clipping.body[0], called_name(call))):
        raise CannotPatchError(f"{editor.shown}: several statements stand on one line there")
    put(editor, clipping, f"{scaler}.unscale_({optimizer})")


def step_per_epoch(editor: Editor, edit: Edit) -> None:
    """Step the scheduler that is made on this line behind the loop over batches instead of in it."""
    assert edit.at is not None
    made = [
        node
        for node in descendants(editor.module)
        if isinstance(node, cst.Assign)
        and editor.positions[node].start.line <= edit.at.line <= editor.positions[node].end.line
    ]
    names = {editor.module.code_for_node(t.target) for node in made for t in node.targets}
    steps = [
        c
        for c in _calls(editor.module, "step")
        if isinstance(c.func, cst.Attribute)
        and editor.module.code_for_node(c.func.value) in names
        and not c.args
    ]
    above: list[cst.CSTNode] = (
        [statement_of(editor, steps[0])] if len(steps) == 1 else []
    )  # block, loop, block, loop
    while above and len(above) < 5 and above[-1] is not editor.module:
        above.append(editor.parents[above[-1]])
    if [isinstance(node, cst.For | cst.While) for node in above[2::2]] != [True, True]:
        raise CannotPatchError(f"{editor.shown}: no loop over batches in one over epochs steps it")
    loop = above[2]
    move(editor, steps[0], loop, behind=True)


def train_again(editor: Editor, edit: Edit) -> None:
    """Go back to train mode where the loop around the update of this line begins a round."""
    node: cst.CSTNode = _on_its_line(editor, edit, "step")
    while not isinstance(node, cst.For | cst.While):
        if node is editor.module:
            raise CannotPatchError(f"{editor.shown}: no loop is written around the update")
        node = editor.parents[node]
    inside = {
        editor.module.code_for_node(c.func) for c in descendants(node) if isinstance(c, cst.Call)
    }
    switched = {
        editor.module.code_for_node(c.func.value)
        for c in _calls(editor.module, "eval")
        if isinstance(c.func, cst.Attribute)
    }
    if len(called := inside & switched) != 1 or not isinstance(node.body, cst.IndentedBlock):
        raise CannotPatchError(f"{editor.shown}: which model is in eval mode is not written there")
    put(editor, node.body.body[0], f"{called.pop()}.train()")


def recompute_freely(editor: Editor, edit: Edit) -> None:
    """Let the checkpoint of this line take inputs without a gradient."""
    call = _on_its_line(editor, edit, "checkpoint")
    kept = [a for a in call.args if not (a.keyword and a.keyword.value == "use_reentrant")]
    new = cst.parse_expression("f(use_reentrant=False)")
    assert isinstance(new, cst.Call)
    kept[-1] = kept[-1].with_changes(comma=cst.Comma(whitespace_after=cst.SimpleWhitespace(" ")))
    editor.act(call, lambda node: node.with_changes(args=[*kept, *new.args]))


def _on_its_line(editor: Editor, edit: Edit, name: str) -> cst.Call:
    assert edit.at is not None
    return calls_on(editor, edit.at.line, name)


def _calls(node: cst.CSTNode, name: str) -> list[cst.Call]:
    found = (n for n in descendants(node) if isinstance(n, cst.Call))
    return [call for call in found if called_name(call) == name]


def statement_of(editor: Editor, call: cst.Call) -> cst.SimpleStatementLine:
    """Return the statement with the call, which has a line of its own. Raises CannotPatchError."""
    node: cst.CSTNode = call
    while not isinstance(node, cst.SimpleStatementLine | cst.Module):
        node = editor.parents[node]
    block = editor.parents.get(node)
    if not (
        isinstance(node, cst.SimpleStatementLine)
        and isinstance(block, cst.IndentedBlock | cst.Module)
    ):
        line = editor.positions[call].start.line
        raise CannotPatchError(f"{editor.shown}:{line} has no statement of its own")
    return node


def block_of(editor: Editor, statement: cst.CSTNode) -> list[cst.BaseStatement]:
    """Return the statements among which it stands."""
    block = editor.parents[statement]
    assert isinstance(block, cst.IndentedBlock | cst.Module)
    return list(block.body)


def move(editor: Editor, call: cst.Call, beside: cst.CSTNode, *, behind: bool = False) -> None:
    """Move the statement with the call; others that share its line stay there."""
    line = statement_of(editor, call)
    place = next(i for i, s in enumerate(line.body) if any(n is call for n in descendants(s)))
    if len(line.body) == 1:
        put(editor, beside, editor.module.code_for_node(line).strip(), behind=behind)
        editor.act(line, lambda _: cst.RemoveFromParent())  # type: ignore[arg-type, return-value]
        return
    alone = line.body[place].with_changes(semicolon=cst.MaybeSentinel.DEFAULT)
    put(editor, beside, editor.module.code_for_node(alone), behind=behind)

    def without(node: cst.CSTNode) -> cst.CSTNode:
        left = [s for i, s in enumerate(node.body) if i != place]  # type: ignore[attr-defined]
        left[-1] = left[-1].with_changes(semicolon=cst.MaybeSentinel.DEFAULT)
        return node.with_changes(body=left)

    editor.act(line, without)


def put(editor: Editor, beside: cst.CSTNode, code: str, *, behind: bool = False) -> None:
    """Write a statement before or behind another."""
    new = cst.parse_statement(code, config=editor.module.config_for_parsing)

    def written(node: cst.CSTNode) -> cst.CSTNode:
        return cst.FlattenSentinel([node, new] if behind else [new, node])  # type: ignore[return-value] # libcst takes it

    editor.act(beside, written)


def _stepped(editor: Editor, call: cst.Call) -> cst.BaseExpression:
    """Return the optimizer: what `step` is called on, or what a scaler is given."""
    if not isinstance(call.func, cst.Attribute):
        raise CannotPatchError(f"{editor.shown}: step is no method there")
    owner = call.func.value
    if not call.args:
        return owner
    if "scaler" not in editor.module.code_for_node(owner).lower() or len(call.args) > 1:
        raise CannotPatchError(
            f"{editor.shown}: which optimizer steps there is not written plainly"
        )
    return call.args[0].value


def divide(editor: Editor, edit: Edit) -> None:
    """Divide what the backward pass of this line begins from."""
    call = _on_its_line(editor, edit, "backward")
    if not isinstance(call.func, cst.Attribute) or any(a.keyword is None for a in call.args):
        raise CannotPatchError(f"{editor.shown}: the loss is not what backward() is called on")
    loss = editor.module.code_for_node(call.func.value)
    new = cst.parse_expression(f"({loss} / {edit.new})", config=editor.module.config_for_parsing)
    editor.act(call.func.value, lambda _: new)


def weigh(editor: Editor, edit: Edit) -> None:
    """Multiply a part of a sum by a factor; where a number stands before it, that one."""
    assert edit.at is not None
    found = [part for node in descendants(editor.module) for part in _added(editor, node, edit)]
    if len(found) != 1:
        raise CannotPatchError(f"{editor.shown}:{edit.at.line} has {len(found)} sums, not one")
    part = found[0]
    times = isinstance(part, cst.BinaryOperation) and isinstance(part.operator, cst.Multiply)
    known = part.left if isinstance(part, cst.BinaryOperation) and times else None
    if isinstance(known, cst.Float | cst.Integer):
        number = f"{known.evaluated_value * float(edit.new):g}"
        editor.act(known, lambda _: cst.parse_expression(number))
        return
    code = f"{edit.new} * ({editor.module.code_for_node(part)})"
    new = cst.parse_expression(code, config=editor.module.config_for_parsing)
    editor.act(part, lambda _: new)


def _added(editor: Editor, node: cst.CSTNode, edit: Edit) -> Iterator[cst.BaseExpression]:
    """Yield the part of this sum that is meant, where it stands at the edit's line."""
    if isinstance(node, cst.BinaryOperation):
        part = isinstance(node.operator, cst.Add) and getattr(node, edit.name)
    elif isinstance(node, cst.AugAssign) and edit.name == "right":
        part = isinstance(node.operator, cst.AddAssign) and node.value
    else:
        return
    place = editor.positions[node]
    if part and edit.at and place.start.line <= edit.at.line <= place.end.line:
        yield part


ACTS = {
    Act.WEIGH: weigh,
    Act.CLEAR: clear,
    Act.CLEAR_EARLIER: clear_earlier,
    Act.DIVIDE: divide,
    Act.UNSCALE: unscale,
    Act.PER_EPOCH: step_per_epoch,
    Act.TRAIN: train_again,
    Act.RECOMPUTE: recompute_freely,
}
