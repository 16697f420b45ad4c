"""Edits at the end of building: what happens to the finished model, or first thing in the loss."""

import libcst as cst
from torch import nn

from gradcheck_cli.records.trace import SourceSite
from gradcheck_cli.remedies.edits import Edit
from gradcheck_cli.remedies.patching.checks import CannotPatchError
from gradcheck_cli.remedies.patching.editor import Editor
from gradcheck_cli.remedies.patching.layout import Precede
from gradcheck_cli.remedies.patching.locating import call_within, descendants, returned
from gradcheck_cli.remedies.patching.making import counts, is_container
from gradcheck_cli.remedies.patching.names import dotted

MODEL = "gradcheck_model"


def finish(editor: Editor, place: cst.CSTNode, edit: Edit) -> None:
    """Do something with the finished model: where it is returned, built, or at the end of init."""
    new = edit.new
    if edit.needs:
        for name, free in editor.define(edit.needs, place).items():
            new = new.replace(name, free)
    if isinstance(place, cst.ClassDef):
        _finish_class(editor, place, new)
        return
    template = editor.expression(new.replace("{model}", MODEL))
    for value in _values(editor, place):
        if not new.startswith("{model}."):
            _refuse_to_hide(editor, value)
        editor.act(value, lambda node: _filled(template, node))


def _values(editor: Editor, place: cst.CSTNode) -> list[cst.BaseExpression]:
    """Return the expressions whose value is the model."""
    if isinstance(place, cst.FunctionDef):
        return returned(editor, place)
    value = place.value if isinstance(place, cst.Assign) else place
    assert isinstance(value, cst.BaseExpression)
    return [value]


def front(editor: Editor, place: cst.CSTNode, edit: Edit) -> None:
    """Put a module before the finished model: first in its Sequential, or in a new one."""
    if isinstance(place, cst.ClassDef):
        name = place.name.value
        raise CannotPatchError(f"{editor.shown}: {name} is a class; nothing can stand before it")
    new = edit.new
    for name, free in (editor.define(edit.needs, place) if edit.needs else {}).items():
        new = new.replace(name, free)
    module = editor.expression(new)
    template = editor.expression(f"nn.Sequential({new}, {MODEL})")
    for value in _values(editor, place):
        if isinstance(value, cst.Call) and is_container(editor, value) and not counts(editor):
            editor.change_argument(value, 0, Precede(module))
        else:
            _refuse_to_hide(editor, value)
            editor.act(value, lambda node: _filled(template, node))


def _refuse_to_hide(editor: Editor, model: cst.CSTNode) -> None:
    """Raise CannotPatchError where the model's name is used as a module around it cannot be."""
    while not isinstance(model, cst.Assign):
        if model not in editor.parents:
            return
        model = editor.parents[model]
    name = dotted(model.targets[0].target)
    for node in descendants(editor.module):
        of = node.func if isinstance(node, cst.Call) else getattr(node, "value", None)
        if not isinstance(of, cst.Name) or of.value != name:
            continue
        own = isinstance(node, cst.Attribute) and node.attr.value not in dir(nn.Sequential())
        many = isinstance(node, cst.Call) and (len(node.args) != 1 or node.args[0].keyword)
        if own or many or isinstance(node, cst.Subscript):
            used = editor.module.code_for_node(node)
            raise CannotPatchError(f"{editor.shown}: a module around the model has no `{used}`")


def _filled(template: cst.BaseExpression, value: cst.CSTNode) -> cst.CSTNode:
    assert isinstance(value, cst.BaseExpression)
    primary = cst.Name | cst.Attribute | cst.Call | cst.Subscript
    if not isinstance(value, primary) and not value.lpar:
        value = value.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
    hole = next(
        node for node in (template, *descendants(template)) if getattr(node, "value", "") == MODEL
    )
    filled = template.deep_replace(hole, value)
    assert isinstance(filled, cst.BaseExpression)
    return filled


def _finish_class(editor: Editor, place: cst.ClassDef, new: str) -> None:
    init = next(
        (
            node
            for node in place.body.body
            if isinstance(node, cst.FunctionDef) and node.name.value == "__init__"
        ),
        None,
    )
    if init is None or not new.startswith("{model}."):
        raise CannotPatchError(f"{editor.shown}: {place.name.value} has no __init__ to end with it")
    own = init.params.params[0].name.value
    editor.expression(new.replace("{model}", own))
    line = cst.parse_statement(new.replace("{model}", own))
    editor.act(init, lambda node: _with_line(node, line, last=True))


def _with_line(node: cst.CSTNode, line: cst.BaseStatement, *, last: bool) -> cst.CSTNode:
    assert isinstance(node, cst.FunctionDef)
    body = list(node.body.body)
    described = bool(body) and _is_text(body[0])
    body.insert(len(body) if last else int(described), line)
    return node.with_changes(body=node.body.with_changes(body=body))


def _is_text(statement: cst.CSTNode) -> bool:
    return (
        isinstance(statement, cst.SimpleStatementLine)
        and isinstance(statement.body[0], cst.Expr)
        and isinstance(statement.body[0].value, cst.SimpleString)
    )


def reshape(editor: Editor, place: cst.CSTNode) -> None:
    """Give the output the shape of the target at the start of the loss function."""
    if not isinstance(place, cst.FunctionDef) or len(place.params.params) < 2:
        raise CannotPatchError(f"{editor.shown}: the loss is no function of output and target")
    output, target = (p.name.value for p in place.params.params[:2])
    line = cst.parse_statement(f"{output} = {output}.reshape({target}.shape)")
    editor.act(place, lambda node: _with_line(node, line, last=False))


def reshape_call(editor: Editor, site: SourceSite) -> None:
    """Give the output the shape of the target where a loss is called with both."""
    call = call_within(editor, site)
    given = [a.value for a in call.args if a.keyword is None and not a.star]
    if len(given) != 2 or not isinstance(
        given[0], cst.Name | cst.Call | cst.Attribute | cst.Subscript
    ):
        raise CannotPatchError(f"{site} is no call of a loss with an output and a target")
    target = given[1]

    def reshaped(output: cst.CSTNode) -> cst.CSTNode:
        assert isinstance(output, cst.BaseExpression)
        return cst.Call(cst.Attribute(output, cst.Name("reshape_as")), [cst.Arg(target)])

    editor.act(given[0], reshaped)
