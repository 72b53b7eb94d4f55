"""SIGTERM and SIGINT as an event, whichever thread the system hands them to."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def set_on_stop_signal(stop_event: threading.Event) -> Iterator[None]:
    """Set `stop_event` on SIGTERM and SIGINT while the block runs; in the main thread alone.

    Afterwards they do nothing: whoever was told to end is not killed while it closes its files.

    Python runs a signal's handler when the main thread next runs. Where the system hands the signal
    to another thread, a main thread that waits for something sleeps on. What wakes a thread of ours
    is the byte that the interpreter writes from whatever thread it is
    (docs.python.org/3/library/signal.html#signal.set_wakeup_fd).
    """
    woken, waker = socket.socketpair()
    waker.setblocking(False)

    def set_event() -> None:
        while numbers := woken.recv(64):
            if not set(STOP_SIGNALS).isdisjoint(numbers):
                stop_event.set()

    previous = signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
    for number in STOP_SIGNALS:
        signal.signal(number, _take_note)
    watcher = threading.Thread(target=set_event, name="stop-signals", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(previous)
        waker.close()
        watcher.join()
        woken.close()


def _take_note(_number: int, _frame: object) -> None:
    """The handler that keeps a signal from ending the process."""
