"""Which channels hear of an alert."""

import pytest

from collector.alerting import select_channels
from collector.model import Route, Severity
from fakes.model_samples import build_alert

LOUD = Route(channels=("oncall", "chat"), min_severity=Severity.HIGH)
REST = Route(channels=("chat",))


@pytest.mark.parametrize(
    ("routes", "severity", "expected"),
    [
        ((), Severity.LOW, ("chat", "mail")),
        ((LOUD, REST), Severity.CRITICAL, ("oncall", "chat")),
        ((LOUD, REST), Severity.HIGH, ("oncall", "chat")),
        ((LOUD, REST), Severity.MEDIUM, ("chat",)),
        ((LOUD,), Severity.LOW, ()),
        ((Route(channels=("a",), continue_matching=True), REST), Severity.LOW, ("a", "chat")),
        ((Route(channels=("a",), rules=("odd-*",)), REST), Severity.LOW, ("a",)),
        ((Route(channels=("a",), rules=("even-*",)), REST), Severity.LOW, ("chat",)),
        ((Route(channels=("a",), orgs=("other",)), REST), Severity.LOW, ("chat",)),
        (
            (Route(channels=("chat",), continue_matching=True), REST),
            Severity.LOW,
            ("chat",),
        ),
    ],
)
def test_the_first_route_that_fits_wins_unless_it_proceeds(routes, severity, expected):
    assert expected == select_channels(build_alert(severity=severity), routes, ("chat", "mail"))
