"""Ids are stored: what an id was for something, it is for ever. The texts here never change."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector import stable_ids
from collector.collection import local_files
from collector.csv_segments import CsvSegments
from collector.detect import RuleSet, baseline_sql, dedup
from collector.detect.lists.value_list import ListEntry
from collector.evaluation.rule_selection import compute_fingerprint
from collector.health.symptoms import Symptom, SymptomState
from collector.model import Baseline, FirstSeen
from collector.sources.contract import build_batch_key
from collector.store import alerts
from collector.store.database import open_database
from fakes.episode_bench import EpisodeBench
from fakes.model_samples import NOON, build_match, build_rule

BASELINE = Baseline(
    metric="sum",
    field="record_count",
    group_by=("user_id",),
    window=timedelta(hours=1),
    history=timedelta(days=30),
    deviations=3.0,
    floor=500.0,
    minimum=5,
)
FIRST_SEEN = FirstSeen(
    key=("user_id", "app_name"), learn=timedelta(days=14), forget=timedelta(days=90)
)


@given(st.text(), st.integers(1, 64))
def test_a_hash_has_the_digits_that_were_asked_for(text, digits):
    short = stable_ids.hash_text(text, digits=digits)

    assert digits == len(short)
    assert short == stable_ids.hash_text(text, digits=stable_ids.FULL_DIGITS)[:digits]


def test_lone_surrogates_have_a_hash():
    assert stable_ids.hash_text("\ud800") not in map(stable_ids.hash_text, ("?", "\ud801"))


def test_the_key_of_a_batch():
    key = build_batch_key("acme", "event_log_file", "0AT5f00000AAAAAAAA")

    assert "80d5bfeb421b7c1ae1fae6d8589ce007" == key


def test_the_key_of_a_batch_from_a_file_that_was_at_hand():
    segments = CsvSegments(paths=(), columns=(), size=0)
    batch = local_files.build_batch("Login", segments, org="scan", identity="abc", received=NOON)

    assert "3d466d191d06467c1a32604eeca35b01" == batch.key


def test_the_id_of_an_alert(tmp_path):
    database = open_database(tmp_path)
    bench = EpisodeBench(database)
    (alert,) = bench.ingest_matches(build_match("e1"))
    database.close()

    assert "bf02984fece0d000ac6f" == alert.id


def test_the_digest_of_a_dedup_key():
    digest = alerts.compute_key_digest(("005000000000001AAA", "é\n"))

    assert "5aff3d9a85740fb28d266ad177f87af2" == digest


def test_a_long_value_of_a_dedup_key():
    event = {"event_uid": "e1", "user_id": "x" * 300}
    (value,) = dedup.build_dedup_key(build_rule(), event)

    assert "x" * 167 + "~0d4e2ca9e9cbced7a7a5380eb29e1a37" == value


@pytest.mark.parametrize(
    ("aggregation", "fingerprint"),
    [
        (BASELINE, "ea099d96fb53805270233f7b83611368e4ab5e254624f08bc1c7e53e6e2f2ecc"),
        (FIRST_SEEN, "73c95ca88f8024d907f7312acef49556cb5c13bf870d872068dbb3930b2eef83"),
    ],
)
def test_the_fingerprint_of_a_rule_that_remembers(aggregation, fingerprint):
    rule = build_rule(aggregation=aggregation)

    assert fingerprint == compute_fingerprint(RuleSet(rules=(rule,)), rule)


def test_the_uid_of_a_baseline_window():
    rule = build_rule(aggregation=BASELINE)
    uid = baseline_sql.compute_window_uid(rule, "0" * 32, 1_772_366_400_000_000)

    assert "window:fb6433b9d06095ab79d711858f6c2958" == uid


@pytest.mark.parametrize(
    ("text", "expires", "digest"),
    [
        ("192.0.2.1", date(2026, 3, 1), "86db2a1b827c1011bec1b042577e984c"),
        ("evil", None, "b4f8e0ac3de52a4ee129f856a2f59a73"),
    ],
)
def test_the_digest_of_an_entry_of_a_list(text, expires, digest):
    assert digest == ListEntry(form="value", text=text, expires=expires).digest


def test_the_key_and_the_uid_of_a_symptom():
    symptom = Symptom(
        org="acme",
        subject="acme/stored_events",
        part="ApiEvent",
        state=SymptomState.FAILING,
        reason="x",
        since=NOON,
        time=NOON,
    )

    assert "b5d48934180e923635a38993df8fce7c" == symptom.key
    assert "7d7adaeb094f39d8f4a2ca9c2727ab63" == symptom.uid


@pytest.mark.parametrize(
    ("lines", "hashed"),
    [
        (("health", "a", "b"), "19de69c84f8af04798771701fe7217c2"),
        (("Loader?", "005", "t", "0"), "43f2763f6d45b0a99d9b1907ba17a7ef"),
        (("Loader?", "005", "t", "1"), "e64ff7401650c2114233134f7053a636"),
    ],
)
def test_the_keys_of_health_batches_and_the_fingerprints_of_tokens(lines, hashed):
    assert hashed == stable_ids.hash_lines(*lines)


def test_the_identity_of_records_counts_their_text():
    text = '[{"a": "\\u00e9", "b": "1"}]'

    assert "191f8969207e4d8854d7da58" == stable_ids.hash_text(text, digits=24)
