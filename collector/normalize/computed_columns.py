"""Canonical columns that are computed from others, as SQL."""

from __future__ import annotations

from collections.abc import Mapping

from collector.model import Batch
from collector.model.event_columns import NAME_COLUMNS, RECORD_ID_COLUMNS
from collector.normalize.address_places import PLACE_COLUMNS
from collector.normalize.agent_family_sql import build_agent_family
from collector.normalize.event_times import TimeReading, render_timestamp
from collector.normalize.network_sql import build_network
from collector.normalize.query_outlines import SOQL_COLUMNS
from collector.normalize.segment_lookups import SegmentLookups
from collector.normalize.uri_pattern_sql import build_uri_pattern
from collector.normalize.value_readers import read_long_id

_TARGET_COLUMNS = ("target_user_id", "target_user_name")


def build_computed_columns(
    readings: Mapping[str, str], times: TimeReading, batch: Batch, lookups: SegmentLookups
) -> dict[str, str]:
    """SQL for the columns that are computed from the relation that a segment is read from."""
    computed = {
        "time": f"coalesce(given_time, {render_timestamp(batch.log_time)})",
        "time_defect": times.describe_defect(
            "given_own_time" if "own_time" in readings else "given_time"
        ),
        "query": "given_query",
    }
    if "source_ip" in readings:
        computed |= {
            "source_ip": "read_address",
            "source_ip_key": "read_address_key",
            "network": build_network("read_address", "read_address_key"),
        }
    computed |= {column: f"plain_{column}" for column in NAME_COLUMNS if column in readings}
    computed |= {
        column: read_long_id(f"given_{column}")
        for column in RECORD_ID_COLUMNS
        if column in readings
    }
    if targets := [computed[name] for name in _TARGET_COLUMNS if name in computed]:
        computed["target_user"] = f"coalesce({', '.join(targets)})"
    if "user_agent" in readings:
        computed["agent_family"] = build_agent_family("plain_user_agent")
    if "uri" in readings:
        computed |= {"uri": "given_uri", "uri_pattern": build_uri_pattern("given_uri")}
    if lookups.has_places:
        country = readings.get("country")
        computed |= {name: f"place.{name}" for name in PLACE_COLUMNS}
        computed["country"] = f"coalesce({country}, place.country)" if country else "place.country"
    if lookups.has_outlines:
        computed["entity"] = "coalesce(given_entity, outline.main_object)"
        computed |= {name: f"outline.{name}" for name in SOQL_COLUMNS}
    return computed
