"""Where this process stands among those that train one model, and the files they leave each other.

Nothing is communicated while the script runs, and no collective is ever called: a rank that dies would
hang the others. Each rank leaves one file; rank 0 reads them at the end. No torch is needed here.
"""

import json
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gradcheck_cli.errors import UsageError
from gradcheck_cli.records.trace import Gap

FOLDER = "GRADCHECK_RANKS_DIR"  # on a file system that all nodes share
PATIENCE = 60.0  # seconds that rank 0 waits for the others at the end
STARTING = 5.0  # seconds after which a rank that left no sign is not watched at all


@dataclass(frozen=True, slots=True)
class Ranks:
    """This process among the others of one `torchrun`."""

    rank: int
    expected: tuple[int, ...]  # ranks that can leave a file where this one can read it
    world: int
    folder: Path

    @property
    def leads(self) -> bool:
        """Does this rank report?"""
        return self.rank == 0

    def announce(self) -> None:
        """Leave a sign that this rank is watched. Raises UsageError where the folder is another's."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if hasattr(os, "getuid") and self.folder.stat().st_uid != os.getuid():
            raise UsageError(f"{self.folder} belongs to somebody else; set {FOLDER}")
        self._sign(self.rank).write_text(str(os.getpid()))

    def _sign(self, rank: int) -> Path:
        return self.folder / f"rank{rank}.pid"

    def file(self, rank: int) -> Path:
        """Where a rank leaves what it measured."""
        return self.folder / f"rank{rank}.json"

    def leave(self, seen: Sequence[Any]) -> None:
        """Write what this rank measured, whole or not at all."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # rank 0 may have tidied up
        text = json.dumps(list(seen))
        draft = self.folder / f"rank{self.rank}.draft"
        draft.write_text(text)
        draft.replace(self.file(self.rank))

    def gather(self, patience: float = PATIENCE) -> tuple[dict[int, list[Any]], list[Gap]]:
        """Wait for the others; return what each left, and a gap for each that left nothing."""
        begun = time.monotonic()
        missing = {r: "" for r in self.expected if r != self.rank}
        found: dict[int, list[Any]] = {}
        while missing:
            for rank in list(missing):
                if self.file(rank).exists():
                    found[rank] = json.loads(self.file(rank).read_text())
                    del missing[rank]
                    continue
                missing[rank] = self._given_up(rank, time.monotonic() - begun, patience)
            if all(missing.values()):
                break
            time.sleep(0.05)
        gaps = [Gap(what=f"rank {r}", reason=why) for r, why in sorted(missing.items())]
        beyond = self.world - len(self.expected)
        if beyond:
            why = f"their files are on other machines; set {FOLDER} to a folder that all share"
            gaps.append(Gap(what=f"{beyond} more ranks", reason=why))
        return found, gaps

    def tell(self, code: int) -> None:
        """Let the other ranks end with this exit code."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = self.folder / "rank0.telling"
        draft.write_text(str(int(code)))
        draft.replace(self._code)

    def told(self, patience: float | None = None) -> int | None:
        """Wait for rank 0's exit code; None when it is gone without one, or after `patience` seconds."""
        begun = time.monotonic()
        while not self._code.exists():
            waited = time.monotonic() - begun
            if patience is not None and waited > patience:
                return None
            if FOLDER not in os.environ and waited > STARTING and not self._leader_lives():
                break
            time.sleep(0.05)
        if not self._code.exists():
            return None
        return int(self._code.read_text())

    def confirm(self) -> None:
        """Let rank 0 know that its exit code was heard."""
        (self.folder / f"rank{self.rank}.heard").touch()

    def dismiss(self, patience: float = STARTING) -> None:
        """Remove the files once all have heard the exit code, or after `patience` seconds."""
        begun = time.monotonic()
        others = [r for r in self.expected if r != self.rank]
        while time.monotonic() - begun < patience:
            if all(self._is_done(rank) for rank in others):
                break
            time.sleep(0.02)
        self.clear()

    @property
    def _code(self) -> Path:
        return self.folder / "rank0.code"

    def _leader_lives(self) -> bool:
        sign = self._sign(0)
        return sign.exists() and _lives(int(sign.read_text() or 0))

    def _is_done(self, rank: int) -> bool:
        if (self.folder / f"rank{rank}.heard").exists():
            return True
        sign = self._sign(rank)
        return FOLDER not in os.environ and sign.exists() and not _lives(int(sign.read_text() or 0))

    def _given_up(self, rank: int, waited: float, patience: float) -> str:
        """Return why a rank is not waited for any longer, or nothing."""
        sign = self._sign(rank)
        if not sign.exists():
            return "it was not started under gradcheck" if waited > STARTING else ""
        if waited > patience:
            return f"it left nothing within {patience:.0f} s"
        if FOLDER not in os.environ and not _lives(int(sign.read_text() or 0)):
            gone = not self.file(rank).exists()  # it may have written just before it ended
            return "it died before it could write what it had measured" if gone else ""
        return ""

    def clear(self) -> None:
        """Remove the files."""
        for file in self.folder.glob("rank*"):
            file.unlink(missing_ok=True)
        if not any(self.folder.iterdir()):
            self.folder.rmdir()


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def ranks() -> Ranks | None:
    """Return this process's place as the environment tells it; None when it trains alone."""
    given = os.environ.get
    world, rank = int(given("WORLD_SIZE", "1")), given("RANK")
    if world < 2 or rank is None:
        return None
    attempt = given("TORCHELASTIC_RESTART_COUNT", "0")
    if shared := given(FOLDER):
        everyone = tuple(range(world))
        return Ranks(int(rank), everyone, world, Path(shared) / f"attempt{attempt}")
    here, local = int(given("LOCAL_WORLD_SIZE", str(world))), int(given("LOCAL_RANK", rank))
    first = int(rank) - local
    name = f"gradcheck-{os.getppid()}-{given('MASTER_PORT', '0')}-{attempt}"
    folder = Path(tempfile.gettempdir()) / name
    return Ranks(int(rank), tuple(range(first, first + here)), world, folder)
