"""A message can be looked at without a receiver."""

from __future__ import annotations

import email
import email.policy
import json
from pathlib import Path

import pytest

from collector.channels import preview
from collector.channels.email.message import render_html
from collector.channels.slack.message import build_payload
from collector.model import DeliveryRejection, DeliverySuccess, Message
from hostile.messages import poison_message
from hostile.strings import HOSTILE_STRINGS


def test_the_files_are_what_the_receivers_would_get(tmp_path: Path, message: Message) -> None:
    files = preview.write_preview(message, tmp_path / "new" / "folder")
    mail = email.message_from_bytes(files.mail_path.read_bytes(), policy=email.policy.default)

    assert json.loads(files.slack_path.read_text(encoding="utf-8")) == build_payload(message)
    assert files.page_path.read_text(encoding="utf-8") == render_html(message)
    assert mail["To"] == "soc@example.com"
    assert files.slack_path.name == "3f9c2a7b10d4-1.slack.json"


def test_revisions_do_not_overwrite_each_other(
    tmp_path: Path, message: Message, update: Message
) -> None:
    preview.write_preview(message, tmp_path)
    preview.write_preview(update, tmp_path)
    preview.write_preview(update, tmp_path)

    assert len(list(tmp_path.iterdir())) == 6


@pytest.mark.slow
def test_no_file_leaves_the_directory(tmp_path: Path, message: Message) -> None:
    inside = tmp_path / "inside"
    for value in HOSTILE_STRINGS:
        files = preview.write_preview(poison_message(message, value), inside)

        assert {files.slack_path.parent, files.mail_path.parent, files.page_path.parent} == {inside}
    assert list(tmp_path.iterdir()) == [inside]
    assert len(list(inside.iterdir())) == 3 * len(HOSTILE_STRINGS)


# ---- the channel that writes them


def test_a_message_becomes_what_slack_a_mail_client_and_a_browser_would_get(
    tmp_path: Path, message: Message
) -> None:
    outcome = preview.FileNotifier(directory=tmp_path / "new").send(message)

    assert isinstance(outcome, DeliverySuccess)
    names = {path.name for path in (tmp_path / "new").iterdir()}
    stem = f"{message.alert.id}-1"
    assert {f"{stem}.slack.json", f"{stem}.eml", f"{stem}.html"} == names
    assert "blocks" in json.loads((tmp_path / "new" / f"{stem}.slack.json").read_text())


def test_a_place_that_cannot_be_written_to_refuses_in_words(
    tmp_path: Path, message: Message
) -> None:
    (tmp_path / "file").write_text("in the way")
    outcome = preview.FileNotifier(directory=tmp_path / "file").send(message)

    assert isinstance(outcome, DeliveryRejection)
    assert "cannot be written" in outcome.reason
