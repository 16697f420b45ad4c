"""Writing text so that a reader sees the old file or the new one, never half of one."""

import errno
import os
import stat
import tempfile
from pathlib import Path

from gradcheck_cli.errors import UsageError

DEVICES = ("/dev/", "/proc/")


def read_bytes(path: Path, most: int) -> bytes:
    """Return what the file at `path` holds; never more than `most` bytes are read, whatever it says.

    Raises UsageError for more, and for what is no regular file: a device, a pipe, a folder; OSError
    where it is not there.
    """
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))  # a pipe does not answer
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise UsageError(f"can not read {path}: it is no regular file")
        raw = file.read(most + 1)
    if len(raw) > most:
        raise UsageError(f"{path}: larger than {most // 1024 // 1024} MB")
    return raw


def check_writable(path: Path) -> None:
    """Raise UsageError when `path` can not be written, before any time is spent on its content."""
    _check_name(path)
    target = Path(os.path.realpath(path)) if path.is_symlink() else path.absolute()
    folder = target.parent
    if not folder.is_dir():
        raise UsageError(f"can not write {path}: there is no folder {folder}")
    if path.is_dir():
        raise UsageError(f"can not write {path}: it is a folder")
    if is_device(path):
        return
    try:
        handle, name = tempfile.mkstemp(prefix=".gradcheck-", dir=folder)
    except OSError as error:
        raise UsageError(f"can not write {path}: {error.strerror or error}") from error
    os.close(handle)
    Path(name).unlink()


def _check_name(path: Path) -> None:
    """Raise UsageError for a name that no file of this system can have."""
    try:
        path.stat()  # follows links: one that leads back to itself is refused
    except FileNotFoundError:
        pass
    except ValueError as error:  # a zero byte
        raise UsageError(f"can not write {path}: {error}") from error
    except OSError as error:
        raise UsageError(f"can not write {path}: {error.strerror or error}") from error


def write_text(path: Path, text: str) -> None:
    """Replace `path` by `text` at once; raises UsageError when the system refuses."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Replace `path` by `content` at once; raises UsageError when the system refuses."""
    try:
        if is_device(path):
            _write_through(path, content)
        else:
            _replace(path, content)
    except OSError as error:
        raise UsageError(f"can not write {path}: {error.strerror or error}") from error


def _write_through(path: Path, content: bytes) -> None:
    """Write to a device or a pipe; a pipe that nobody reads is not waited for."""
    is_pipe = path.exists() and stat.S_ISFIFO(path.stat().st_mode)
    try:
        handle = os.open(path, os.O_WRONLY | (os.O_NONBLOCK if is_pipe else 0))
    except OSError as error:
        if is_pipe and error.errno == errno.ENXIO:
            raise UsageError(f"can not write {path}: nobody reads that pipe") from error
        raise
    os.set_blocking(handle, True)
    with os.fdopen(handle, "wb") as file:
        file.write(content)


def _replace(path: Path, content: bytes) -> None:
    """Write beside `path` and rename; of a link, what it leads to is replaced and the link stays."""
    path = path.resolve() if path.is_symlink() else path
    handle, name = tempfile.mkstemp(prefix=".gradcheck-", dir=path.absolute().parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(name).chmod(_mode(path))
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _mode(path: Path) -> int:
    """Return the permissions of the file that is replaced, or what an ordinary new file gets."""
    if path.is_file():
        return path.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def is_device(path: Path) -> bool:
    """Is it something like /dev/stdout, which must be written through and never replaced?"""
    return str(path.absolute()).startswith(DEVICES) or (path.exists() and not path.is_file())
