"""The thefts of 2024 to 2026 after weeks of ordinary work: what must be told, and how soon."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from collector.model import Severity
from fakes.month.calendar import OrdinaryMonth
from fakes.month.campaigns import CAMPAIGNS
from fakes.month.life import live_through_campaigns

pytestmark = pytest.mark.slow

FIRST_DAY = datetime(2026, 3, 2, tzinfo=UTC)
LEARNING_DAYS = 16

INFORMATIONAL, LOW, MEDIUM = Severity.INFORMATIONAL, Severity.LOW, Severity.MEDIUM
HIGH, CRITICAL = Severity.HIGH, Severity.CRITICAL

# By theft and rule, the severity and the most minutes from its begin. Log files are read up to four
# hours late, and a pass is made every half hour: what comes within an hour is told by records.
REQUIRED = {
    "UNC6040, look-alike app": {
        "app-name-lure": (HIGH, 30),
        "login-new-app": (HIGH, 30),
        "app-name-lure-then-read": (CRITICAL, 60),
        "bulk-result-download": (HIGH, 60),
        "bulk-api-job": (HIGH, 90),
    },
    "UNC6395, Drift": {
        "oauth-refresh-new-address": (HIGH, 30),
        "login-ioc-ip": (HIGH, 30),
        "login-tor-or-anon-ip": (CRITICAL, 30),
        "user-agent-ioc": (HIGH, 30),
        "soql-count-recon": (LOW, 30),
        "soql-user-dump": (HIGH, 30),
        "data-theft-chain": (CRITICAL, 90),
        "bulk-job-removed": (MEDIUM, 300),
        "bulk-api-job": (CRITICAL, 300),
        "cli-activity": (CRITICAL, 300),
    },
    "Gainsight": {
        "login-ioc-ip": (CRITICAL, 30),
        "oauth-refresh-new-address": (HIGH, 30),
        "app-new-address": (HIGH, 30),
        "app-new-object": (HIGH, 30),
    },
    "Klue": {
        "login-ioc-ip": (CRITICAL, 30),
        "app-new-address": (HIGH, 30),
        "rows-read-sum": (HIGH, 60),
        "querymore-paging": (MEDIUM, 60),
    },
    "guest Aura": {
        "guest-aura-burst": (LOW, 240),
        "guest-aura-controllers": (HIGH, 240),
        "guest-graphql-paging": (HIGH, 240),
    },
    "insider": {
        "report-export-many": (MEDIUM, 60),
        "report-export-large": (CRITICAL, 60),
    },
    "takeover through Setup": {
        "account-takeover-changes": (HIGH, 30),
        "admin-assigned": (HIGH, 30),
        "high-risk-permission": (CRITICAL, 30),
        "api-access-control-off": (CRITICAL, 30),
        "logging-or-policy-disabled": (CRITICAL, 30),
    },
    "SSO vishing": {
        "login-new-country": (INFORMATIONAL, 30),
        "sso-new-country-then-export": (MEDIUM, 30),
        "sso-new-device-then-export": (LOW, 240),
    },
    "ForcedLeak": {
        "agent-reads-new-object": (MEDIUM, 30),
        "app-new-object": (MEDIUM, 30),
        "oauth-refresh-new-address": (MEDIUM, 30),
    },
}


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """By theft, its alerts, each with how long after the theft's begin it came."""
    month = OrdinaryMonth(FIRST_DAY, staff_count=30, rarer_calls=40)
    folder = tmp_path_factory.mktemp("campaigns")
    return live_through_campaigns(month, folder, learning_days=LEARNING_DAYS)


@pytest.mark.xdist_group("campaigns")
@pytest.mark.parametrize("name", CAMPAIGNS)
def test_a_theft_is_told_in_time(found, name):
    late = [
        f"{rule}: {severity} within {minutes} min"
        for rule, (severity, minutes) in REQUIRED[name].items()
        if not any(
            alert.rule == rule
            and alert.severity == severity
            and delay <= timedelta(minutes=minutes)
            for alert, delay in found[name]
        )
    ]
    told = [f"{alert.rule}: {alert.severity}, {delay}" for alert, delay in found[name]]

    assert [] == late, told
