"""Objects that the configuration names; how those can be read that we do not know, says the org.

Big objects filter on EventDate alone, and every record of theirs has one and the same Id; records
of standard objects have Ids of their own and are found late by EventDate, in time by CreatedDate.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from collector.errors import SalesforceError
from collector.salesforce.soql import check_identifier
from collector.settings.values import TypePattern
from collector.sources.contract import SourceContext
from collector.sources.query_window import WindowQuery
from collector.sources.query_windows import WindowSettings

CONSTANT_ID = "000000000000000AAA"
"""The Id of every record of every big object."""


class ObjectsSettings(WindowSettings):
    """The settings of a source that reads objects, each of which is an event type."""

    objects: Annotated[tuple[TypePattern, ...], Field(min_length=1)] = ("*",)

    def list_type_patterns(self) -> Mapping[str, tuple[str, ...]]:
        """The objects that are read."""
        return {"objects": self.objects}


def list_explicit_names(patterns: tuple[str, ...]) -> tuple[str, ...]:
    """The patterns that are names, not globs."""
    return tuple(pattern for pattern in patterns if not set(pattern) & set("*?["))


def choose_window_query(context: SourceContext, name: str) -> WindowQuery:
    """How to read an object.

    By CreatedDate where its records have Ids of their own, or where there is no EventDate. Else by
    EventDate in descending order, which both kinds take: also while there is no record to tell.
    Raises SalesforceError for an object that has neither field.
    """
    fields = {field.name for field in context.catalog.describe_object(name)}
    if "EventDate" in fields and not ("CreatedDate" in fields and _is_standard(context, name)):
        return WindowQuery(name=name, time_field="EventDate", order="DESC")
    if "CreatedDate" in fields:
        return WindowQuery(name=name, time_field="CreatedDate", order="ASC")
    raise SalesforceError(
        f"{context.org}: {name} has neither EventDate nor CreatedDate, so that it cannot be read"
        " forward in time"
    )


def _is_standard(context: SourceContext, name: str) -> bool:
    soql = f"SELECT Id FROM {check_identifier(name)} LIMIT 1"
    ids = [record.get("Id") for page in context.client.query(soql) for record in page]
    return bool(ids) and ids[0] not in (None, "", CONSTANT_ID)
