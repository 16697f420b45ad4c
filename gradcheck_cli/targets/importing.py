"""From a reference to the Python object it names, or one line that says why not."""

import difflib
import importlib
import importlib.util
import inspect
import os
import shlex
import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from gradcheck_cli.errors import THEIRS, UsageError, UserCodeError
from gradcheck_cli.scripts import looks_like_a_script, why_missing, why_no_python
from gradcheck_cli.shadowing import theirs_first
from gradcheck_cli.targets.references import Reference


@dataclass(frozen=True, slots=True)
class Found:
    """An object of the user's, with the literal arguments it is to be called with."""

    value: Any
    label: str  # as a person would write it
    module: ModuleType | None
    called: bool = False
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)


def load_module(reference: Reference) -> ModuleType:
    """Import the file or module of a reference.

    Raises UsageError where it does not exist or is a script, and UserCodeError where its own code
    raises.
    """
    put_on_path(Path.cwd())
    if reference.is_file:
        return _load_file(reference)
    return _load_dotted(reference)


def find(reference: Reference, module: ModuleType, path: str) -> Found:
    """Return what `path` (dotted) names in `module`. Raises UsageError, with the nearest name."""
    value: Any = module
    walked = reference.where
    for name in path.split("."):
        try:
            value = getattr(value, name)
        except AttributeError as cause:
            if not _is_missing(value, name, cause):
                raise UserCodeError(f"reading {walked}:{name}", cause) from cause
            raise UsageError(_no_such_name(walked, name, value)) from None
        walked = f"{walked}:{name}" if value is module else f"{walked}.{name}"
    label = f"{reference.where}:{path}"
    return Found(value, label, module, reference.called, reference.args, reference.kwargs)


def check_arguments(callee: Callable[..., Any], label: str, *args: Any, **kwargs: Any) -> None:
    """Raise UsageError, with the signature, where `callee` cannot take these arguments."""
    try:
        signature = inspect.signature(callee)
    except (TypeError, ValueError):  # builtins that do not tell their signature
        return
    try:
        signature.bind(*args, **kwargs)
    except TypeError as cause:
        shown = _signature_text(signature)
        example = _example_call(label, signature)
        raise UsageError(f"{label}{shown}: {cause}; {example}") from None


def put_on_path(folder: Path) -> None:
    """Let imports look in `folder` first, as `python file.py` would."""
    theirs_first(str(folder))


def _load_file(reference: Reference) -> ModuleType:
    path = Path(reference.where).expanduser()
    if not path.is_file():
        raise UsageError(_no_such_file(path))
    _refuse_scripts(path, reference.where)
    path = path.resolve()
    root, dotted = path.parent, path.stem
    while (root / "__init__.py").is_file():
        dotted = root.name if dotted == "__init__" else f"{root.name}.{dotted}"
        root = root.parent
    put_on_path(root)
    if root != path.parent or path.stem == "__init__":
        return _import_from_package(dotted, path)
    return _import_single_file(dotted, path)


def _refuse_scripts(path: Path, shown: str) -> None:
    """Raise UsageError, before anything of it runs, where importing the file would be a training."""
    if line := looks_like_a_script(path):
        raise UsageError(
            f"{shown} trains when it is imported (line {line}); to watch that training: "
            f"gradcheck diagnose {shlex.quote(shown)}"
        )


def _import_from_package(dotted: str, path: Path) -> ModuleType:
    module = _run_import(lambda: importlib.import_module(dotted), path.name, dotted)
    loaded_from = getattr(module, "__file__", None)
    if loaded_from is None or not path.samefile(loaded_from):
        raise UsageError(
            f"{path} is {dotted} in its package, but Python already has {dotted} from "
            f"{loaded_from}; run from another folder or rename the package"
        )
    return module


def _import_single_file(name: str, path: Path) -> ModuleType:
    known = sys.modules.get(name)
    if known is not None or name in sys.stdlib_module_names:
        loaded_from = getattr(known, "__file__", None)
        if loaded_from is not None and Path(loaded_from).resolve() == path:
            assert known is not None
            return known
        name = f"{name}_{zlib.crc32(os.fsencode(path)):08x}"  # another file has the name
        if name in sys.modules:
            return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    loader = spec.loader

    def run() -> ModuleType:
        sys.modules[name] = module
        arguments, sys.argv = sys.argv, [str(path)]  # theirs, should the file read its command line
        try:
            loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
        finally:
            sys.argv = arguments
        return module

    return _run_import(run, path.name, name)


