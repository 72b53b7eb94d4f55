"""A message can be looked at without a receiver."""

from __future__ import annotations

import email
import email.policy
import json
from pathlib import Path

from collector.channels import render
from collector.channels.email_message import html
from collector.channels.slack_message import payload
from collector.model import Message
from hostile.messages import poisoned
from hostile.strings import HOSTILE


def test_the_files_are_what_the_receivers_would_get(tmp_path: Path, message: Message) -> None:
    files = render.write_files(message, tmp_path / "new" / "folder")
    mail = email.message_from_bytes(files.mail.read_bytes(), policy=email.policy.default)

    assert json.loads(files.slack.read_text(encoding="utf-8")) == payload(message)
    assert files.page.read_text(encoding="utf-8") == html(message)
    assert mail["To"] == "soc@example.com"
    assert files.slack.name == "3f9c2a7b10d4-1.slack.json"


def test_revisions_do_not_overwrite_each_other(
    tmp_path: Path, message: Message, update: Message
) -> None:
    render.write_files(message, tmp_path)
    render.write_files(update, tmp_path)
    render.write_files(update, tmp_path)

    assert len(list(tmp_path.iterdir())) == 6


def test_no_file_leaves_the_directory(tmp_path: Path, message: Message) -> None:
    inside = tmp_path / "inside"
    for value in HOSTILE:
        files = render.write_files(poisoned(message, value), inside)

        assert {files.slack.parent, files.mail.parent, files.page.parent} == {inside}
    assert list(tmp_path.iterdir()) == [inside]
    assert len(list(inside.iterdir())) == 3 * len(HOSTILE)
