"""What it takes to read events of each type."""

from __future__ import annotations

import pytest

from collector import normalize
from collector.normalize.needs import FREE_FILES, need, needs, stored
from collector.sources import KINDS
from collector.sources.stored_events import BIG_OBJECTS, STANDARD_OBJECTS


def test_every_documented_type_but_derived_ones_needs_something_known():
    for name in normalize.event_types() - normalize.DERIVED.keys():
        found = need(name)
        assert name == found.event_type
        assert found.source in {*KINDS, ""}
        assert str(found)


def test_a_free_log_file_needs_no_licence_and_the_others_do():
    assert "'View Event Log Files'" == str(need("Login"))
    assert "Shield or the Event Monitoring add-on, 'View Event Log Files'" == str(need("RestApi"))
    assert all(normalize.family(name) == "elf" for name in FREE_FILES)


@pytest.mark.parametrize("name", [*STANDARD_OBJECTS, *BIG_OBJECTS])
def test_a_stored_event_needs_storing_and_its_permission(name):
    found = need(name)

    assert ("stored_events", True) == (found.source, found.storing)
    assert found.licence
    assert "View Real-Time Event Monitoring Data" in found.permissions


def test_what_needs_more_says_so():
    assert "Customize Application" in need("IdentityProviderEventStore").permissions
    assert ("Customize Application",) == need("OauthTokenGranted").permissions
    assert "nothing" == str(need("CollectorHealth"))


def test_a_derived_type_needs_what_it_is_made_of():
    assert ("BulkApi2", "BulkApi", "BulkJobInfo", "Login") == stored(("BulkJob", "Login"))
    assert ["bulk_jobs"] == [each.source for each in needs(("BulkJobInfo", "BulkJob"))][:1]
    assert need("BulkJob") is None


def test_nothing_is_known_of_a_type_that_nobody_documents():
    assert [] == list(needs(("Novelty",)))
