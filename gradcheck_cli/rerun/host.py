"""The child process: runs the script up to its first training call, and makes arms from there.

Where the process can be copied at that point (one thread, no accelerator, no workers), every arm is a
copy of it; else it becomes the one arm itself, and another process is started for the next.
"""

import os
import random
import signal
import sys
import threading
from contextlib import ExitStack
from multiprocessing.connection import Client, Connection
from pathlib import Path
from typing import Any

from gradcheck_cli import shadowing
from gradcheck_cli.errors import wording
from gradcheck_cli.probe.launching import execute
from gradcheck_cli.rerun.asked import Begin, Failure, Found, Script
from gradcheck_cli.rerun.confining import confine
from gradcheck_cli.rerun.overlay import Overlay

OFFLINE = {"WANDB_MODE": "disabled", "HF_HUB_OFFLINE": "1", "MPLBACKEND": "agg"}
OVERLAY = "written"


def main() -> None:
    """Answer the process that started this one, by the address in its arguments, until it hangs up."""
    shadowing.begin()
    address, scratch = sys.argv[1], Path(sys.argv[2])
    line = Client(address, family="AF_UNIX")
    script: Script = line.recv()
    sys.dont_write_bytecode = True
    os.environ.update(OFFLINE, TMPDIR=str(scratch))
    os.chdir(script.scene.folder)
    (scratch / OVERLAY).mkdir()
    confine(scratch)
    Host(line, address, script, Overlay(scratch / OVERLAY)).run()


class Host:
    """The script as it runs here, up to its first training call, and then as an arm."""

    def __init__(self, line: Connection, address: str, script: Script, overlay: Overlay) -> None:
        self.line, self.address, self.script, self.overlay = line, address, script, overlay
        self.stay = ExitStack()  # never closed: what is patched stays until the process ends
        self.optimizers: list[Any] = []
        self.arm: Any = None

    def run(self) -> None:
        """Run the script to its end, or until nobody asks any more."""
        from gradcheck_cli.probe.arriving import when_imported
        from gradcheck_cli.rerun.overlay import led

        self.overlay.install()
        led(self.overlay, self.stay)
        self.stay.enter_context(when_imported("torch", self._torch_is_here))
        scene = self.script.scene
        self.stay.enter_context(when_imported("numpy", scene.restore_numpy))
        random.setstate(scene.python)
        ending = execute(scene.program, scene.arguments)
        error = ending.error
        said = wording(error).splitlines()[0] if error else ""
        if self.arm is not None:
            self.arm.ended(said)
        else:
            before = f"it ended with {said} before" if said else "it ended before"
            self.line.send(Failure(f"{before} the model of the run was trained"))
        end()

    def _torch_is_here(self) -> None:
        with shadowing.ours():
            import torch

            import gradcheck_cli.rerun.arm  # noqa: F401  # before a file of theirs stands in
            from gradcheck_cli.probe.patches import built
            from gradcheck_cli.probe.replacing import replaced
            from gradcheck_cli.rerun.overlay import torch_led

        torch_led(self.overlay)
        self.stay.enter_context(built(self.optimizers.append, torch.optim.Optimizer))
        self.stay.enter_context(replaced(torch.nn.Module, "__call__", self._calls))

    def _calls(self, original: Any, module: Any, *args: Any, **kwargs: Any) -> Any:
        if self.arm is None:
            self._reached(module)
        return original(module, *args, **kwargs)

    def _reached(self, module: Any) -> None:
        """Is the training about to begin? Then nothing goes on until an arm is asked for."""
        with shadowing.ours():
            from gradcheck_cli.rerun.arm import Arm, training_of

            group = training_of(module, self.optimizers, self.script)
            if group is None or threading.current_thread() is not threading.main_thread():
                return
            from gradcheck_cli.targets.redrawing import is_drawn

            varies = any(is_drawn(p) for m in group.models for p in m.parameters())
            self.line.send(Found(varies=varies, forks=can_fork()))
            begin = self._asked()
            self.arm = Arm(self.line, group, self.script.names, self.stay)
            self.arm.begin(begin)

    def _asked(self) -> Begin:
        """Wait for an arm to be asked for; in the process that shall be it, return what was asked."""
        forks = can_fork()
        signal.signal(signal.SIGCHLD, signal.SIG_IGN if forks else signal.SIG_DFL)
        while True:
            try:
                begin: Begin = self.line.recv()
            except EOFError:
                end()
            if not forks:
                return begin
            if os.fork() == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                self.line.close()
                self.line = Client(self.address, family="AF_UNIX")
                self.line.send(begin.number)
                self.overlay.moved(self.overlay.root.parent / f"{OVERLAY}{begin.number}")
                return begin


def can_fork() -> bool:
    """Is this process alone, so that a copy of it goes on as it would?"""
    import multiprocessing

    import torch

    try:
        threads = len(list(Path("/proc/self/task").iterdir()))
    except OSError:
        return False
    on_accelerator = torch.cuda.is_available() and torch.cuda.is_initialized()
    return threads == 1 and not on_accelerator and not multiprocessing.active_children()


def end() -> None:
    """End the process at once: no exit handler of the script's runs."""
    os._exit(0)
