"""How long things are kept, and what does not go together."""

from __future__ import annotations

from datetime import timedelta

import pytest

from collector.app.configuration import read_configuration
from collector.settings import ArchiveSettings

DAY = timedelta(days=1)


def test_the_time_of_a_type_is_that_of_its_name_then_of_the_first_glob_then_all_others():
    settings = ArchiveSettings.model_validate(
        {"retention": "365d", "by_type": {"Api*": "90d", "ApiEvent": "180d", "*": "200d"}}
    )

    days = [settings.find_time(name).days for name in ("ApiEvent", "ApiTotalUsage", "Login")]
    assert [180, 90, 200] == days
    assert 365 == ArchiveSettings().find_time("Login").days
    assert (365, 730) == (settings.longest_time.days, settings.alert_time.days)


def test_alerts_are_kept_at_least_as_long_as_events_unless_it_is_said():
    assert 1000 == ArchiveSettings(retention=1000 * DAY).alert_time.days


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        (
            "archive: {retention: 0d}",
            "5:22: 'retention' must be at least 1d: whole days are kept",
        ),
        (
            "archive: {alerts: 100d, by_type: {Login: 400d}}",
            (
                "5:19: 'alerts' must be at least 400d, as long as the events: one that is matched"
                " again would be told again"
            ),
        ),
    ],
)
def test_what_cannot_be_kept_so_is_said_where_it_stands(problems_of, minimal, rest, expected):
    assert [f"collector.yaml:{expected}"] == problems_of(minimal + rest)


def test_nothing_is_kept_for_less_time_than_a_source_looks_back(problems_of, minimal):
    looks_back = minimal.rstrip("\n") + "\n    sources: {stored_events: {lookback: 60d}}\n"
    text = looks_back + "archive:\n  retention: 59d\n  by_type: {Login: 60d, ApiEvent: 30d}\n"

    assert problems_of(text) == [
        f"collector.yaml:{place}: {name} must be at least 60d, as far as stored_events of acme"
        " looks back: what is older would be removed, and read again"
        for place, name in (("7:3", "'retention'"), ("8:25", "'ApiEvent'"))
    ]


def test_a_name_that_no_known_type_has_is_a_warning_with_the_nearest(tmp_path, minimal):
    path = tmp_path / "collector.yaml"
    path.write_text(minimal + "archive: {by_type: {ApiTotalUsag: 90d, 'Login*': 90d}}")

    [warning] = read_configuration(path, {"CLIENT_SECRET": "x"}).warnings
    assert (5, 21) == (warning.line, warning.column)
    assert (
        "no event type is known as 'ApiTotalUsag', did you mean 'ApiTotalUsage'?" == warning.message
    )