def _load_dotted(reference: Reference) -> ModuleType:
    name = reference.where
    if Path(name).is_dir() and not (Path(name) / "__init__.py").is_file():
        raise UsageError(_no_such_file(Path(name)))
    if not all(part.isidentifier() for part in name.split(".")):
        raise UsageError(_no_such_file(Path(name)))
    return _run_import(lambda: importlib.import_module(name), name, name)


def _run_import(run: Callable[[], ModuleType], label: str, dotted: str) -> ModuleType:
    importlib.invalidate_caches()
    try:
        return run()
    except ModuleNotFoundError as cause:
        missing = cause.name or ""
        if dotted == missing or dotted.startswith(f"{missing}."):
            raise UsageError(_no_such_module(dotted, missing)) from None
        raise UserCodeError(f"importing {label}", cause, why_missing(missing)) from cause
    except SystemExit as cause:
        hint = 'the file ends the program while it is imported; put that below `if __name__ == "__main__":`'
        raise UserCodeError(f"importing {label}", cause, hint) from cause
    except THEIRS as cause:
        raise UserCodeError(f"importing {label}", cause) from cause


def _no_such_file(path: Path) -> str:
    if path.is_dir():
        return f"{path} is a folder; name a file in it, such as {path / 'model.py'}:build_model"
    if path.exists():
        return why_no_python(path) if path.is_file() else f"{path} is no regular file"
    folder = path.parent if path.parent.is_dir() else Path()
    near = nearest(path.name, [entry.name for entry in folder.glob("*.py")])
    if not path.parent.is_dir():
        return f"no such file: {path} (there is no folder {path.parent})"
    return f"no such file: {path}" + (f"; did you mean {folder / near}?" if near else "")


def _no_such_module(dotted: str, missing: str) -> str:
    text = f"no module named {missing!r}"
    if Path(dotted).is_file():
        return why_no_python(dotted)
    if Path(f"{dotted}.py").is_file():
        return f"{text}; did you mean {dotted}.py?"
    owner, _, last = dotted.rpartition(".")
    if owner and missing == dotted:
        return f"{text}; did you mean {owner}:{last}?"
    return (
        f"{text} in {Path.cwd()} or in this Python's packages; write file.py:name or pkg.mod:name"
    )


def _no_such_name(where: str, name: str, owner: Any) -> str:
    names = [known for known in dir(owner) if not known.startswith("__")]
    near = nearest(name, names)
    if near:
        return f"{where} has no {name!r}; did you mean {near!r}?"
    own = [
        known
        for known in names
        if not known.startswith("_") and not isinstance(getattr(owner, known, None), ModuleType)
    ]
    listed = ", ".join(own[:8]) + (", ..." if len(own) > 8 else "")
    return f"{where} has no {name!r}; it has {listed or 'nothing'}"


def nearest(name: str, known: list[str]) -> str | None:
    """Return the known name that `name` was probably meant to be."""
    folded = {entry.casefold(): entry for entry in known}
    close = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)
    return folded[close[0]] if close else None


def _is_missing(owner: Any, name: str, cause: AttributeError) -> bool:
    """Tell a name that is not there from a property or module `__getattr__` that raised inside."""
    return (cause.obj is owner and cause.name == name) or not hasattr(type(owner), name)


def _signature_text(signature: inspect.Signature) -> str:
    parameters = [
        parameter.replace(annotation=_plain(parameter.annotation))
        for parameter in signature.parameters.values()
    ]
    return str(signature.replace(parameters=parameters, return_annotation=inspect.Signature.empty))


def _plain(annotation: Any) -> Any:
    return annotation if isinstance(annotation, type) else inspect.Parameter.empty


def _example_call(label: str, signature: inspect.Signature) -> str:
    needed = [
        parameter.name
        for parameter in signature.parameters.values()
        if parameter.default is parameter.empty
        and parameter.kind not in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD}
    ]
    call = f"{label}({', '.join(f'{name}=...' for name in needed)})"
    return f"write {call}, or name a function that builds it" if needed else f"write {label}"
