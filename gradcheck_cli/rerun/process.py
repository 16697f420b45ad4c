"""The other side of a child process that runs the script: starting it, asking it, ending it."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Self

from gradcheck_cli.elsewhere import HOMES
from gradcheck_cli.errors import CannotDiagnoseError
from gradcheck_cli.rerun.asked import Begin, Failure, Found, Script

START = (
    "import os, sys\nif not sys.flags.safe_path: del sys.path[0]\n"
    f"sys.path += [p for p in os.environ.get({HOMES!r}, '').split(os.pathsep) if p]\n"
    "from gradcheck_cli.rerun.host import main\nmain()"
)
ALONE = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")


@dataclass(slots=True)
class Stage:
    """A scratch folder, and the processes that run the script in it."""

    script: Script
    patience: float  # seconds that a process may be silent
    scratch: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="gradcheck-")))
    found: Found | None = None
    _door: socket.socket = field(init=False)
    _host: Connection | None = None  # that waits to become arms
    _processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    _number: int = 0

    def __enter__(self) -> Self:
        self._door = socket.socket(socket.AF_UNIX)
        self._door.bind(str(self.scratch / "door"))
        self._door.listen()
        self._door.settimeout(self.patience)
        return self

    def __exit__(self, *_: object) -> None:
        if self._host is not None:
            self._host.close()
        self._door.close()
        for process in self._processes:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        shutil.rmtree(self.scratch, ignore_errors=True)

    def ready(self) -> Found:
        """Start the script unless it waits already; raises CannotDiagnoseError where that fails."""
        if self._host is None:
            host = self._started()
            found = self.heard(host)
            if isinstance(found, Failure):
                raise CannotDiagnoseError(found.reason)
            self.found, self._host = found, host
        assert self.found is not None
        return self.found

    def arm(self, changes: bytes, seed: int | None) -> Connection:
        """Begin an arm and return the line to it. Raises CannotDiagnoseError."""
        found, host = self.ready(), self._host
        assert host is not None
        self._number += 1
        host.send(Begin(number=self._number, changes=changes, seed=seed))
        if not found.forks:
            self._host = None  # it is the arm now
            return host
        line = self._answered()
        self.heard(line)
        return line

    def heard(self, line: Connection) -> Any:
        """Return what the process says. Raises CannotDiagnoseError when it died or is silent."""
        try:
            if line.poll(self.patience):
                return line.recv()
        except (EOFError, OSError) as error:
            raise CannotDiagnoseError(
                f"the script that was run again died: {self._last()}"
            ) from error
        raise CannotDiagnoseError(f"the script that was run again hung for {self.patience:.0f} s")

    def _started(self) -> Connection:
        place = Path(tempfile.mkdtemp(dir=self.scratch))
        command: Sequence[str] = (
            *(sys.executable, *subprocess._args_from_interpreter_flags()),  # type: ignore[attr-defined]  # noqa: SLF001 - as multiprocessing does
            *("-c", START, str(self.scratch / "door"), str(place)),
        )
        with (self.scratch / "said").open("wb") as said:
            process = subprocess.Popen(  # noqa: S603 - the interpreter that runs us
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=said,
                start_new_session=True,
                env={**os.environ, **ALONE},
            )
        self._processes.append(process)
        line = self._answered()
        line.send(self.script)
        return line

    def _answered(self) -> Connection:
        try:
            line, _ = self._door.accept()
        except TimeoutError as error:
            raise CannotDiagnoseError(f"no process could be started: {self._last()}") from error
        line.setblocking(True)
        return Connection(line.detach())

    def _last(self) -> str:
        said = self.scratch / "said"
        lines = said.read_text(errors="replace").splitlines() if said.exists() else []
        return next((line for line in reversed(lines) if line.strip()), "without a word")
