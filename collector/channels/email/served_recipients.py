"""Who has a mail already of which others are still waiting for it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from threading import Lock

MAX_MESSAGES = 10_000


class ServedRecipients:
    """The recipients that a server took, by message; the oldest of very many are forgotten."""

    def __init__(self) -> None:
        self._by_message: OrderedDict[str, frozenset[str]] = OrderedDict()
        self._lock = Lock()

    def list_served(self, message_key: str) -> AbstractSet[str]:
        """Those who have the message."""
        with self._lock:
            return self._by_message.get(message_key, frozenset())

    def add_served(self, message_key: str, recipients: Iterable[str]) -> None:
        """Remember that these have the message."""
        with self._lock:
            known = self._by_message.pop(message_key, frozenset())
            self._by_message[message_key] = known.union(recipients)
            if len(self._by_message) > MAX_MESSAGES:
                self._by_message.popitem(last=False)

    def forget_message(self, message_key: str) -> None:
        """Forget a message that nobody waits for any more."""
        with self._lock:
            self._by_message.pop(message_key, None)
