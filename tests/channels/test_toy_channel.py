"""A new kind of channel is a folder with a spec and one line: everything else knows it by that."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
from structlog.testing import capture_logs

from collector.channels.channel_spec import ChannelSpec
from collector.channels.http_sender import HttpSender
from collector.channels.message_card import build_card
from collector.channels.registry import CHANNELS, build_channel
from collector.delivery.worker import DeliveryWorker
from collector.errors import CollectorError
from collector.model import ChannelMessage, DeliveryOutcome
from collector.settings import ChannelSettings, Secret
from collector.store import alerts, outbox
from collector.store.database import open_database
from fakes.model_samples import NOON, build_alert
from fakes.slack import HangUp, Reaction, WebhookReply, run_slack_receiver


class PagerSettings(ChannelSettings):
    """What the configuration of a pager holds."""

    type: Literal["pager"] = "pager"
    url: Secret
    token: Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class PagerNotifier:
    """Posts the title of a message."""

    settings: PagerSettings

    def send(self, message: ChannelMessage) -> DeliveryOutcome:
        sender = HttpSender(receiver="The pager", url_name="the pager's URL")
        return sender.post_body(
            self.settings.url,
            json.dumps({"page": build_card(message).title}).encode(),
            headers={"Authorization": f"Bearer {self.settings.token.reveal()}"},
        )


SPEC = ChannelSpec(
    kind="pager",
    settings=PagerSettings,
    build=lambda settings: PagerNotifier(settings=settings),
)
SPECS = (*CHANNELS, SPEC)


def configure(values: dict[str, str]) -> ChannelSettings:
    """The settings that a channel's keys become: the `type` says by which spec."""
    models = {spec.kind: spec.settings for spec in SPECS}
    return models[values["type"]].model_validate(values)


@pytest.mark.parametrize(
    ("reaction", "sent", "logged"),
    [
        (WebhookReply(status=202), 1, {"event": "delivery_sent", "log_level": "info"}),
        (
            WebhookReply(status=503),
            0,
            {"outcome": "again", "reason": "The pager answered 503"},
        ),
        (
            WebhookReply(status=401),
            0,
            {"outcome": "refused", "reason": "The pager answered 401"},
        ),
        (HangUp(), 0, {"event": "delivery_not_taken", "outcome": "unknown"}),
    ],
)
def test_a_new_kind_is_configured_built_and_delivered_to(
    tmp_path: Path, reaction: Reaction, sent: int, logged: dict[str, str]
) -> None:
    database = open_database(tmp_path)
    alert = build_alert()
    with database.begin() as connection:
        alerts.save_alerts(connection, [alert], {})
        outbox.enqueue_alert(connection, alert, ["oncall"], now=NOON)
    with run_slack_receiver() as receiver, capture_logs() as logs:
        settings = configure({"type": "pager", "url": receiver.url, "token": "canary-token"})
        worker = DeliveryWorker(
            database=database,
            channels={"oncall": build_channel("oncall", settings, SPECS)},
            login_urls={},
            stop_event=threading.Event(),
        )
        receiver.script.append(reaction)

        assert worker.drain_channel("oncall") == sent
        assert receiver.bodies == [{"page": "Odd login"}]
        assert receiver.headers[0]["Authorization"] == "Bearer canary-token"
    database.close()

    [entry] = logs
    assert logged.items() <= entry.items()
    assert "canary" not in str(entry)


def test_without_its_line_it_is_no_kind() -> None:
    settings = PagerSettings(url=Secret("https://example.com"), token=Secret("t"))

    with pytest.raises(CollectorError, match=r"^channel oncall: there is no kind 'pager'$"):
        build_channel("oncall", settings)
