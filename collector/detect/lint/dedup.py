"""Warnings about dedup keys that make one episode of what several people do."""

from __future__ import annotations

import re
from collections.abc import Iterator

from collector.detect.event_schema import EventSchema
from collector.detect.language.collector_block import COLLECTOR_KEY
from collector.detect.language.yaml_document import YamlDocument
from collector.errors import Problem
from collector.model import Baseline, Correlation, Rule

_ACTOR_FIELDS = ("user_id", "user_name")
_ACTOR_PATTERN = re.compile(
    # Who it was, or a session, a job, a request or an event, which are one person's.
    r"(?:raw_)?(?:\w*user_?(?:id|name)(?:entifier)?(?:_derived)?|created_?by_?id"
    r"|(?:session|login)_?key|(?:bulk_?)?job_?id|request_?id(?:entifier)?"
    r"|event_?(?:uid|identifier)|id)",
    re.IGNORECASE,
)


def lint_dedup(document: YamlDocument, rule: Rule, *, schema: EventSchema) -> Iterator[Problem]:
    """A warning where a written key leaves out who did it, though the events say it.

    Groups of correlations and baselines are what these rules are about: nothing is said of them.
    """
    block = document.data.get(COLLECTOR_KEY) or {}
    dedup = block.get("dedup") or {}
    key = dedup.get("key")
    if key is None or dedup.get("across_users"):
        return
    if not rule.raises_alert or isinstance(rule.aggregation, Correlation | Baseline):
        return
    if any(_ACTOR_PATTERN.fullmatch(field) for field in key) or not _has_actor(rule, schema):
        return
    message = (
        "the key leaves out who did it: what another user does joins the alert of the first;"
        f" where that is not meant, add {_ACTOR_FIELDS[0]}; where it is, say across_users: true"
    )
    yield document.build_problem((COLLECTOR_KEY, "dedup", "key"), message)


def _has_actor(rule: Rule, schema: EventSchema) -> bool:
    """Whether an event that the rule may look at says who did it."""
    for event_type in rule.event_types:
        fields = schema.list_fields(event_type)
        if fields is None or not fields.isdisjoint(_ACTOR_FIELDS):
            return True
    return not rule.event_types
