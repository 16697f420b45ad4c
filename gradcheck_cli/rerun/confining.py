"""A process that can write nowhere but into its scratch folder, and reach no network.

The kernel refuses it (Landlock, Linux 5.13), also for code below Python and for its children. Sockets
are refused by an audit hook. Where the kernel cannot, no script is run again.
"""

import ctypes
import os
import socket
import sys
from pathlib import Path
from typing import Any

_CREATE, _ADD, _RESTRICT = 444, 445, 446  # numbers of the system calls, on all architectures
_VERSION = 1  # flag of the first of them: which version is it?
_PATH_BENEATH = 1
_NO_NEW_PRIVS = 38  # of prctl
# linux/landlock.h: bits of LANDLOCK_ACCESS_FS_* that write, by the version that brought them.
_WRITES = 0b1_1111_1111_0010  # write a file; remove a folder, a file; make each kind of thing
_REFER, _TRUNCATE = 1 << 13, 1 << 14  # versions 2 and 3
_OF_FILES = 0b10 | _TRUNCATE
SOCKETS = frozenset(
    {"socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo"}
)
REFUSED = "refused: a script that is run again to try a fix may not use the network"


class _Ruleset(ctypes.Structure):
    _fields_ = (("handled_access_fs", ctypes.c_uint64),)


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32))


def version() -> int:
    """Return the kernel's version of Landlock, 0 where it has none."""
    if sys.platform != "linux":
        return 0
    return max(0, _call(_CREATE, None, ctypes.c_size_t(0), _VERSION))


def confine(scratch: Path) -> None:
    """Let this process and its children write to the scratch folder and to devices alone, for ever.

    Raises OSError where the kernel refuses.
    """
    found = version()
    handled = _WRITES | (_REFER if found >= 2 else 0) | (_TRUNCATE if found >= 3 else 0)
    ruleset = _Ruleset(handled)
    number = _checked(_call(_CREATE, ctypes.byref(ruleset), ctypes.sizeof(ruleset), 0))
    for path in (str(scratch), "/dev"):
        folder = os.open(path, os.O_PATH | os.O_CLOEXEC)
        rule = _Beneath(handled, folder)
        _checked(_call(_ADD, number, _PATH_BENEATH, ctypes.byref(rule), 0))
        os.close(folder)
    _checked(ctypes.CDLL(None, use_errno=True).prctl(_NO_NEW_PRIVS, 1, 0, 0, 0))
    _checked(_call(_RESTRICT, number, 0))
    os.close(number)
    sys.addaudithook(_refuse)


def _refuse(event: str, args: tuple[Any, ...]) -> None:
    if event not in SOCKETS:
        return
    if event != "socket.getaddrinfo" and getattr(args[0], "family", None) == socket.AF_UNIX:
        return  # between processes of this machine, as between workers of a DataLoader
    raise PermissionError(REFUSED)


def _call(number: int, *arguments: Any) -> int:
    return int(ctypes.CDLL(None, use_errno=True).syscall(ctypes.c_long(number), *arguments))


def _checked(answer: int) -> int:
    if answer < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"Landlock: {os.strerror(number)}")
    return answer
