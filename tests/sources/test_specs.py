"""What holds for every source, whatever it reads."""

from __future__ import annotations

from importlib import import_module

import pytest

from collector import normalize
from collector.app.configuration import SETTINGS_MODELS
from collector.demo import EmbeddedOrg, InjectedFault, OrgBehaviour, OrgStore
from collector.demo.sobjects import SOBJECTS
from collector.health.health_events import HEALTH_EVENT_TYPE
from collector.model import Stream
from collector.sources import SOURCES, UnavailableStream, event_log_file
from collector.sources.spec import LOWEST_VALUE_RANK
from collector.store import stream_coverage
from fakes.polling_bench import open_polling_bench

every_source = pytest.mark.parametrize("spec", SOURCES, ids=lambda spec: spec.kind)

BROUGHT_BY_NO_SOURCE = {
    **dict.fromkeys(normalize.DERIVED_EVENT_TYPES, "it is computed from others"),
    HEALTH_EVENT_TYPE: "the collector says it of itself",
}

EVERYTHING = {spec.kind: {} for spec in SOURCES}


@every_source
def test_all_of_a_source_stands_in_the_file_that_is_called_by_it(spec):
    module = import_module(f"collector.sources.{spec.kind}")

    assert module.SPEC is spec
    assert module.__name__ == spec.settings.__module__ == spec.build.__module__


def test_a_source_is_configured_under_its_kind_and_is_on_unless_its_spec_says_otherwise():
    defaults = SETTINGS_MODELS.sources()

    assert [spec.kind for spec in SOURCES] == list(SETTINGS_MODELS.sources.model_fields)
    assert {spec.kind for spec in SOURCES if spec.on_by_default} == {
        spec.kind for spec in SOURCES if spec.find_settings(defaults)
    }


@every_source
def test_every_key_of_its_settings_has_a_default(spec):
    assert [] == [name for name, field in spec.settings.model_fields.items() if field.is_required()]


@pytest.mark.parametrize("name", sorted(normalize.list_event_types()))
def test_a_documented_event_type_is_brought_by_one_source_or_by_none_for_a_reason(name):
    family = normalize.find_family(name)
    suppliers = [
        spec
        for spec in SOURCES
        if name in spec.event_types.names or family is spec.event_types.family
    ]

    assert 1 == len(suppliers) + (name in BROUGHT_BY_NO_SOURCE)


@every_source
def test_what_a_source_says_of_types_is_said_of_types_that_it_brings(spec):
    named = {*spec.event_types.names, *spec.extra_permissions, *spec.unlicensed_types}

    assert {spec.event_types.family or "object"} >= {normalize.find_family(name) for name in named}


def test_value_ranks_are_distinct_and_within_their_bounds():
    ranks = sorted(spec.value_rank for spec in SOURCES)

    assert len(ranks) == len(set(ranks))
    assert (0, LOWEST_VALUE_RANK) == (ranks[0], ranks[-1])


@every_source
def test_scarce_calls_never_make_a_source_be_asked_more_often(spec):
    assert spec.max_stretch >= 1


def test_streams_carry_the_kind_of_their_source_and_can_be_probed(tmp_path):
    with EmbeddedOrg(OrgStore()) as org, open_polling_bench(tmp_path, org, EVERYTHING) as bench:
        context = bench.poller.context
        for source in bench.poller.sources:
            found = source.reader.list_streams(context)
            streams = [stream for stream in found if isinstance(stream, Stream)]

            assert {source.kind} == {stream.source for stream in streams}
            assert all(source.spec.probe(context, stream).message for stream in streams)


def test_a_stream_that_is_unavailable_names_a_permission_of_its_source(tmp_path):
    nothing = OrgBehaviour(missing=frozenset(each.name for each in SOBJECTS.values()))
    refusal = InjectedFault(
        address_pattern="/(jobs|limits)",
        times=None,
        status=403,
        body=[{"errorCode": "FUNCTIONALITY_NOT_ENABLED", "message": "no"}],
    )
    with (
        EmbeddedOrg(OrgStore(), behaviour=nothing) as org,
        open_polling_bench(tmp_path, org, EVERYTHING) as bench,
    ):
        org.inject_faults(refusal)
        for source in bench.poller.sources:
            for stream in source.reader.list_streams(bench.poller.context):
                assert isinstance(stream, UnavailableStream)
                assert source.spec.permissions
                assert all(f"'{name}'" in stream.reason for name in source.spec.permissions)
                assert source.spec.kind == event_log_file.KIND or (
                    source.spec.licence in stream.reason
                )


def test_a_source_is_windowed_if_what_it_has_read_is_told_by_windows(tmp_path):
    with EmbeddedOrg(OrgStore()) as org, open_polling_bench(tmp_path, org, EVERYTHING) as bench:
        bench.poll_sources()
        with bench.poller._database.read() as connection:
            covered = stream_coverage.list_org_coverage(connection, org="acme")
        streams = [
            stream
            for source in bench.poller.sources
            for stream in source.reader.list_streams(bench.poller.context)
        ]

    assert {spec.kind for spec in SOURCES if spec.windowed} == {
        stream.source for stream in streams if stream in covered
    }
