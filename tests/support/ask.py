"""`python ask.py SOCKET WORDS...`: what `python WORDS...` does, in a fork of one that waits there.

Streams, folder, environment, signals and the exit code are those of this process.
"""

import json
import os
import signal
import socket
import sys


def main() -> None:
    where, *words = sys.argv[1:]
    here = os.getcwd()  # noqa: PTH109 - importing pathlib takes as long as all the rest
    request = {"words": words, "folder": here, "environment": dict(os.environ)}
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
        connection.connect(where)
        signals = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
        signal.pthread_sigmask(signal.SIG_BLOCK, signals)
        socket.send_fds(connection, [json.dumps(request).encode()], [0, 1, 2])
        child = int(connection.recv(99))
        if not child:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
            os.execv(sys.executable, [sys.executable, *words])
        for number in signals:
            signal.signal(number, lambda number, _: os.kill(child, number))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
        for stream in (0, 1, 2):
            os.close(stream)
        code = int(connection.recv(99))
    if code < 0:
        if -code in signals:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


main()
