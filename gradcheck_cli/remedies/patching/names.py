"""How a file calls torch and what is in it, and what has to be imported for new code."""

import re

import libcst as cst

KNOWN = {"nn": "torch.nn", "torch": "torch"}


def imported(module: cst.Module) -> dict[str, str]:
    """Return what each imported name of the file stands for: `nn` -> `torch.nn`."""
    names: dict[str, str] = {}
    for statement in module.body:
        if not isinstance(statement, cst.SimpleStatementLine):
            continue
        for node in statement.body:
            if isinstance(node, cst.Import):
                names |= _plain(node)
            elif isinstance(node, cst.ImportFrom) and not isinstance(node.names, cst.ImportStar):
                source = dotted(node.module) if node.module else ""
                for alias in node.names:
                    name = alias.evaluated_alias or alias.evaluated_name
                    names[name] = f"{source}.{alias.evaluated_name}"
    return names


def _plain(node: cst.Import) -> dict[str, str]:
    names = {}
    for alias in node.names:
        if alias.evaluated_alias:
            names[alias.evaluated_alias] = alias.evaluated_name
        else:  # `import torch.nn` binds torch
            root = alias.evaluated_name.partition(".")[0]
            names[root] = root
    return names


def dotted(node: cst.BaseExpression) -> str:
    """Return `torch.nn.ReLU` for names joined by dots, '' for anything else."""
    if isinstance(node, cst.Name):
        return node.value
    if isinstance(node, cst.Attribute) and (before := dotted(node.value)):
        return f"{before}.{node.attr.value}"
    return ""


def meant(module: cst.Module, called: cst.BaseExpression) -> str:
    """Return the full name of what is called, imports resolved: `nn.ReLU` -> `torch.nn.ReLU`."""
    head, dot, rest = dotted(called).partition(".")
    return imported(module).get(head, head) + dot + rest


def defined(module: cst.Module) -> set[str]:
    """Return every name the file binds or uses, so that a new one does not collide."""
    found: set[str] = set()
    waiting: list[cst.CSTNode] = [module]
    while waiting:
        node = waiting.pop()
        if isinstance(node, cst.Name):
            found.add(node.value)
        waiting.extend(node.children)
    return found


def adapted(module: cst.Module, code: str) -> tuple[str, set[str]]:
    """Write `nn.` and `torch.` in new code as this file does; return also what must be imported."""
    names = imported(module)
    missing: set[str] = set()
    for short, full in KNOWN.items():
        if not re.search(rf"(?<![\w.]){short}\.", code):
            continue
        own = next((name for name, stands in names.items() if stands == full), None)
        if own is None and full == "torch.nn" and "torch" in names.values():
            own = next(name for name, stands in names.items() if stands == "torch") + ".nn"
        if own is None:
            missing.add(short)
        elif own != short:
            code = re.sub(rf"(?<![\w.]){short}\.", f"{own}.", code)
    return code, missing


IMPORTS = {"nn": "from torch import nn", "torch": "import torch"}


def with_imports(module: cst.Module, missing: set[str]) -> cst.Module:
    """Add imports behind the last import at the top of the file."""
    if not missing:
        return module
    last = -1
    for index, statement in enumerate(module.body):
        if _is_import(statement):
            last = index
        elif not _is_docstring(statement):
            break
    at = last + 1 if last >= 0 else int(bool(module.body) and _is_docstring(module.body[0]))
    lines = [cst.parse_statement(IMPORTS[name]) for name in sorted(missing, reverse=True)]
    return module.with_changes(body=[*module.body[:at], *lines, *module.body[at:]])


def _is_import(statement: cst.BaseStatement | cst.BaseSmallStatement) -> bool:
    return isinstance(statement, cst.SimpleStatementLine) and isinstance(
        statement.body[0], cst.Import | cst.ImportFrom
    )


def _is_docstring(statement: cst.BaseStatement | cst.BaseSmallStatement) -> bool:
    if not isinstance(statement, cst.SimpleStatementLine):
        return False
    first = statement.body[0]
    return isinstance(first, cst.Expr) and isinstance(first.value, cst.SimpleString)
