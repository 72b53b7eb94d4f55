"""What an org has: objects, their fields, and resources; asked for once a day."""

from __future__ import annotations

from datetime import datetime, timedelta

from collector import clock
from collector.errors import NotAvailableError
from collector.salesforce.call_counter import DESCRIPTIONS, assign_activity
from collector.salesforce.client import FieldDescription, SalesforceClient

CATALOG_LIFETIME = timedelta(days=1)


class Catalog:
    """The objects and fields that the integration user sees. What was asked is good for a day."""

    def __init__(self, client: SalesforceClient) -> None:
        self._client = client
        self._refresh_time = clock.EPOCH
        self._names: frozenset[str] | None = None
        self._fields: dict[str, tuple[FieldDescription, ...]] = {}
        self._resources: dict[str, bool] = {}

    def list_object_names(self) -> frozenset[str]:
        """All objects."""
        self._expire_entries(clock.now())
        if self._names is None:
            with assign_activity(DESCRIPTIONS):
                self._names = self._client.list_object_names()
        return self._names

    def describe_object(self, name: str) -> tuple[FieldDescription, ...]:
        """The fields of an object. Raises NotAvailableError where there is no such object."""
        self._expire_entries(clock.now())
        if name not in self._fields:
            try:
                with assign_activity(DESCRIPTIONS):
                    self._fields[name] = self._client.describe_object(name)
            except NotAvailableError:
                self.forget_object(name)
                raise
        return self._fields[name]

    def has_resource(self, path: str) -> bool:
        """Whether a resource such as `jobs/query` can be read by this user at all."""
        self._expire_entries(clock.now())
        if path not in self._resources:
            try:
                with assign_activity(DESCRIPTIONS):
                    self._client.get_resource(path)
                self._resources[path] = True
            except NotAvailableError:
                self._resources[path] = False
        return self._resources[path]

    def forget_object(self, name: str) -> None:
        """Drop what was stored of an object, so that the org is asked next time."""
        self._names = None
        self._fields.pop(name, None)

    def _expire_entries(self, now: datetime) -> None:
        if abs(now - self._refresh_time) > CATALOG_LIFETIME:
            self._names = None
            self._fields.clear()
            self._resources.clear()
            self._refresh_time = now
