"""What a script writes goes to a scratch folder, where it finds it again; its own files stay.

Every call of Python that takes a path is led to the scratch folder if it writes, or if the file was
written there before; so is every one below Python that is known to write to a path. What else is
written below Python is refused by `confining`.
"""

import builtins
import io
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Self

from gradcheck_cli.probe.arriving import when_imported
from gradcheck_cli.probe.replacing import instead

WRITING = set("wax+")
_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_READS = ("stat", "lstat", "access", "readlink")
_EDITS = ("chmod", "utime", "truncate", "chown", "lchown", "setxattr", "removexattr")
_LINKS = ("link", "symlink")
FREE = ("/dev/", "/proc/self/", "/proc/thread-self/")  # no files of anybody's


@dataclass(slots=True)
class Overlay:
    """A folder in which the written files lie under their full paths."""

    root: Path
    gone: set[str] = field(default_factory=set)  # what the script has removed
    _stat: Callable[..., os.stat_result] = os.stat

    def install(self) -> Self:
        """Lead this process's calls through here; it stays so until the process ends."""
        builtins.open = io.open = instead(builtins.open, self._opening)
        for ours, names in (
            (self._opening_numbers, ("open",)),
            (self._reading, _READS),
            (self._editing, _EDITS),
            (self._listing, ("listdir", "scandir")),
            (self._making, ("mkdir",)),
            (self._removing, ("remove", "unlink", "rmdir")),
            (self._moving, ("rename", "replace", *_LINKS)),
        ):
            for name in (n for n in names if hasattr(os, n)):
                setattr(os, name, instead(getattr(os, name), ours))
        shutil.rmtree = instead(shutil.rmtree, self._removing_tree)  # type: ignore[assignment]
        return self

    def moved(self, root: Path) -> None:
        """Go on with a copy of what was written so far."""
        if self.root.exists():
            shutil.copytree(self.root, root, symlinks=True, dirs_exist_ok=True)
        self.root = root

    # ---- where a path leads ---------------------------------------------------------------

    def read(self, path: Any) -> Any:
        """Return where a path is read from."""
        full = self._full(path)
        if full is None:
            return path
        inside = self._inside(full)
        if self._exists(inside):
            return inside
        if self._is_gone(full):
            raise FileNotFoundError(2, "No such file or directory", full)
        return path

    def write(self, path: Any, *, keep: bool = True) -> Any:
        """Return where a path is written to; with `keep` it begins with what is in the file."""
        full = self._full(path)
        if full is None:
            return path
        inside = self._inside(full)
        parent = os.path.dirname(full)  # noqa: PTH120 - a path as the user gave it
        if not self._is_there(parent):
            raise FileNotFoundError(2, "No such file or directory", full)
        self._folders(os.path.dirname(inside))  # noqa: PTH120
        if keep and not self._exists(inside) and self._is_there(full):
            with _original_open(full, "rb") as old, _original_open(inside, "wb") as new:
                shutil.copyfileobj(old, new)
        self.gone.discard(full)
        return inside

    def _full(self, path: Any) -> str | None:
        """Return the absolute path, or None for what is not ours to lead anywhere."""
        if isinstance(path, int):
            return None
        text = os.fsdecode(path)
        full = os.path.abspath(text)  # noqa: PTH100 - links stay as they are
        scratch = str(self.root.parent)
        if full.startswith((scratch + os.sep, *FREE)) or full in {scratch, "/dev/null"}:
            return None
        return full

    def _inside(self, full: str) -> str:
        return str(self.root) + full

    def _is_gone(self, full: str) -> bool:
        return any(str(place) in self.gone for place in (full, *Path(full).parents))

    def _is_there(self, full: str) -> bool:
        inside = self._exists(self._inside(full))
        return inside or (self._exists(full) and not self._is_gone(full))

    def _exists(self, path: str) -> bool:
        with suppress(OSError, ValueError):
            self._stat(path)
            return True
        return False

    def _folders(self, inside: str) -> None:
        made = []
        while not self._exists(inside):
            made.append(inside)
            inside = os.path.dirname(inside)  # noqa: PTH120
        for folder in reversed(made):
            _original_mkdir(folder)

    # ---- calls ----------------------------------------------------------------------------

    def _opening(self, original: Any, file: Any, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        if set(mode) & WRITING:
            if "x" in mode and os.path.exists(file):  # noqa: PTH110
                raise FileExistsError(17, "File exists", file)
            return original(self.write(file, keep="w" not in mode), mode, *args, **kwargs)
        return original(self.read(file), mode, *args, **kwargs)

    def _opening_numbers(
        self, original: Any, path: Any, flags: int, *args: Any, **kwargs: Any
    ) -> int:
        if kwargs.get("dir_fd") is None:
            temporary = getattr(os, "O_TMPFILE", 0)
            writes = flags & _FLAGS and not (temporary and flags & temporary == temporary)
            path = self.write(path) if writes else self.read(path)
        return int(original(path, flags, *args, **kwargs))

    def _reading(self, original: Any, path: Any, *args: Any, **kwargs: Any) -> Any:
        if kwargs.get("dir_fd") is None:
            path = self.read(path)
        return original(path, *args, **kwargs)

    def _editing(self, original: Any, path: Any, *args: Any, **kwargs: Any) -> Any:
        return original(self.write(path), *args, **kwargs)

    def _making(self, original: Any, path: Any, *args: Any, **kwargs: Any) -> None:
        if self._full(path) is not None and os.path.exists(path):  # noqa: PTH110
            raise FileExistsError(17, "File exists", path)
        original(self.write(path, keep=False), *args, **kwargs)

    def _removing(self, original: Any, path: Any, *args: Any, **kwargs: Any) -> None:
        full = self._full(path)
        if full is None or kwargs.get("dir_fd") is not None:
            original(path, *args, **kwargs)
            return
        os.lstat(path)  # raises where there is nothing to remove
        if self._exists(self._inside(full)):
            original(self._inside(full), *args, **kwargs)
        self.gone.add(full)

    def _removing_tree(self, original: Any, path: Any, *args: Any, **kwargs: Any) -> None:
        full = self._full(path)
        if full is None:
            original(path, *args, **kwargs)
            return
        original(self._inside(full), ignore_errors=True)
        self.gone.add(full)

    def _moving(self, original: Any, source: Any, target: Any, *args: Any, **kwargs: Any) -> None:
        leaves = original.__name__ in _LINKS
        if self._full(source) is not None and not leaves and os.path.isfile(source):  # noqa: PTH113
            source, old = self.write(source), source
            original(source, self.write(target, keep=False), *args, **kwargs)
            self.gone.add(str(self._full(old)))
            return
        source = source if leaves and original.__name__ == "symlink" else self.read(source)
        original(source, self.write(target, keep=False), *args, **kwargs)

    def _listing(self, original: Any, path: Any = ".") -> Any:
        full = self._full(path)
        if full is None:
            return original(path)
        found: dict[str, Any] = {}
        entries = original.__name__ == "scandir"
        for place in (path, self._inside(full)):
            with suppress(FileNotFoundError if place is path else OSError):
                for entry in [] if place is path and self._is_gone(full) else original(place):
                    found[entry.name if entries else entry] = entry
        if not found and not os.path.isdir(path):  # noqa: PTH112
            return original(path)  # which says what is wrong
        left = [e for n, e in found.items() if self._is_there(os.path.join(full, n))]  # noqa: PTH118
        return Entries(left) if entries else left


@dataclass(slots=True)
class Entries:
    """What `os.scandir` returns, for two folders at once."""

    entries: list[Any]

    def __iter__(self) -> Iterator[Any]:
        """Go through them."""
        return self

    def __next__(self) -> Any:
        """Return the next one."""
        if not self.entries:
            raise StopIteration
        return self.entries.pop(0)

    def __enter__(self) -> Self:
        """Do nothing: there is nothing to be closed."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""

    def close(self) -> None:
        """Do nothing."""


_original_open = builtins.open
_original_mkdir = os.mkdir


OF_TORCH = (
    "torch._C",
    "PyTorchFileWriter",
    0,
)  # where it lies, its name, which argument is the path
OTHERS = (("safetensors.torch", "serialize_file", 1), ("safetensors.numpy", "serialize_file", 1))


def torch_led(overlay: Overlay) -> None:
    """Lead `torch.save` there; torch has been imported."""
    _put(overlay, *OF_TORCH)


def led(overlay: Overlay, stay: ExitStack) -> None:
    """Lead the others there once their modules have been imported."""
    for owner, name, place in OTHERS:
        stay.enter_context(when_imported(owner, partial(_put, overlay, owner, name, place)))


def _put(overlay: Overlay, owner: str, name: str, place: int) -> None:
    module = sys.modules[owner]
    setattr(module, name, _through(getattr(module, name), overlay, place))


def _through(original: Any, overlay: Overlay, place: int) -> Any:
    def writes(*args: Any, **kwargs: Any) -> Any:
        if len(args) > place and isinstance(args[place], str | bytes):
            path = overlay.write(args[place], keep=False)
            args = (*args[:place], path, *args[place + 1 :])
        return original(*args, **kwargs)

    return writes
