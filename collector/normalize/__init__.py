"""Turns what Salesforce logs into the event table: columns as data, one SELECT per segment."""

from collector.normalize.derived_types import DERIVED_EVENT_TYPES, DerivedTypeSql
from collector.normalize.event_schema import (
    find_family,
    find_physical_column,
    list_event_types,
    list_fields,
)
from collector.normalize.lookup_loading import load_lookups
from collector.normalize.segment_repair import (
    BadRecord,
    repair_segment,
    write_numbered_header,
    write_numbered_record,
)
from collector.normalize.segment_select import (
    SegmentRelation,
    build_repaired_relation,
    build_segment_relation,
    build_segment_select,
)

__all__ = [
    "DERIVED_EVENT_TYPES",
    "BadRecord",
    "DerivedTypeSql",
    "SegmentRelation",
    "build_repaired_relation",
    "build_segment_relation",
    "build_segment_select",
    "find_family",
    "find_physical_column",
    "list_event_types",
    "list_fields",
    "load_lookups",
    "repair_segment",
    "write_numbered_header",
    "write_numbered_record",
]
