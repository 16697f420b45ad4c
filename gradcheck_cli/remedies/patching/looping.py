"""Edits of the lines of a loop."""

import libcst as cst

from gradcheck_cli.remedies.edits import Edit
from gradcheck_cli.remedies.patching.editor import Editor
from gradcheck_cli.remedies.patching.locating import calls_on
from gradcheck_cli.remedies.patching.refusal import CannotPatchError


def clear(editor: Editor, edit: Edit) -> None:
    """Clear the gradients behind the statement with the update of this line."""
    assert edit.at is not None
    call = calls_on(editor, edit.at.line, "step")
    name = editor.module.code_for_node(_stepped(editor, call))
    statement = editor.parents[call]
    while not isinstance(statement, cst.SimpleStatementLine):
        if statement is editor.module:
            raise CannotPatchError(f"{editor.shown}:{edit.at.line} has no statement of its own")
        statement = editor.parents[statement]
    if not isinstance(editor.parents[statement], cst.IndentedBlock | cst.Module):
        raise CannotPatchError(f"{editor.shown}:{edit.at.line} has no line of its own")
    new = cst.parse_statement(f"{name}.zero_grad()", config=editor.module.config_for_parsing)

    def cleared(node: cst.CSTNode) -> cst.CSTNode:
        return cst.FlattenSentinel([node, new])  # type: ignore[return-value] # libcst takes it

    editor.act(statement, cleared)


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
    assert edit.at is not None
    call = calls_on(editor, edit.at.line, "backward")
    if not isinstance(call.func, cst.Attribute) or any(a.keyword is None for a in call.args):
        raise CannotPatchError(f"{editor.shown}: the loss is not what backward() is called on")
    loss = editor.module.code_for_node(call.func.value)
    new = cst.parse_expression(f"({loss} / {edit.new})", config=editor.module.config_for_parsing)
    editor.act(call.func.value, lambda _: new)
