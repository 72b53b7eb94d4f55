"""What an org has: objects, their fields, and resources; asked for once a day."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from collector import clock
from collector.errors import NotAvailableError
from collector.salesforce.call_counter import DESCRIPTIONS, assign_activity

if TYPE_CHECKING:  # a source's settings and facts are read without a client
    from collector.salesforce.client import FieldDescription, SalesforceClient

CATALOG_LIFETIME = timedelta(days=1)


class Catalog:
    """The objects and fields that the integration user sees. What was asked is good for a day.

    Several threads may ask; none waits for what another one asks of the org.
    """

    def __init__(self, client: SalesforceClient) -> None:
        self._client = client
        self._lock = threading.Lock()
        # What follows is guarded by the lock.
        self._refresh_time = clock.EPOCH
        self._names: frozenset[str] | None = None
        self._fields: dict[str, tuple[FieldDescription, ...]] = {}
        self._resources: dict[str, bool] = {}

    def list_object_names(self) -> frozenset[str]:
        """All objects."""
        with self._lock:
            self._expire_entries(clock.now())
            names = self._names
        if names is None:
            with assign_activity(DESCRIPTIONS):
                names = self._client.list_object_names()
            with self._lock:
                self._names = names
        return names

    def describe_object(self, name: str) -> tuple[FieldDescription, ...]:
        """The fields of an object. Raises NotAvailableError where there is no such object."""
        with self._lock:
            self._expire_entries(clock.now())
            fields = self._fields.get(name)
        if fields is None:
            try:
                with assign_activity(DESCRIPTIONS):
                    fields = self._client.describe_object(name)
            except NotAvailableError:
                self.forget_object(name)
                raise
            with self._lock:
                self._fields[name] = fields
        return fields

    def has_resource(self, path: str) -> bool:
        """Whether a resource such as `jobs/query` can be read by this user at all."""
        with self._lock:
            self._expire_entries(clock.now())
            is_there = self._resources.get(path)
        if is_there is None:
            is_there = self._look_for_resource(path)
            with self._lock:
                self._resources[path] = is_there
        return is_there

    def forget_object(self, name: str) -> None:
        """Drop what was stored of an object, so that the org is asked next time."""
        with self._lock:
            self._names = None
            self._fields.pop(name, None)

    def _look_for_resource(self, path: str) -> bool:
        try:
            with assign_activity(DESCRIPTIONS):
                self._client.get_resource(path)
        except NotAvailableError:
            return False
        return True

    def _expire_entries(self, now: datetime) -> None:
        """Drop all of it after a day. To be called with the lock held."""
        if abs(now - self._refresh_time) > CATALOG_LIFETIME:
            self._names = None
            self._fields.clear()
            self._resources.clear()
            self._refresh_time = now
