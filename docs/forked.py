"""`prefcli` for the many commands of the pages: imported once, forked for each of them.

Most of what a short command takes is importing torch and transformers. So `serve` imports them and
waits at a socket; the program that stands for `prefcli` on the pages' path sends its words and its
three streams there, and ends with the exit code that comes back. What a command prints is what it
would print started alone: it has its own process, streams, directory and terminal.
"""

from __future__ import annotations

import io
import json
import os
import select
import signal
import socket
import sys
import threading
import traceback
from importlib import import_module
from pathlib import Path

from prefcli import bar

IMPORTS = (
    *("torch", "transformers", "safetensors.torch", "rich.progress", "rich.table"),
    *("prefcli.cli.app", "prefcli.loading", "prefcli.latent.space", "prefcli.services.fit"),
    *("prefcli.services.batch", "prefcli.services.ingest", "prefcli.services.profile_report"),
)
CLIENT = """\
#!{python} -IS
import json, os, socket, sys
call = socket.socket(socket.AF_UNIX)
call.connect({address!r})
words = json.dumps([os.getcwd(), os.environ["PREFCLI_HOME"], *sys.argv[1:]]).encode()
socket.send_fds(call, [words], [0, 1, 2])
sys.exit(int(call.recv(16)))
"""


def client(program: Path, address: Path) -> None:
    """Write the program that stands for `prefcli`."""
    text = CLIENT.format(python=sys.executable, address=str(address))
    program.write_text(text, encoding="utf-8")
    program.chmod(0o755)


def serve(address: Path) -> None:
    """Import, say so by a line on stdout, and answer calls until stdin ends: nobody is there."""
    for name in IMPORTS:
        import_module(name)
    # A bar comes and goes; a terminal as dumb as the pages' would keep an empty line of it.
    bar.BAR_DELAY = float(threading.TIMEOUT_MAX)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those who answer
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(address))
        listening.listen()
        print("ready", flush=True)
        while sys.stdin not in select.select([listening, sys.stdin], [], [])[0]:
            call, _ = listening.accept()
            if os.fork() == 0:
                listening.close()
                _answer(call)
            call.close()


def _answer(call: socket.socket) -> None:
    """Run the command in one more process, and tell its exit code."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    words, streams, _, _ = socket.recv_fds(call, 1 << 16, 3)
    child = os.fork()
    if child == 0:
        call.close()
        _command(json.loads(words), streams)
    for stream in streams:
        os.close(stream)
    _, status = os.waitpid(child, 0)
    call.sendall(str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def _command(words: list[str], streams: list[int]) -> None:
    directory, home, *rest = words
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    os.chdir(directory)
    os.environ["PREFCLI_HOME"] = home
    sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, closefd=False)), "utf-8")
    sys.stdout = _stream(1)
    sys.stderr = _stream(2)
    sys.argv = ["prefcli", *rest]
    code = 1
    try:
        from prefcli.cli import main

        main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(code)


def _stream(number: int) -> io.TextIOWrapper:
    raw = io.BufferedWriter(io.FileIO(number, "w", closefd=False))
    return io.TextIOWrapper(raw, "utf-8", line_buffering=number == 2 or os.isatty(number))


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
