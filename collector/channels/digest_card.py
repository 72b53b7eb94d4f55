"""The card of a digest: how many alerts, of which rules, about whom, and the gravest of them."""

from __future__ import annotations

from collections.abc import Iterator

from collector import escaping
from collector.channels.card import (
    MAX_EVENTS,
    Card,
    EvidenceRow,
    Fact,
    format_time,
    render_period,
    render_repeat_note,
)
from collector.channels.context_sentences import format_duration, format_event_count
from collector.model import AlertDigest, DigestEntry, DigestGroup, DigestMessage


def build_digest_card(message: DigestMessage) -> Card:
    """The card of a digest."""
    digest = message.digest
    org = digest.orgs[0] if len(digest.orgs) == 1 else f"{len(digest.orgs)} orgs"
    return Card(
        severity=digest.severity,
        org=org,
        thread=digest.storm,
        alert_id=None,
        headline=f"Digest {digest.revision} of a storm" if message.is_update else "Digest",
        title=f"{_count_alerts(digest.alert_count)} of {org}: {_render_severities(digest)}",
        description=_describe_digest(digest),
        facts=tuple(_list_facts(digest)),
        evidence=tuple(_build_entry_row(entry) for entry in digest.entries[:MAX_EVENTS]),
        more_events=max(0, digest.alert_count - len(digest.entries[:MAX_EVENTS])),
        steps=(),
        more_steps=0,
        links=(),
        repeat=render_repeat_note(message.key, message.attempt),
        origin=(
            Fact(label="org", value=", ".join(digest.orgs)),
            Fact(label="digest", value=message.key),
        ),
    )


def _describe_digest(digest: AlertDigest) -> str:
    window = format_duration(int(digest.limit.window.total_seconds()))
    so_far = (
        f" So far digests of this storm told {_count_alerts(digest.storm_alert_count)}."
        if digest.storm_alert_count > digest.alert_count
        else ""
    )
    return (
        f"More than {digest.limit.messages} messages within {window} were for this channel. Until"
        f" that is over, alerts below critical come as one digest in {window}; critical ones still"
        " come alone and first. None is dropped: `collector deliveries list --digest`, with the key"
        f" below, lists each.{so_far}"
    )


def _list_facts(digest: AlertDigest) -> Iterator[Fact]:
    yield Fact(label="When", value=render_period(digest.first_time, digest.last_time))
    for group in digest.groups:
        yield Fact(label=str(group.severity).capitalize(), value=_render_group(group))
    rest = digest.group_count - len(digest.groups)
    if rest > 0:
        yield Fact(label="More", value=f"{rest:,} smaller groups")


def _render_group(group: DigestGroup) -> str:
    words = (
        f"{group.rule} in {group.org}: {_count_alerts(group.alert_count)},"
        f" {format_event_count(group.event_count)}"
    )
    if not group.actors:
        return words
    others = group.actor_count - len(group.actors)
    noun = "other" if others == 1 else "others"
    more = f" and {others:,} {noun}" if others > 0 else ""
    return f"{words}, by {', '.join(group.actors)}{more}"


def _render_severities(digest: AlertDigest) -> str:
    return ", ".join(f"{count:,} {severity}" for severity, count in digest.severity_counts.items())


def _build_entry_row(entry: DigestEntry) -> EvidenceRow:
    return EvidenceRow(
        time=format_time(entry.last_time),
        kind=str(entry.severity),
        details=(
            Fact(label="alert", value=entry.alert_id[:8]),
            Fact(label="title", value=escaping.collapse_whitespace(entry.title)),
        ),
    )


def _count_alerts(count: int) -> str:
    return "1 alert" if count == 1 else f"{count:,} alerts"
