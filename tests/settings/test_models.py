"""The defaults work, everything is frozen, and a program may build what a file may say."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from collector.app.configuration import SETTINGS_MODELS
from collector.channels.email.settings import EmailSettings
from collector.channels.slack.settings import SlackSettings
from collector.channels.terminal.settings import TerminalSettings
from collector.model import Severity
from collector.settings import ClientCredentialsAuth, RouteSettings, RulesSettings, Secret
from collector.sources.event_log_file import EventLogFileSettings
from collector.sources.login_history import LoginHistorySettings
from collector.sources.setup_audit_trail import SetupAuditTrailSettings
from collector.sources.stored_events import StoredEventsSettings
from fakes.settings_models import list_models

MODELS = list_models()
Settings, OrgSettings, SourcesSettings = (
    SETTINGS_MODELS.root,
    SETTINGS_MODELS.org,
    SETTINGS_MODELS.sources,
)


def test_the_defaults_are_those_that_the_reference_names(load_text, minimal, tmp_path):
    assert load_text(minimal).settings == Settings(
        state_dir=tmp_path / "state",
        database_url=None,
        orgs=(
            OrgSettings(
                name="acme",
                login_url="https://acme.my.salesforce.com",
                auth=ClientCredentialsAuth(
                    client_id="id", client_secret=Secret("canary-client-secret")
                ),
                api_version=None,
                ca_file=None,
                sources=SourcesSettings(
                    event_log_file=EventLogFileSettings(
                        every=timedelta(minutes=10),
                        interval="auto",
                        event_types=("*",),
                        settle=timedelta(minutes=5),
                        lookback=timedelta(hours=24),
                    ),
                    stored_events=StoredEventsSettings(
                        every=timedelta(minutes=1),
                        objects=("*",),
                        overlap=timedelta(minutes=10),
                        lookback=timedelta(hours=24),
                    ),
                    setup_audit_trail=SetupAuditTrailSettings(
                        every=timedelta(minutes=1),
                        overlap=timedelta(minutes=10),
                        lookback=timedelta(hours=24),
                    ),
                    login_history=LoginHistorySettings(
                        every=timedelta(minutes=5),
                        overlap=timedelta(minutes=10),
                        lookback=timedelta(hours=24),
                    ),
                ),
            ),
        ),
        rules=RulesSettings(paths=(), disable=()),
        channels={},
        routes=(),
    )


def test_a_mail_channel_needs_a_server_and_two_addresses():
    channel = EmailSettings(host="smtp.acme.com", sender="a@acme.com", to=("b@acme.com",))

    assert (channel.port, channel.tls, channel.allow_plaintext) == (587, "starttls", False)
    assert (channel.username, channel.password, channel.ca_file) == (None, None, None)


def test_a_route_takes_everything_and_stops_there():
    route = RouteSettings(channels=("a",))

    assert (
        route.min_severity,
        route.rules,
        route.orgs,
        route.proceed,
    ) == (Severity.INFORMATIONAL, (), (), False)


@pytest.mark.parametrize("model", MODELS)
def test_every_model_is_frozen_strict_and_silent(model):
    config = model.model_config

    assert config["frozen"]
    assert config["extra"] == "forbid"
    assert config["hide_input_in_errors"]


def test_there_are_models_to_look_at():
    assert {Settings, OrgSettings, EmailSettings, RouteSettings} < set(MODELS)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("false", None),
        ("true", LoginHistorySettings()),
        ("{}", LoginHistorySettings()),
        ("", LoginHistorySettings()),
        ("{every: 2h}", LoginHistorySettings(every=timedelta(hours=2))),
        ("{every: }", LoginHistorySettings()),
    ],
)
def test_a_source_is_turned_off_by_false_alone(load_text, minimal, written, expected):
    text = minimal + f"    sources: {{login_history: {written}}}"
    [org] = load_text(text).settings.orgs

    assert expected == org.sources.login_history
    assert StoredEventsSettings() == org.sources.stored_events


def test_a_program_turns_a_source_off_by_none():
    assert SourcesSettings(login_history=None).login_history is None


def test_a_key_without_a_value_means_its_default(load_text, minimal):
    text = minimal + "    api_version:\n    sources:\nrules:\nchannels:\nroutes:\nstate_dir:\n"

    assert load_text(minimal) == load_text(text)


@pytest.mark.parametrize(
    ("written", "host"), [("none", "127.0.0.1"), ("none", "localhost"), ("none", "::1")]
)
def test_mail_stays_unencrypted_on_this_machine(written, host):
    channel = EmailSettings(host=host, tls=written, sender="a@b", to=("c@d",))

    assert written == channel.tls


def test_mail_may_cross_the_network_unencrypted_if_somebody_says_so():
    channel = EmailSettings(
        host="h.acme.com", tls="none", allow_plaintext=True, sender="a@b", to=("c@d",)
    )

    assert channel.tls == "none"


def test_mail_does_not_cross_the_network_unencrypted_otherwise():
    with pytest.raises(ValidationError, match="unencrypted"):
        EmailSettings(host="h.acme.com", tls="none", sender="a@b", to=("c@d",))


def test_a_program_may_leave_out_the_type(load_text, minimal):
    text = minimal + (
        "channels:\n"
        "  a: {type: slack, webhook_url: '${env:URL}'}\n"
        "  b: {type: email, host: '::1', tls: none, from: a@b, to: [c@d], ca_file: ca.pem}\n"
        "  c: {type: terminal}\n"
    )
    settings = load_text(text, {"URL": "https://hooks.example.com/x"}).settings
    folder = settings.state_dir.parent

    assert settings.channels == {
        "a": SlackSettings(webhook_url=Secret("https://hooks.example.com/x")),
        "b": EmailSettings(
            host="::1", tls="none", sender="a@b", to=("c@d",), ca_file=folder / "ca.pem"
        ),
        "c": TerminalSettings(),
    }


def test_paths_of_a_program_stay_as_they_are():
    assert RulesSettings(paths=(Path("a"),)).paths == (Path("a"),)


def test_editors_get_a_schema():
    assert "orgs" in Settings.model_json_schema()["required"]
