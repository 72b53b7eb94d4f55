"""Objects that the configuration names and we do not know: how each can be read, told by the org.

Big objects filter on EventDate alone, and every record of theirs has one and the same Id; records
of standard objects have Ids of their own and are found late by EventDate, in time by CreatedDate.
"""

from __future__ import annotations

from collector.errors import SalesforceError
from collector.salesforce.soql import identifier
from collector.sources.contract import Context
from collector.sources.windows import Windowed

CONSTANT_ID = "000000000000000AAA"
"""The Id of every record of every big object."""


def explicit(patterns: tuple[str, ...]) -> tuple[str, ...]:
    """The patterns that are names, not globs."""
    return tuple(pattern for pattern in patterns if not set(pattern) & set("*?["))


def windowed(context: Context, name: str) -> Windowed:
    """How to read an object.

    By CreatedDate where its records have Ids of their own, or where there is no EventDate. Else by
    EventDate in descending order, which both kinds take: also while there is no record to tell.
    Raises SalesforceError for an object that has neither field.
    """
    fields = {field.name for field in context.catalog.describe(name)}
    if "EventDate" in fields and not ("CreatedDate" in fields and _is_standard(context, name)):
        return Windowed(name=name, time_field="EventDate", order="DESC")
    if "CreatedDate" in fields:
        return Windowed(name=name, time_field="CreatedDate", order="ASC")
    raise SalesforceError(
        f"{context.org}: {name} has neither EventDate nor CreatedDate, so that it cannot be read"
        " forward in time"
    )


def _is_standard(context: Context, name: str) -> bool:
    soql = f"SELECT Id FROM {identifier(name)} LIMIT 1"
    ids = [record.get("Id") for page in context.client.query(soql) for record in page]
    return bool(ids) and ids[0] not in (None, "", CONSTANT_ID)
