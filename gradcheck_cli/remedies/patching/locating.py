"""The node that an edit is about: found by its exact place and checked by what stands there."""

import ast
from collections.abc import Iterator

import libcst as cst

from gradcheck_cli.records.trace import SourceSite
from gradcheck_cli.remedies.patching.checks import CannotPatchError
from gradcheck_cli.remedies.patching.editor import Editor
from gradcheck_cli.remedies.patching.names import meant


def descendants(node: cst.CSTNode, *, into_functions: bool = True) -> Iterator[cst.CSTNode]:
    """Yield all nodes below, in the order of the text."""
    for child in node.children:
        yield child
        nested = isinstance(child, cst.FunctionDef | cst.Lambda | cst.ClassDef)
        if into_functions or not nested:
            yield from descendants(child, into_functions=into_functions)


def call_within(editor: Editor, site: SourceSite) -> cst.Call:
    """Return the call with exactly this range."""
    for node in descendants(editor.module):
        if not isinstance(node, cst.Call):
            continue
        place = editor.positions[node]
        start = (place.start.line, place.start.column + 1)
        end = (place.end.line, place.end.column + 1)
        if start == (site.line, site.column) and end == (site.end_line, site.end_column):
            return node
    raise CannotPatchError(f"{site} does not hold the call that was made; the file has changed")


def call_at(editor: Editor, site: SourceSite, kind: str) -> cst.Call:
    """Return the call with exactly this range, which must build a `kind`."""
    node = call_within(editor, site)
    built = meant(editor.module, node.func)
    if built.rpartition(".")[2] == kind and built.startswith("torch."):
        return node
    raise CannotPatchError(f"{site} builds {kind} through {built or 'an expression'}")


def name_of(editor: Editor, built: cst.CSTNode, *, seen_from: cst.CSTNode) -> str:
    """Return the name that what is built there is given, and that another place of the file can use.

    Raises CannotPatchError where there is none.
    """
    node = built
    while isinstance(node, cst.Call | cst.Attribute):  # as in Net().to(device)
        node = editor.parents[node]
    target = node.targets[0].target if isinstance(node, cst.Assign) else None
    scope = function_around(editor, built) if seen_from in editor.parents else built
    if not isinstance(target, cst.Name) or scope not in {None, function_around(editor, seen_from)}:
        raise CannotPatchError(f"{editor.shown} has no name for the model where the edit belongs")
    return target.value


def function_around(editor: Editor, node: cst.CSTNode) -> cst.CSTNode | None:
    """Return the innermost function or lambda that a node stands in; None where it is none."""
    while node is not editor.module and node in editor.parents:
        node = editor.parents[node]
        if isinstance(node, cst.FunctionDef | cst.Lambda):
            return node
    return None


def calls_on(editor: Editor, line: int, name: str) -> cst.Call:
    """Return the only call of a function or method `name` that begins on this line."""
    found = [
        node
        for node in descendants(editor.module)
        if isinstance(node, cst.Call)
        and called_name(node) in {name, f"{name}_"}
        and editor.positions[node].start.line <= line <= editor.positions[node].end.line
    ]
    tight = [n for n in found if editor.positions[n].end.line == line] or found
    if len(tight) != 1:
        raise CannotPatchError(f"{editor.shown}:{line} has {len(tight)} calls of {name}, not one")
    return tight[0]


def read_on(editor: Editor, line: int, name: str) -> cst.Attribute:
    """Return the only place on this line where an attribute is read, as in `x.data`."""
    nodes = list(descendants(editor.module))
    called = {id(node.func) for node in nodes if isinstance(node, cst.Call)}
    found = [
        node
        for node in nodes
        if isinstance(node, cst.Attribute)
        and node.attr.value == name
        and id(node) not in called
        and editor.positions[node].start.line <= line <= editor.positions[node].end.line
    ]
    if len(found) != 1:
        raise CannotPatchError(f"{editor.shown}:{line} reads .{name} {len(found)} times, not once")
    return found[0]


def called_name(call: cst.Call) -> str:
    """Return the last part of what is called."""
    return called_attribute(call.func)


