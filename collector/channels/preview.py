"""A message as files to look at: what Slack, a mail client and a browser would get."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from collector import clock, escaping
from collector.channels import email_message, slack_message
from collector.model import Message
from collector.stable_ids import hash_text


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewFiles:
    """Where the files are: Slack's JSON, the whole mail, and its HTML part alone."""

    slack_path: Path
    mail_path: Path
    page_path: Path


def write_preview(
    message: Message,
    directory: Path,
    *,
    sender: str = "collector@example.com",
    recipients: tuple[str, ...] = ("soc@example.com",),
) -> PreviewFiles:
    """Write the message to files of the directory, which is made if need be.

    Their names come from the alert's id and revision; files of the same names are replaced.
    """
    directory.mkdir(parents=True, exist_ok=True)
    name = f"{_build_file_name(message.alert.id)}-{message.alert.revision}"
    files = PreviewFiles(
        slack_path=directory / f"{name}.slack.json",
        mail_path=directory / f"{name}.eml",
        page_path=directory / f"{name}.html",
    )
    mail = email_message.compose_mail(
        message, sender=sender, recipients=recipients, date=clock.now()
    )
    files.slack_path.write_text(
        json.dumps(slack_message.build_payload(message), ensure_ascii=False, indent=2) + "\n",
        encoding="utf-8",
    )
    files.mail_path.write_bytes(mail.as_bytes())
    files.page_path.write_text(email_message.render_html(message), encoding="utf-8")
    return files


def _build_file_name(alert_id: str) -> str:
    if escaping.is_file_name(alert_id):
        return alert_id
    return hash_text(alert_id)
