"""Several processes for one training: started here on one machine, or by a launcher of others.

Each of them runs the whole command. Whatever ends one of them ends all, and is told once: by the
process that failed, or by this launcher where a process could not tell any more.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from prefcli.errors import PrefcliError

if TYPE_CHECKING:
    from prefcli.latent.workers import Workers

LAUNCHED = "PREFCLI_LAUNCHED"  # set for processes whose launcher tells how they ended
GRACE = 10.0  # seconds for the others to end by themselves once one has failed
INTERRUPTED = 130


@contextmanager
def joined() -> Iterator[Workers]:
    """Work with the other processes of this training, if there are any.

    Raises:
        SystemExit: the work failed, and another process tells why.
    """
    from prefcli.latent.workers import PeerLostError, Workers

    workers = Workers.start()
    try:
        yield workers
    except (Exception, KeyboardInterrupt) as error:
        lost = isinstance(error, PeerLostError) and LAUNCHED in os.environ
        if not lost and workers.tells():
            raise
        code = INTERRUPTED if isinstance(error, KeyboardInterrupt) else 1
        raise SystemExit(getattr(error, "exit_code", code)) from error
    workers.end()


def launched() -> bool:
    """Whether this process is one of several already."""
    return "WORLD_SIZE" in os.environ


def sharding_asked() -> bool:
    """Whether accelerate was told to share out the base: `accelerate launch --use_fsdp`."""
    return os.environ.get("ACCELERATE_USE_FSDP", "false").lower() in ("true", "1")


def launch(count: int) -> int:
    """Run the words of this command line in `count` processes, and return the exit code.

    Raises:
        PrefcliError: one of them was killed.
    """
    processes = [_start(rank, count, port) for port in [_free_port()] for rank in range(count)]
    try:
        failed = _first_failure(processes)
        if failed is not None:
            _end(processes, GRACE)
    except KeyboardInterrupt:
        # Ctrl-C reaches all of them; what stops this process alone is handed on.
        _wait(processes, GRACE / 5)
        for process in processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        _end(processes, GRACE)
        raise SystemExit(INTERRUPTED) from None  # the processes have told
    if failed is None:
        return 0
    code = processes[failed].returncode
    if code < 0:
        raise PrefcliError(
            f"process {failed} of the training was killed ({signal.Signals(-code).name}): what is "
            "done is kept, go on with --resume"
        )
    return int(code)


def _start(rank: int, count: int, port: int) -> subprocess.Popen[bytes]:
    environment = {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "WORLD_SIZE": str(count),
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        LAUNCHED: "1",
    }
    chosen = {
        "OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // count)),
        "TORCH_CPP_LOG_LEVEL": "ERROR",  # a lost connection is told here, and not with a trace
    }
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "prefcli", *sys.argv[1:]],
        env={**chosen, **os.environ, **environment},
        stdin=None if rank == 0 else subprocess.DEVNULL,
    )


def _first_failure(processes: Sequence[subprocess.Popen[bytes]]) -> int | None:
    """Wait until all have ended well, or one has not, and return which."""
    while True:
        codes = [process.poll() for process in processes]
        # A signal that killed one explains why others failed, so it comes first.
        bad = sorted((code, rank) for rank, code in enumerate(codes) if code)
        if bad:
            return bad[0][1]
        if None not in codes:
            return None
        time.sleep(0.1)


def _wait(processes: Sequence[subprocess.Popen[bytes]], seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until and None in [process.poll() for process in processes]:
        time.sleep(0.05)


def _end(processes: Sequence[subprocess.Popen[bytes]], seconds: float) -> None:
    """Wait for all; kill those that do not end: one that waits for a lost other never would."""
    _wait(processes, seconds)
    for process in processes:
        if process.poll() is None:
            process.kill()
            process.wait()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
