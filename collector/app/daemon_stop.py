"""An end in time: what does not end by itself is cut short, and at last the process is."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from collector.ingest.pipeline import Pipeline
from collector.logs import log

INTERRUPT_SECONDS = 4.0
"""Seconds after the signal at which queries of the engine are cut short."""

STOP_SECONDS = 9.0
"""Seconds after the signal at which the process ends, whatever its threads are doing."""

CUT_SHORT_CODE = 1


@contextmanager
def cut_short(pipeline: Pipeline) -> Iterator[None]:
    """Let the block, which waits for threads, take no longer than STOP_SECONDS.

    A thread may hang where nothing can reach it: in a system call, in a frozen server's answer.
    Ending the process there is as safe as a kill, after which nothing is lost or told twice without
    a mark.
    """
    with ExitStack() as stack:
        for seconds, action in (
            (INTERRUPT_SECONDS, pipeline.interrupt_queries),
            (STOP_SECONDS, _end_process),
        ):
            timer = _start_timer(seconds, action)
            stack.callback(timer.cancel)
        yield


def _start_timer(seconds: float, action: Callable[[], None]) -> threading.Timer:
    timer = threading.Timer(seconds, action)
    timer.daemon = True
    timer.start()
    return timer


def _end_process() -> None:
    busy = sorted(thread.name for thread in threading.enumerate() if not thread.daemon)
    log.error("daemon_cut_short", seconds=STOP_SECONDS, threads=busy)
    sys.stderr.flush()
    os._exit(CUT_SHORT_CODE)
