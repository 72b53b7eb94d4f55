"""A message as files to look at, instead of sending it: for `collector demo`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from collector import clock, escaping
from collector.channels.email.message import compose_mail, render_html
from collector.channels.slack.message import build_payload
from collector.model import (
    ChannelMessage,
    DeliveryOutcome,
    DeliveryRejection,
    DeliverySuccess,
    DigestMessage,
)
from collector.stable_ids import hash_text

_SENDER, _RECIPIENTS = "collector@example.com", ("soc@example.com",)


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewFiles:
    """Where the files are: Slack's JSON, the whole mail, and its HTML part alone."""

    slack_path: Path
    mail_path: Path
    page_path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class FileNotifier:
    """Writes each message as Slack, a mail client and a browser would get it."""

    directory: Path

    def send(self, message: ChannelMessage) -> DeliveryOutcome:
        """Write the files. A directory that cannot be written to is a rejection."""
        try:
            files = write_preview(message, self.directory)
        except OSError as problem:
            return DeliveryRejection(reason=f"the files cannot be written: {problem.strerror}")
        return DeliverySuccess(reference=files.slack_path.name)


def write_preview(message: ChannelMessage, directory: Path) -> PreviewFiles:
    """Write the message to files of the directory, which is made if need be.

    Their names come from the id and revision of the alert, or of the storm; files of the same names
    are replaced.
    """
    directory.mkdir(parents=True, exist_ok=True)
    name = _build_file_name(message)
    files = PreviewFiles(
        slack_path=directory / f"{name}.slack.json",
        mail_path=directory / f"{name}.eml",
        page_path=directory / f"{name}.html",
    )
    mail = compose_mail(message, sender=_SENDER, recipients=_RECIPIENTS, date=clock.now())
    files.slack_path.write_text(
        json.dumps(build_payload(message), ensure_ascii=False, indent=2) + "\n", encoding="utf-8"
    )
    files.mail_path.write_bytes(mail.as_bytes())
    files.page_path.write_text(render_html(message), encoding="utf-8")
    return files


def _build_file_name(message: ChannelMessage) -> str:
    if isinstance(message, DigestMessage):
        name, revision = message.digest.storm, message.digest.revision
    else:
        name, revision = message.alert.id, message.alert.revision
    return f"{name if escaping.is_file_name(name) else hash_text(name)}-{revision}"
