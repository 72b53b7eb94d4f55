"""What it takes to read events of each type."""

from __future__ import annotations

import pytest

from collector import normalize
from collector.detect import RuleSet
from collector.normalize.derived_types import expand_derived_types
from collector.rules.coverage import find_requirement, list_rule_needs
from collector.sources import SOURCES
from collector.sources.event_log_file import UNLICENSED_TYPES
from collector.sources.stored_events import BIG_OBJECTS, STANDARD_OBJECTS
from fakes.model_samples import build_rule


def list_needs(*event_types):
    return list_rule_needs(build_rule(event_types=event_types), RuleSet(rules=()))


def test_every_documented_type_but_derived_ones_needs_something_known():
    for name in normalize.list_event_types() - normalize.DERIVED_EVENT_TYPES.keys():
        found = find_requirement(name)
        assert name == found.event_type
        assert found.source in {*(spec.kind for spec in SOURCES), ""}
        assert str(found)


def test_a_free_log_file_needs_no_licence_and_the_others_do():
    assert "'View Event Log Files'" == str(find_requirement("Login"))
    assert "Shield or the Event Monitoring add-on, 'View Event Log Files'" == str(
        find_requirement("RestApi")
    )
    assert all(normalize.find_family(name) == "elf" for name in UNLICENSED_TYPES)


@pytest.mark.parametrize("name", [*STANDARD_OBJECTS, *BIG_OBJECTS])
def test_a_stored_event_needs_storing_and_its_permission(name):
    found = find_requirement(name)

    assert ("stored_events", True) == (found.source, found.storing)
    assert found.licence
    assert "View Real-Time Event Monitoring Data" in found.permissions


def test_what_needs_more_says_so():
    assert "Customize Application" in find_requirement("IdentityProviderEventStore").permissions
    assert ("Customize Application",) == find_requirement("OauthTokenGranted").permissions
    assert "nothing" == str(find_requirement("CollectorHealth"))


def test_a_derived_type_needs_what_it_is_made_of():
    assert ("BulkApi2", "BulkApi", "BulkJobInfo", "Login") == expand_derived_types(
        ("BulkJob", "Login")
    )
    assert ["bulk_jobs"] == [each.source for each in list_needs("BulkJobInfo", "BulkJob")][:1]
    assert find_requirement("BulkJob") is None


def test_nothing_is_known_of_a_type_that_nobody_documents():
    assert [] == list_needs("Novelty")
