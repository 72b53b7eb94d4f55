"""A new kind of source is a file with a spec and one line: every room knows it by that."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from collector.app.configuration import read_configuration
from collector.app.wiring import open_collector
from collector.channels.registry import CHANNELS
from collector.collection.backfill import Backfill
from collector.demo import EmbeddedOrg, OrgBehaviour, OrgStore
from collector.detect import RuleSet
from collector.errors import SettingsError
from collector.model import Stream
from collector.preflight.checks import examine_org
from collector.rules.coverage import OrgView, RuleStanding, compute_coverage, list_rule_needs
from collector.settings import compose_settings, read_settings
from collector.settings.values import Period
from collector.sources import SOURCES, Lane, SourceSpec
from collector.sources.availability import probe_object
from collector.sources.query_window import WindowQuery
from collector.sources.query_windows import WindowSettings
from collector.sources.single_object import SingleObjectReader
from collector.sources.spec import SuppliedTypes
from collector.store import ledger, stream_coverage
from fakes.collector_setup import DAY, HOUR, list_stored_values, poll_sources, write_config
from fakes.model_samples import build_rule
from fakes.polling_bench import sum_calls_by_source

# ---- the file


class NewUsersSettings(WindowSettings):
    """Users, when they are made."""

    every: Period = timedelta(minutes=5)


SPEC = SourceSpec(
    kind="new_users",
    settings=NewUsersSettings,
    build=lambda settings: SingleObjectReader(
        "new_users",
        WindowQuery(name="User", time_field="CreatedDate", order="ASC"),
        settings,
        needs="the permission 'View All Users'",
    ),
    event_types=SuppliedTypes(names=frozenset({"User"})),
    windowed=True,
    backfillable=True,
    value_rank=15,
    lane=Lane.URGENT,
    probe=probe_object,
    permissions=("View All Users",),
)

# ---- the line

SPECS = (*SOURCES, SPEC)
MODELS = compose_settings(sources=SPECS, channels=[spec.settings for spec in CHANNELS])


NOW = datetime.now(UTC).replace(microsecond=0)
STREAM = Stream(org="acme", source="new_users", name="User")
RULE = build_rule(name="new-user", event_types=("User",))


def build_user(number, age):
    return {"Id": f"005{number:012}AAA", "Username": f"u{number}@x.com", "CreatedDate": NOW - age}


@contextmanager
def serve_users(**options):
    store = OrgStore()
    store.add_rows("User", *(build_user(number, number * HOUR) for number in range(1, 60)))
    with EmbeddedOrg(store, **options) as org:
        yield org


@contextmanager
def open_with_toy(directory, org):
    path = write_config(directory, org, new_users={})
    settings = read_settings(path, {}, model=MODELS.root).settings
    with open_collector(settings, source_specs=SPECS) as collector:
        yield collector


@pytest.fixture
def org():
    with serve_users() as served:
        yield served


def test_it_is_configured(tmp_path, org):
    path = write_config(tmp_path, org, new_users={"every": "2m", "lookback": "3d"})
    [read] = read_settings(path, {}, model=MODELS.root).settings.orgs

    assert NewUsersSettings(every=timedelta(minutes=2), lookback=3 * DAY) == SPEC.find_settings(
        read.sources
    )
    assert NewUsersSettings() == SPEC.find_settings(MODELS.sources())


def test_what_is_wrong_with_its_settings_is_said_as_of_all_others(tmp_path, org):
    path = write_config(tmp_path, org, new_users={"evry": "2m"})

    with pytest.raises(SettingsError, match=r"unknown key 'evry', did you mean 'every'\?"):
        read_settings(path, {}, model=MODELS.root)
    with pytest.raises(SettingsError, match="unknown key 'new_users'"):
        read_configuration(path, {})


def test_it_is_polled(tmp_path, org):
    with open_with_toy(tmp_path, org) as collector:
        [polled] = poll_sources(collector)

        assert (STREAM, "ok", 23) == (polled.stream, polled.state, polled.rows)
    assert 23 == len(list_stored_values(tmp_path, "event_uid"))


@pytest.mark.slow
def test_its_calls_are_counted_and_it_is_asked_less_often_where_they_are_short(tmp_path):
    with (
        serve_users(behaviour=OrgBehaviour(daily_call_limit=1_000)) as org,
        open_with_toy(tmp_path, org) as collector,
    ):
        [poller] = collector.pollers
        [source] = poller.sources
        poll_sources(collector)

        # 288 polls a day do not fit into 100 calls.
        assert poller.api_budget.compute_interval(source) > 2 * source.poll_interval
        with collector.database.read() as connection:
            spent = sum_calls_by_source(connection, "acme", now=datetime.now(UTC))
        assert {"new_users"} == set(spent)
        for _ in range(100):
            poll_sources(collector)
        [polled] = poll_sources(collector)
        assert "paused" == polled.state


def test_it_is_checked(tmp_path, org):
    with open_with_toy(tmp_path, org) as collector:
        [poller] = collector.pollers
        found = {each.subject: each for each in examine_org(poller.context, poller.sources)}

    assert ("ok", "readable, and has rows") == (
        found["acme/new_users/User"].level,
        found["acme/new_users/User"].message,
    )


def test_what_it_lacks_is_said(tmp_path):
    with (
        serve_users(behaviour=OrgBehaviour(missing=frozenset({"User"}))) as org,
        open_with_toy(tmp_path, org) as collector,
    ):
        [polled] = poll_sources(collector)

    assert "unavailable" == polled.state
    assert "'View All Users'" in polled.reason


def test_its_past_is_read_and_its_windows_leave_no_gap(tmp_path, org):
    with open_with_toy(tmp_path, org) as collector:
        poll_sources(collector)
        [poller] = collector.pollers
        backfill = Backfill(
            context=poller.context,
            api_budget=poller.api_budget,
            database=collector.database,
            pipeline=collector.pipeline,
            since=NOW - 10 * DAY,
            stop_event=collector.stop_event,
        )
        steps = list(backfill.run(poller.sources))
        with collector.database.read() as connection:
            covered = [
                span
                for spans in stream_coverage.list_org_coverage(connection, org="acme").values()
                for span in spans
            ]

    assert [] == [step.problem for step in steps if step.problem]
    assert 59 == len(list_stored_values(tmp_path, "event_uid"))
    [whole] = stream_coverage.merge_spans(covered)
    assert whole.start <= NOW - 10 * DAY


def test_a_rule_over_what_it_brings_is_covered(tmp_path, org):
    def state_of(collector, **known):
        with collector.database.read() as connection:
            polls = ledger.list_poll_statuses(connection, org="acme")
        view = OrgView(org="acme", polls=polls, source_specs=SPECS, **known)
        [standing] = compute_coverage(RuleSet(rules=(RULE,)), view)
        return standing.state, dict(standing.reasons)

    off = MODELS.sources.model_validate({"new_users": False})
    with open_with_toy(tmp_path, org) as collector:
        [configured] = collector.settings.orgs
        assert (RuleStanding.BLIND, {"User": "its source new_users is switched off"}) == state_of(
            collector, seen_types=frozenset(), sources=off
        )
        poll_sources(collector)
        assert (RuleStanding.WAITS, {"User": "no event so far"}) == state_of(
            collector, seen_types=frozenset(), sources=configured.sources
        )
        assert (RuleStanding.FIRES, {}) == state_of(
            collector, seen_types=frozenset({"User"}), sources=configured.sources
        )
    [need] = list_rule_needs(RULE, RuleSet(rules=(RULE,)), SPECS)
    assert ("new_users", "'View All Users'") == (need.source, str(need))
