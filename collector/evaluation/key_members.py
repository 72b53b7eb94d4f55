"""Keys of which a part is a list: an event has a key, and a match, for each of its members."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import product

from collector.detect import correlation_sql, first_seen_sql
from collector.detect.selected_events import DIGEST_LENGTH
from collector.evaluation.first_seen_runs import MatchNamer
from collector.evaluation.rule_selection import RuleSelection
from collector.model import Event
from collector.model.member_columns import SEPARATORS, split_members


def choose_match_namer(selection: RuleSelection) -> MatchNamer:
    """The function that gives the matches of a first-seen rule their uids.

    A match has the uid of its event; where the event may have several keys, with a mark of the key,
    so that it is withdrawn alone.
    """
    forms = [selection.rule, *(selection.find_variant(t) for t in selection.rule.event_types)]
    keys = [first_seen_sql.as_first_seen(form).key for form in forms]
    has_list = any(name in SEPARATORS for key in keys for name in key)
    return correlation_sql.mark_event_uid if has_list else _keep_event_uid


def find_key_values(names: Sequence[str], event: Event, digest: str) -> dict[str, str]:
    """The values of an event in the columns of a key that has this digest, as text."""
    texts = [str(event.get(name, "")) for name in names]
    members = map(split_members, names, texts)
    found = (values for values in product(*members) if _compute_digest(values) == digest)
    return dict(zip(names, next(found, texts), strict=True))


def _keep_event_uid(_: str, event_uid: str) -> str:
    return event_uid


def _compute_digest(values: Sequence[str]) -> str:
    """What `selected_events.render_key_digest` computes."""
    text = "".join(f"{len(value)}:{value}" for value in values)
    return hashlib.sha256(text.encode()).hexdigest()[:DIGEST_LENGTH]
