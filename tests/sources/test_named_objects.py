"""Objects that we do not know are read where the configuration names them."""

import pytest

from collector.sources import named_objects
from fakes.collector_setup import poll_sources
from fakes.model_samples import NOON


def test_a_name_outright_is_read_and_one_that_the_org_lacks_is_reported(watch):
    """A glob is about the objects that we know."""
    named = watch(stored_events={"objects": ["LoginHistory", "Nowhere__b", "Profil*"]})

    assert "does not show Nowhere__b to this user" in named.poll_for_problems()
    polls = {one.stream.name: one.state for one in poll_sources(named.collector)}
    assert {"LoginHistory": "failed", "Nowhere__b": "unavailable"} == polls


def test_it_is_collected_like_any_other(watch, clock):
    named = watch(stored_events={"objects": ["Profile"]})
    named.store.add_rows(
        "Profile", {"Id": "00e000000000001AAA", "Name": "Odd", "CreatedDate": NOON}
    )
    clock.advance_by(minutes=5)
    for _ in range(2):
        named.poll_sources()

    columns = "event_uid, source, event_type, time, detail"
    expected = ("00e000000000001AAA", "stored_events", "Profile", NOON, "Odd")
    assert [expected] == named.list_events("Profile", columns)


ANOMALY = {"Id": "0eR000000000001AAA", "EventDate": NOON, "CreatedDate": NOON}
EVENT = {"EventIdentifier": "e1", "EventDate": NOON, "CreatedDate": NOON}


@pytest.mark.parametrize(
    ("name", "rows", "field", "order"),
    [
        ("LogoutEvent", [EVENT], "EventDate", "DESC"),
        ("LogoutEvent", [], "EventDate", "DESC"),
        ("ApiAnomalyEventStore", [ANOMALY], "CreatedDate", "ASC"),
        ("ApiAnomalyEventStore", [], "EventDate", "DESC"),
        ("SetupAuditTrail", [], "CreatedDate", "ASC"),
    ],
    ids=["one id", "one id, empty", "ids of their own", "still empty", "no EventDate"],
)
def test_how_it_is_read_is_told_by_its_fields_and_ids(watch, name, rows, field, order):
    named = watch(stored_events={})
    named.store.add_rows(name, *rows)

    found = named_objects.choose_window_query(named.collector.pollers[0].context, name)

    assert (name, field, order) == (found.name, found.time_field, found.order)
