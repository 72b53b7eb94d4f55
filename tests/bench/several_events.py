"""Twelve rules over several events of the RestApi log: correlations, first seen, baselines."""

from __future__ import annotations

from typing import Any
from uuid import NAMESPACE_URL, uuid5

_LEAF_DETECTIONS: dict[str, dict[str, Any]] = {
    "leaf-failed": {"status": ["401", "403", "404"]},
    "leaf-counted": {"query|contains": "count("},
    "leaf-large": {"record_count|gte": 1_990},
    "leaf-deleted": {"METHOD": "DELETE"},
    "leaf-described": {"uri|endswith": "/describe"},
}

_CORRELATIONS: list[dict[str, Any]] = [
    {"type": "event_count", "rules": ["leaf-failed"], "condition": {"gte": 500}},
    {
        "type": "value_count",
        "rules": ["leaf-counted"],
        "condition": {"field": "entity", "gte": 3},
    },
    {
        "type": "value_sum",
        "rules": ["leaf-large"],
        "condition": {"field": "record_count", "gte": 10_000_000},
    },
    {"type": "temporal", "rules": ["leaf-described", "leaf-deleted"]},
    {"type": "temporal_ordered", "rules": ["leaf-counted", "leaf-large", "leaf-deleted"]},
    {
        "type": "value_count",
        "rules": ["leaf-failed"],
        "group-by": ["source_ip"],
        "condition": {"field": "user_id", "gte": 500},
    },
]

_STATEFUL_RULES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"app_id|exists": True}, {"first_seen": {"key": ["user_id", "app_id"]}}),
    ({"client_name|exists": True}, {"first_seen": {"key": ["user_id", "client_name"]}}),
    ({"METHOD": "DELETE"}, {"first_seen": {"key": ["user_id", "entity"]}}),
    (
        {"record_count|gte": 1_000},
        {
            "baseline": {
                "metric": "sum",
                "field": "record_count",
                "group_by": ["user_id"],
                "floor": 1_000_000,
            }
        },
    ),
    (
        {"status": ["401", "403", "404"]},
        {"baseline": {"metric": "count", "group_by": ["user_id"], "floor": 100}},
    ),
    (
        {"query|contains": "from"},
        {
            "baseline": {
                "metric": "distinct",
                "field": "entity",
                "group_by": ["user_id"],
                "floor": 20,
            }
        },
    ),
]


def build_documents() -> list[dict[str, Any]]:
    """The rules, and those that only correlations look at."""
    return [
        *(
            _build_rule(name, {"s": chosen, "condition": "s"})
            for name, chosen in _LEAF_DETECTIONS.items()
        ),
        *(_build_correlation(number, one) for number, one in enumerate(_CORRELATIONS)),
        *(
            {**_build_rule(f"past-{number}", {"s": chosen, "condition": "s"}), "collector": block}
            for number, (chosen, block) in enumerate(_STATEFUL_RULES)
        ),
    ]


def _build_correlation(number: int, correlation: dict[str, Any]) -> dict[str, Any]:
    whole = {"group-by": ["user_id"], "timespan": "10m", **correlation}
    return {**_build_head(f"window-{number}"), "correlation": whole}


def _build_rule(name: str, detection: dict[str, Any]) -> dict[str, Any]:
    source = {"product": "salesforce", "service": "RestApi"}
    return {**_build_head(name), "logsource": source, "detection": detection}


def _build_head(name: str) -> dict[str, Any]:
    identity = str(uuid5(NAMESPACE_URL, name))
    return {"title": f"Bench {name}", "id": identity, "name": name, "level": "medium"}
