"""Messages as files: what the demo leaves to look at."""

import json

from collector.channels.files import FileNotifier
from collector.model import DeliveryRejection, DeliverySuccess, Message
from fakes.model_samples import build_alert


def message():
    return Message(key="k.1.files", alert=build_alert(), is_update=False, attempt=1)


def test_a_message_becomes_what_slack_a_mail_client_and_a_browser_would_get(tmp_path):
    outcome = FileNotifier(directory=tmp_path / "new").send(message())

    assert isinstance(outcome, DeliverySuccess)
    names = {path.name for path in (tmp_path / "new").iterdir()}
    stem = f"{build_alert().id}-1"
    assert {f"{stem}.slack.json", f"{stem}.eml", f"{stem}.html"} == names
    assert "blocks" in json.loads((tmp_path / "new" / f"{stem}.slack.json").read_text())


def test_a_place_that_cannot_be_written_to_refuses_in_words(tmp_path):
    (tmp_path / "file").write_text("in the way")
    outcome = FileNotifier(directory=tmp_path / "file").send(message())

    assert isinstance(outcome, DeliveryRejection)
    assert "cannot be written" in outcome.reason