def called_attribute(func: cst.BaseExpression) -> str:
    """Return `round` for torch.round, x.round and round."""
    if isinstance(func, cst.Attribute):
        return func.attr.value
    return func.value if isinstance(func, cst.Name) else ""


def is_function_of(editor: Editor, call: cst.Call) -> bool:
    """Is it torch.round(x) rather than x.round()?"""
    return not isinstance(call.func, cst.Attribute) or meant(editor.module, call.func).startswith(
        "torch."
    )


def definition(editor: Editor, path: str) -> cst.FunctionDef | cst.ClassDef | cst.Assign:
    """Return what binds the dotted name: a function, a class, or an assignment."""
    scope: cst.CSTNode = editor.module
    found: cst.CSTNode | None = None
    for name in path.split("."):
        found = next((n for n in _bindings(scope) if _binds(n, name)), None)
        if found is None:
            raise CannotPatchError(f"{editor.shown} does not define {path} itself")
        scope = found
    assert isinstance(found, cst.FunctionDef | cst.ClassDef | cst.Assign)
    return found


def _bindings(scope: cst.CSTNode) -> Iterator[cst.CSTNode]:
    body = scope.body if isinstance(scope, cst.Module) else getattr(scope, "body", None)
    statements = body.body if isinstance(body, cst.IndentedBlock) else body
    for statement in statements or ():
        if isinstance(statement, cst.SimpleStatementLine):
            yield from statement.body
        else:
            yield statement


def _binds(node: cst.CSTNode, name: str) -> bool:
    if isinstance(node, cst.FunctionDef | cst.ClassDef):
        return node.name.value == name
    return isinstance(node, cst.Assign) and any(
        isinstance(target.target, cst.Name) and target.target.value == name
        for target in node.targets
    )


def returned(editor: Editor, function: cst.FunctionDef) -> list[cst.BaseExpression]:
    """Return the expressions that a function returns. Raises CannotPatchError where one is unfit."""
    values = [
        node.value
        for node in descendants(function.body, into_functions=False)
        if isinstance(node, cst.Return)
    ]
    fit = [v for v in values if v is not None and not isinstance(v, cst.Tuple)]
    if not fit or len(fit) != len(values):
        name = function.name.value
        raise CannotPatchError(f"{editor.shown}: {name} does not simply return the model")
    return fit


def literal(editor: Editor, value: cst.BaseExpression) -> tuple[object, cst.BaseExpression]:
    """Return the value of a literal, or of the constant of the file that a name stands for."""
    if isinstance(value, cst.Name | cst.Attribute):
        name = value.value if isinstance(value, cst.Name) else value.attr.value
        found = list(_given(editor, name, is_read=isinstance(value, cst.Attribute)))
        if len(found) != 1:
            raise CannotPatchError(f"{editor.shown} sets {name} at {len(found)} places, not one")
        [value] = found
    try:
        return ast.literal_eval(editor.module.code_for_node(value)), value
    except ValueError:
        shown = editor.module.code_for_node(value)
        raise CannotPatchError(f"{editor.shown}: {shown} is not written as a number") from None


def _given(editor: Editor, name: str, *, is_read: bool) -> Iterator[cst.BaseExpression]:
    """Yield what a name is given in this file: where it is assigned, as a default, as an argument's default.

    `is_read` is of an attribute, as in `args.lr`: a field of a class, or an option of argparse.
    """
    for node in descendants(editor.module):
        if isinstance(node, cst.Assign) and [_name(t.target) for t in node.targets] == [name]:
            yield node.value
        elif isinstance(node, cst.AnnAssign | cst.Param):
            value = node.value if isinstance(node, cst.AnnAssign) else node.default
            if (
                _name(node.target if isinstance(node, cst.AnnAssign) else node.name) == name
                and value
            ):
                yield value
        elif is_read and isinstance(node, cst.Call) and called_name(node) == "add_argument":
            flags = [
                a.value.evaluated_value
                for a in node.args
                if isinstance(a.value, cst.SimpleString) and not a.keyword
            ]
            if name in {str(flag).lstrip("-").replace("-", "_") for flag in flags}:
                yield from (
                    a.value for a in node.args if a.keyword and a.keyword.value == "default"
                )


def _name(node: cst.CSTNode) -> str:
    return node.value if isinstance(node, cst.Name) else ""
