"""Whether an org takes a token, while several threads ask with it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from collector.errors import StoppedError

_LOOK_SECONDS = 0.25
"""How often who waits for a verdict looks whether we were asked to end."""


class TokenTrial:
    """What requests with one token have shown so far. Safe to share between threads.

    A token that is refused may have been used up by requests that the org is still at work on: it
    is found bad only once none is left and none was answered.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._open_requests = 0
        self._is_accepted = False
        self._is_rejected = False

    @contextmanager
    def open_request(self) -> Iterator[None]:
        """Count a request with the token as open while what is inside asks."""
        with self._changed:
            self._open_requests += 1
        try:
            yield
        finally:
            with self._changed:
                self._open_requests -= 1
                self._changed.notify_all()

    def note_status(self, status: int) -> None:
        """Note the status of an answer as soon as its headers are there: its body may be long.

        Only a success shows that the token is good: a gateway answers for an org, too.
        """
        if 200 <= status < 300:
            self.note_accepted()

    def note_accepted(self) -> None:
        """Note that the org has answered to the token."""
        with self._changed:
            self._is_accepted = True
            self._changed.notify_all()

    def await_verdict(self, stop_event: threading.Event | None) -> bool:
        """Whether the org has ever answered to the token; waits for the requests that are open.

        Raises StoppedError if the stop event is set meanwhile.
        """
        with self._changed:
            while self._open_requests and not self._is_accepted:
                if stop_event is not None and stop_event.is_set():
                    raise StoppedError("stopped while a token was on trial")
                self._changed.wait(_LOOK_SECONDS)
            return self._is_accepted

    def reject(self) -> bool:
        """Note that the token is bad. Returns whether that is news: one token is refused once."""
        with self._changed:
            was_rejected, self._is_rejected = self._is_rejected, True
            return not was_rejected
