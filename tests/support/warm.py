"""A Python that has imported torch and gradcheck, and forks for each command that it is asked for.

Importing torch takes seconds, most commands of the tests take less. `python warm.py SOCKET` serves:
a request comes with the words of a command line, a folder, an environment and three streams, and its
child goes on as `python WORDS...` would: `__main__`, `sys.argv`, `sys.path` and the end are Python's own.
"""

import atexit
import builtins
import gc
import json
import os
import random
import runpy
import select
import signal
import socket
import sys
import threading
import types
from contextlib import suppress
from pathlib import Path


def load() -> None:
    """Import what commands need; an optimizer imports half of torch."""
    import torch

    torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    import gradcheck_cli.cli.app
    import gradcheck_cli.diagnosing
    import gradcheck_cli.fixing
    import gradcheck_cli.pipeline
    import gradcheck_cli.renderers.formats
    import gradcheck_cli.running
    import gradcheck_cli.verifying.trying  # noqa: F401

    sys.modules.pop("typer.rich_utils", None)  # it reads the environment when it is imported


def asked(listening: socket.socket) -> dict:
    """Fork for each request until stdin ends, and return the request in its child."""
    while True:
        ready, _, _ = select.select([listening, 0], [], [])
        if 0 in ready:
            os._exit(0)
        connection = listening.accept()[0]
        text, files, *_ = socket.recv_fds(connection, 1 << 20, 3)
        wanted = json.loads(text)
        if _starts_otherwise(wanted["environment"]):
            connection.send(b"0")
        elif not os.fork():
            listening.close()
            child = os.fork()
            if not child:
                connection.close()
                return wanted | {"files": files}
            _keep(child, connection, files)
        connection.close()
        for file in files:
            os.close(file)
        with suppress(ChildProcessError):  # none is left
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def _starts_otherwise(environment: dict[str, str]) -> bool:
    """Is there something else than here that Python reads only when it starts?"""
    homes = environment.get("PYTHONPATH", "").split(os.pathsep)
    ours, theirs = (
        {k: v for k, v in of.items() if k.startswith("PYTHON") and k != "PYTHONPATH"}
        for of in (os.environ, environment)
    )
    return ours != theirs or any(Path(home, "sitecustomize.py").exists() for home in homes)


def _keep(child: int, connection: socket.socket, files: list[int]) -> None:
    """Tell who asked the id of its process and how that ended; kill it where nobody listens any more."""
    for file in (0, 1, 2, *files):
        os.close(file)
    connection.send(str(child).encode())
    ended = os.pidfd_open(child)
    if ended not in select.select([ended, connection], [], [])[0]:
        os.kill(child, 9)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    connection.send(str(code).encode())
    os._exit(0)


def tell_what_is_kept() -> None:
    """Write errors that the shield keeps from a training into the file that the tests read."""
    from gradcheck_cli.probe import shield

    keep, file = shield.keep, os.environ.get("TESTS_KEPT")

    def telling(error: Exception) -> bool:
        is_kept = keep(error)
        if is_kept and file:
            with Path(file).open("a", encoding="utf-8") as written:
                written.write(shield.now.error)
        return is_kept

    shield.keep = telling


def become(request: dict) -> None:
    """Make this process what `python WORDS...` is when it starts."""
    for number, file in enumerate(request["files"]):
        os.dup2(file, number)
        os.close(file)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    random.seed()
    signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # also where tests run in the background
    unbuffered = sys.stdout.write_through
    for name, number, mode in (("stdin", 0, "r"), ("stdout", 1, "w"), ("stderr", 2, "w")):
        errors = "backslashreplace" if number == 2 else "strict"
        stream = open(number, mode, encoding="utf-8", errors=errors, closefd=False)  # noqa: SIM115
        stream.reconfigure(line_buffering=number == 2 or stream.isatty(), write_through=unbuffered)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    first, *_ = request["words"]
    own = {"-c": "", "-m": str(Path.cwd())}.get(first, str(Path(first).resolve().parent))
    more = request["environment"].get("PYTHONPATH", "")
    sys.path[:0] = [own, *filter(None, more.split(os.pathsep))]
    sys.modules["__main__"] = types.ModuleType("__main__")
    vars(sys.modules["__main__"]).update(__builtins__=builtins, __annotations__={})


def run(kind: str, *rest: str) -> None:
    """Run `python KIND REST...` in the main module."""
    main = vars(sys.modules["__main__"])
    sys.argv = [kind, *(rest if kind not in {"-c", "-m"} else rest[1:])]
    if kind == "-m":
        runpy._run_module_as_main(rest[0])
    elif kind == "-c":
        exec(compile(rest[0], "<string>", "exec"), main)
    else:
        main |= {"__file__": str(Path(kind).absolute()), "__cached__": None}
        exec(compile(Path(kind).read_bytes(), main["__file__"], "exec"), main)


def code_of(words: list[str]) -> int:
    """Return the exit code of `python WORDS...`; what ends it is shown as Python shows it."""
    try:
        run(*words)
    except SystemExit as stop:
        if stop.code is None or isinstance(stop.code, int):
            return (stop.code or 0) & 0xFF
        sys.stderr.write(f"{stop.code}\n")
    except BaseException as error:  # noqa: BLE001 - shown as Python shows it
        trace = error.__traceback__
        while trace and trace.tb_frame.f_code.co_filename == __file__:
            trace = trace.tb_next
        sys.excepthook(type(error), error.with_traceback(trace), trace)
        if isinstance(error, KeyboardInterrupt):
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGINT)
    else:
        return 0
    return 1


def ended(code: int) -> int:
    """Do what Python does at its end, but take no object apart: torch's alone would take a second."""
    threading._shutdown()
    atexit._run_exitfuncs()
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream and not stream.closed:
                stream.flush()
    except OSError:
        return 120
    return code


if __name__ == "__main__":
    del sys.path[0]
    load()
    gc.freeze()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
        server.bind(sys.argv[1])
        server.listen(8)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        request = asked(server)
    us = sys.modules["__main__"]
    become(request)
    tell_what_is_kept()
    os._exit(ended(code_of(request["words"])))
