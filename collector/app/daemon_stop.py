"""An end in time: what does not end by itself is cut short, and at last the process is."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from collector.ingest.pipeline import Pipeline
from collector.logs import log
from collector.stop_signals import set_on_stop_signal

INTERRUPT_SECONDS = 4.0
"""Seconds after the signal at which queries of the engine are cut short."""

STOP_SECONDS = 9.0
"""Seconds after the signal at which the process ends, whatever its threads are doing."""

CUT_SHORT_CODE = 1


@contextmanager
def end_in_time(pipeline: Pipeline, stop_event: threading.Event) -> Iterator[None]:
    """Set `stop_event` on SIGTERM and SIGINT. From then on the block has STOP_SECONDS to end.

    A thread may hang where nothing can reach it: in a system call, in a frozen server's answer.
    Ending the process there is as safe as a kill, after which nothing is lost or told twice without
    a mark. Its exit code is CUT_SHORT_CODE then.
    """
    ended = threading.Event()

    def watch_end() -> None:
        stop_event.wait()
        if ended.wait(INTERRUPT_SECONDS):
            return
        # In a thread of its own: what it waits for may be what hangs.
        threading.Thread(target=pipeline.interrupt_queries, daemon=True).start()
        if not ended.wait(STOP_SECONDS - INTERRUPT_SECONDS):
            _end_process()

    threading.Thread(target=watch_end, name="watch-end", daemon=True).start()
    try:
        with set_on_stop_signal(stop_event):
            yield
    finally:
        ended.set()


def _end_process() -> None:
    busy = sorted(thread.name for thread in threading.enumerate() if not thread.daemon)
    log.error("daemon_cut_short", seconds=STOP_SECONDS, threads=busy)
    sys.stderr.flush()
    os._exit(CUT_SHORT_CODE)
