"""Run a script or a module as `python` would: its own `__main__`, arguments, path and exit code."""

import importlib.machinery
import importlib.util
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, ModuleType, TracebackType

from gradcheck_cli.blame import Fault, blame
from gradcheck_cli.errors import HardExit, UsageError, wording
from gradcheck_cli.notebooks import freed
from gradcheck_cli.probe.terminating import TerminatedError
from gradcheck_cli.scripts import why_no_python
from gradcheck_cli.shadowing import theirs_first

OURS = str(Path(__file__).resolve().parent.parent) + os.sep
ASKING = str(Path("torch", "overrides.py"))


@dataclass(frozen=True, slots=True)
class Program:
    """What was found under the name that was given, not yet read."""

    path: str
    folder: str  # what Python puts first on the path
    spec: importlib.machinery.ModuleSpec | None = None  # of a module, None for a script
    shown: str = ""  # argv[0] of a script, as it was given


@dataclass(frozen=True, slots=True)
class Ending:
    """How it ended: the exit code, and the exception that ended it unless that was SystemExit."""

    code: int = 0
    error: BaseException | None = None
    message: str = ""  # what `sys.exit("...")` leaves for stderr
    hard: bool = False  # by os._exit, which runs no exit handlers

    @property
    def is_cut(self) -> bool:
        """Was it stopped from outside?"""
        return isinstance(self.error, (KeyboardInterrupt, TerminatedError))

    @property
    def reason(self) -> str:
        """What the script raised that ended it early, nothing where it raised nothing."""
        error = self.error
        return wording(error) if isinstance(error, Exception) else ""

    @property
    def is_our_fault(self) -> bool:
        """Was the exception raised by gradcheck, inside the user's call?"""
        return isinstance(self.error, Exception) and blame(self.error).fault is Fault.OURS


def find_script(name: str) -> Program:
    """Return the file, or the `__main__.py` of the folder, called `name`; raises UsageError."""
    given = Path(name)
    path = given / "__main__.py" if given.is_dir() else given
    if not path.is_file():
        raise UsageError(f"{name}: there is no such script")
    if path.suffix == ".ipynb":
        raise UsageError(why_no_python(path))
    folder = given.resolve() if given.is_dir() else path.resolve().parent
    return Program(str(path.absolute()), str(folder), shown=name)


def find_module(name: str) -> Program:
    """Return the module, or the `__main__` of the package, called `name`; raises UsageError."""
    sys.path.insert(0, str(Path.cwd()))
    try:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.submodule_search_locations is not None:
            name = f"{name}.__main__"
            spec = importlib.util.find_spec(name)
    except ImportError as error:
        raise UsageError(f"-m {name}: {error}") from error
    finally:
        sys.path.pop(0)
    if spec is None or spec.origin is None or not spec.has_location:
        raise UsageError(f"-m {name}: there is no such module to run")
    return Program(spec.origin, str(Path.cwd()), spec)


def execute(program: Program, arguments: tuple[str, ...]) -> Ending:
    """Run it to its end. The new `__main__` stays: threads and exit handlers may still use it."""
    module = _main_module(program)
    sys.modules["__main__"] = module
    sys.argv = [program.path if program.spec else program.shown, *arguments]
    if not sys.flags.safe_path:
        theirs_first(program.folder, drawing=True)
    try:
        exec(_code(program), vars(module))  # noqa: S102 - running it is what was asked for
    except SystemExit as stop:
        return _of_exit(stop)
    except BaseException as error:  # noqa: BLE001 - however it ends, it is reported
        return Ending(130 if isinstance(error, KeyboardInterrupt) else 1, error)
    return Ending()


def _main_module(program: Program) -> ModuleType:
    module = ModuleType("__main__")
    module.__dict__.update(__file__=program.path, __builtins__=sys.modules["builtins"])
    if program.spec is not None:
        module.__spec__ = program.spec
        module.__package__ = program.spec.parent
        module.__loader__ = program.spec.loader
    else:
        module.__loader__ = importlib.machinery.SourceFileLoader("__main__", program.path)
    return module


def _code(program: Program) -> CodeType:
    source = Path(program.path).read_bytes()
    tree, commands = freed(source, program.path)
    return compile(tree if commands else source, program.path, "exec", dont_inherit=True)


def _of_exit(stop: SystemExit) -> Ending:
    hard = isinstance(stop, HardExit)
    if stop.code is None:
        return Ending(hard=hard)
    if isinstance(stop.code, int):
        return Ending(stop.code & 0xFF, hard=hard)
    return Ending(1, message=str(stop.code))


# ---- tracebacks ---------------------------------------------------------------------------------


def tidy(error: BaseException) -> BaseException:
    """Take our frames out of the traceback of `error` and of those it came from."""
    seen: set[int] = set()
    todo: list[BaseException | None] = [error]
    while todo:
        one = todo.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        one.__traceback__ = _without_ours(one.__traceback__)
        todo += [one.__cause__, one.__context__]
    return error


def _frames(traceback: TracebackType | None) -> Iterator[TracebackType]:
    while traceback is not None:
        yield traceback
        traceback = traceback.tb_next


def _without_ours(traceback: TracebackType | None) -> TracebackType | None:
    """Take out our frames, and those in which torch asks us before it does what was called."""
    frames = list(_frames(traceback))
    files = [t.tb_frame.f_code.co_filename for t in frames]
    asks = [file.endswith(ASKING) for file in (*files, "")]
    kept = [
        t for i, t in enumerate(frames) if not (files[i].startswith(OURS) or asks[i] or asks[i + 1])
    ]
    result: TracebackType | None = None
    for entry in reversed(kept):
        result = TracebackType(result, entry.tb_frame, entry.tb_lasti, entry.tb_lineno)
    return result
