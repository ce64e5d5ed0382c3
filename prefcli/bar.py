"""The progress bar of the command line, on stderr; `prefcli.output` decides when it must go."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from threading import Timer

    from rich.progress import Progress, TaskID

BAR_DELAY = 0.5  # seconds a step may take before a bar shows
NOTE_INTERVAL = 30.0  # seconds between two lines of progress in a log


class Bar:
    """How far a step has come; the `Progress` callback of the command line.

    In a terminal a bar shows once a step has lasted `BAR_DELAY` seconds and is gone when the
    step is. In a log there is one line in `NOTE_INTERVAL` seconds and none before.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._step: tuple[str, int, int | None] = ("", 0, None)
        self._noted: float | None = None
        self._timer: Timer | None = None
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __call__(self, what: str, done: int, total: int | None) -> None:
        """Take note that `done` of `total` (None: nobody knows) parts of `what` are done."""
        changed = what != self._step[0]
        self._step = (what, done, total)
        if not self._stream.isatty():
            self._note()
        elif self._bar is not None:
            self._draw(changed)
        elif self._timer is None:
            # A thread, because the first call to come back may be a long one.
            from threading import Timer

            self._timer = Timer(BAR_DELAY, self._show)
            self._timer.daemon = True
            self._timer.start()

    def stop(self) -> None:
        """Take the bar away; the next call starts anew."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer.join()
            self._timer = None
        if self._bar is not None:
            self._bar.stop()
            self._bar = self._task = None

    def _show(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TimeElapsedColumn

        bar = Progress(
            "{task.description}",
            BarColumn(bar_width=24),
            "{task.fields[count]}",
            TimeElapsedColumn(),
            console=Console(file=self._stream),
            transient=True,
            # Redirection would send what others print to stdout to this stream.
            redirect_stdout=False,
            redirect_stderr=False,
        )
        what, done, total = self._step
        self._task = bar.add_task(what, completed=done, total=total, count=_count(done, total))
        bar.start()
        self._bar = bar

    def _draw(self, changed: bool) -> None:
        assert self._bar is not None
        assert self._task is not None
        what, done, total = self._step
        count = _count(done, total)
        if changed:
            self._bar.remove_task(self._task)
            self._task = self._bar.add_task(what, completed=done, total=total, count=count)
        else:
            self._bar.update(self._task, completed=done, total=total, count=count)

    def _note(self) -> None:
        now = time.monotonic()
        if self._noted is None:
            self._noted = now
        if now - self._noted >= NOTE_INTERVAL:
            self._noted = now
            what, done, total = self._step
            with suppress(OSError):  # nobody listens
                self._stream.write(f"prefcli: {what} {_count(done, total)}".rstrip() + "\n")
                self._stream.flush()


def _count(done: int, total: int | None) -> str:
    """Nothing for a step that only begins and ends, such as loading a model."""
    if total is None:
        return str(done) if done else ""
    return f"{done}/{total}"
