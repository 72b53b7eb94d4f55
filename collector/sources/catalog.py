"""What an org has: objects, their fields, and resources; asked for once a day."""

from __future__ import annotations

from datetime import datetime, timedelta

from collector import clock
from collector.errors import NotAvailable
from collector.salesforce.client import Client, Field

GOOD_FOR = timedelta(days=1)


class Catalog:
    """The objects and fields that the integration user sees. What was asked is good for a day."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._asked = clock.EPOCH
        self._names: frozenset[str] | None = None
        self._fields: dict[str, tuple[Field, ...]] = {}
        self._resources: dict[str, bool] = {}

    def object_names(self) -> frozenset[str]:
        """All objects."""
        self._refresh(clock.now())
        if self._names is None:
            self._names = self._client.object_names()
        return self._names

    def describe(self, name: str) -> tuple[Field, ...]:
        """The fields of an object. Raises NotAvailable where there is no such object."""
        self._refresh(clock.now())
        if name not in self._fields:
            try:
                self._fields[name] = self._client.describe(name)
            except NotAvailable:
                self.forget(name)
                raise
        return self._fields[name]

    def answers(self, path: str) -> bool:
        """Whether a resource such as `jobs/query` can be read by this user at all."""
        self._refresh(clock.now())
        if path not in self._resources:
            try:
                self._client.get(path)
                self._resources[path] = True
            except NotAvailable:
                self._resources[path] = False
        return self._resources[path]

    def forget(self, name: str) -> None:
        """Ask anew about an object next time: an answer has shown that something has changed."""
        self._names = None
        self._fields.pop(name, None)

    def _refresh(self, now: datetime) -> None:
        if abs(now - self._asked) > GOOD_FOR:
            self._names = None
            self._fields.clear()
            self._resources.clear()
            self._asked = now
