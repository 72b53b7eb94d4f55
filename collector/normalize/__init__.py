"""Turns what Salesforce logs into the event table: columns as data, one SELECT per segment."""

from collector.normalize.derived import DERIVED, Derived
from collector.normalize.repair import repair
from collector.normalize.schema import CANONICAL, event_types, family, fields, physical
from collector.normalize.sql import segment_relation, select

__all__ = [
    "CANONICAL",
    "DERIVED",
    "Derived",
    "event_types",
    "family",
    "fields",
    "physical",
    "repair",
    "segment_relation",
    "select",
]
