"""What an alert keeps of its matches comes back from the database as it went."""

import json
from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.evaluation.result import EvaluationResult
from collector.ingest.stored_episodes import fold_matches, save_episodes
from collector.model import EntityOrigin, EvidenceOrigin, FoldState, Severity
from collector.store import alerts
from fakes.model_samples import NOON, build_match, build_rule

SECOND = timedelta(seconds=1)
_numbers = count()

WITHOUT_VERSION = {
    "newest": "e3",
    "opener": "e1",
    "lead": [1772366400000001, "e2"],
    "weight": 1.5,
    "entities": {"user_id": "005"},
    "origins": {"source_ip": [1772366400000000, "e1", "203.0.113.7"]},
    "evidence": [["e1", "e1", 3, False, 1772366400000000], ["x", "e2", 4, True, 1772366401000000]],
    "opened": "e0",
}
"""As it was written before there were versions."""


def test_what_was_written_before_there_were_versions_is_read():
    state = FoldState.from_json(WITHOUT_VERSION)

    assert state == FoldState(
        identity_uid="e0",
        opener_uid="e1",
        newest_uid="e3",
        lead_time=NOON + timedelta(microseconds=1),
        lead_uid="e2",
        lead_weight=1.5,
        lead_entities={"user_id": "005"},
        entity_origins={"source_ip": EntityOrigin(time=NOON, event_uid="e1", value="203.0.113.7")},
        evidence_origins=(
            EvidenceOrigin(
                event_uid="e1",
                match_uid="e1",
                severity=Severity(3),
                is_secondary=False,
                time=NOON,
            ),
            EvidenceOrigin(
                event_uid="x",
                match_uid="e2",
                severity=Severity(4),
                is_secondary=True,
                time=NOON + SECOND,
            ),
        ),
    )


def test_what_is_written_has_the_old_keys_and_a_version():
    state = FoldState.from_json(WITHOUT_VERSION)

    assert {**WITHOUT_VERSION, "version": 1} == state.to_json()


def test_what_a_later_version_has_written_is_refused():
    with pytest.raises(ValueError, match="version 2 cannot be read"):
        FoldState.from_json({**WITHOUT_VERSION, "version": 2})


@st.composite
def matches(draw):
    number = draw(st.integers(0, 20))
    time = NOON + timedelta(microseconds=draw(st.integers(0, 3 * 3600 * 10**6)))
    return build_match(
        f"e{number}",
        time=time,
        received=time + draw(st.integers(0, 90)) * SECOND,
        severity=draw(st.sampled_from(Severity)),
        weight=draw(st.floats()),
        count=draw(st.integers(1, 3)),
        key=(draw(st.sampled_from(["one", "two"])),),
        entities=draw(
            st.dictionaries(st.sampled_from(["user_id", "source_ip", "region"]), st.text())
        ),
        event={"event_uid": f"e{number}", "time": time, "value": draw(st.floats() | st.text())},
        evidence=tuple(draw(st.lists(st.just({"event_uid": "beside", "time": NOON}), max_size=2))),
        context=tuple(draw(st.lists(st.just({"kind": "list", "values": (1, 2)}), max_size=2))),
        title=draw(st.text()),
    )


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=st.lists(st.lists(matches(), max_size=5), min_size=1, max_size=4))
def test_every_alert_that_is_folded_and_saved_is_loaded_as_it_was(database, batches):
    rule = build_rule(name=f"rule-{next(_numbers)}")
    for batch in batches:
        result = EvaluationResult(matches=[replace(match, rule=rule.name) for match in batch])
        with database.begin() as connection:
            changes = fold_matches(connection, {rule.name: rule}, result, now=NOON)
            save_episodes(connection, changes)
            folded = {alert.id: alert for change in changes for alert in change.alerts}
            loaded = {alert.id: alert for alert in alerts.read_alerts(connection, folded)}

        assert folded == loaded
        states = [alert.fold_state for alert in loaded.values()]
        assert states == [
            FoldState.from_json(json.loads(json.dumps(state.to_json()))) for state in states
        ]
