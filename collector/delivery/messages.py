"""Builds the message of a delivery from what the state says when it is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import sqlalchemy as sa

from collector.escaping import check_record_id
from collector.model import (
    AlertDigest,
    ChannelMessage,
    Delivery,
    DigestMessage,
    Message,
    StormLimit,
)
from collector.store import alerts, digest_content, outbox


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageBuilder:
    """Builds messages. `login_urls` are by org name."""

    login_urls: Mapping[str, str]

    def build_message(
        self, connection: sa.Connection, delivery: Delivery, limit: StormLimit
    ) -> ChannelMessage | None:
        """The message of a delivery; None where its alert, or all of its digest, is gone."""
        if delivery.alert_id is None:
            return _build_digest_message(connection, delivery, limit)
        return self._build_alert_message(connection, delivery, delivery.alert_id)

    def _build_alert_message(
        self, connection: sa.Connection, delivery: Delivery, alert_id: str
    ) -> Message | None:
        alert = alerts.find_alert(connection, alert_id)
        if alert is None:
            return None
        user_id = check_record_id(alert.entities.get("user_id", ""))
        login_url = self.login_urls.get(alert.org)
        return Message(
            key=delivery.key,
            alert=alert,
            is_update=outbox.has_told_earlier(connection, delivery),
            attempt=delivery.attempts,
            user_url=f"{login_url}/{user_id}" if user_id and login_url else None,
            instead_of=delivery.instead_of,
            served_recipients=delivery.served_recipients,
        )


def _build_digest_message(
    connection: sa.Connection, delivery: Delivery, limit: StormLimit
) -> DigestMessage | None:
    digest = digest_content.read_digest(connection, delivery, limit)
    if digest is None:
        return None
    return DigestMessage(
        key=delivery.key,
        digest=_strip_org_texts(digest) if delivery.refusals else digest,
        is_update=delivery.revision > 1,
        attempt=delivery.attempts,
        served_recipients=delivery.served_recipients,
    )


def _strip_org_texts(digest: AlertDigest) -> AlertDigest:
    """The digest in our own words alone: a text of one alert must not keep all others back."""
    groups = tuple(replace(group, actors=(), actor_count=0) for group in digest.groups)
    return replace(digest, groups=groups, entries=())
