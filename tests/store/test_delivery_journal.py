"""What was told outlives the database, but for a line that was being written."""

import os
from dataclasses import replace
from datetime import timedelta

import pytest

from collector.errors import CollectorError
from collector.model import Delivery
from collector.store import delivery_journal
from collector.store.delivery_journal import DeliveryJournal
from fakes.model_samples import NOON, build_alert

ALERT = build_alert(title="a title with é")
DELIVERY = Delivery(
    key="k", alert_id=ALERT.id, channel="chat", revision=2, severity=ALERT.severity, attempts=1
)
HOUR = timedelta(hours=1)


def tell(journal, alert=ALERT):
    journal.append_delivery([alert], DELIVERY, reference="171.2", sent=NOON)


def test_what_was_told_is_read_as_it_was_written(tmp_path):
    journal = DeliveryJournal(tmp_path / "told.jsonl")
    tell(journal)
    with (tmp_path / "told.jsonl").open("a") as file:
        file.write('{"alert": "0123", "org": "ac')

    (told,) = journal.read_told_alerts()
    assert (ALERT.id, ALERT.key, "chat", 2, "171.2", NOON) == (
        told.alert_id,
        told.key,
        told.channel,
        told.revision,
        told.reference,
        told.sent,
    )
    assert 0o600 == (tmp_path / "told.jsonl").stat().st_mode & 0o777


def test_an_alert_is_known_by_its_id_or_by_its_key_and_time(tmp_path):
    journal = DeliveryJournal(tmp_path / "told.jsonl")
    tell(journal)
    (told,) = journal.read_told_alerts()
    other = replace(ALERT, id="another")
    later = replace(other, first_time=NOON + 2 * HOUR, last_time=NOON + 2 * HOUR)

    assert told.is_of(other, margin=HOUR)
    assert not told.is_of(later, margin=HOUR)
    assert told.is_of(later, margin=2 * HOUR)
    assert not told.is_of(replace(other, key=("somebody else",)), margin=HOUR)


def test_a_journal_that_is_long_is_put_aside_once(tmp_path, monkeypatch):
    monkeypatch.setattr(delivery_journal, "MAX_JOURNAL_BYTES", 100)
    journal = DeliveryJournal(tmp_path / "told.jsonl")
    for number in range(3):
        tell(journal, replace(ALERT, id=str(number)))

    assert ["1", "2"] == [told.alert_id for told in journal.read_told_alerts()]
    assert 2 == len(list(tmp_path.iterdir()))


@pytest.mark.parametrize(
    "block",
    [lambda path: path.mkdir(), os.mkfifo, lambda path: path.symlink_to("elsewhere")],
    ids=["folder", "pipe", "link"],
)
def test_what_is_no_file_in_its_place_is_told_and_waited_for_by_nobody(tmp_path, block):
    journal = DeliveryJournal(tmp_path / "told.jsonl")
    assert "" == journal.find_problem()
    block(tmp_path / "told.jsonl")

    assert "told.jsonl" in journal.find_problem()
    with pytest.raises(OSError, match=r"."):
        tell(journal)
    (tmp_path / "told.jsonl").rename(tmp_path / "away")
    tell(journal)
    assert "" == journal.find_problem()


@pytest.mark.parametrize("block", [lambda path: path.mkdir(), os.mkfifo], ids=["folder", "pipe"])
def test_what_is_no_file_is_not_read_for_what_was_told(tmp_path, block):
    block(tmp_path / "told.jsonl")

    with pytest.raises(CollectorError, match=r"told\.jsonl is not a file: move it away"):
        DeliveryJournal(tmp_path / "told.jsonl").check_readable()
