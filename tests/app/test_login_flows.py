"""The whole path with every way in: refused orgs say why, heal, and give no secret away."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from collector.app.configuration import read_configuration
from collector.app.single_pass import run_once
from collector.app.wiring import open_collector
from collector.cli import cli
from collector.demo import ConnectedApp, EmbeddedOrg, OrgStore
from collector.store import ledger

pytestmark = pytest.mark.slow

SECRETS = {
    "client_secret": "CanaryClientSecret",
    "refresh_token": "CanaryRefreshToken",
    "password": "CanaryPassword",
    "security_token": "CanarySecurityToken",
}
AUTHS = {
    "client_credentials": {"client_secret": "${env:client_secret}"},
    "refresh_token": {"refresh_token": "${env:refresh_token}"},
    "password": {
        "client_secret": "${env:client_secret}",
        "username": "collector@acme.com",
        "password": "${env:password}",
        "security_token": "${env:security_token}",
    },
}
TOKEN = "/services/oauth2/token"


@pytest.fixture
def org():
    with EmbeddedOrg(OrgStore(), application=ConnectedApp(rotates=True, **SECRETS)) as org:
        yield org


@pytest.fixture
def settings(org, tmp_path):
    def settings(flow):
        auth = {"flow": flow, "client_id": org.application.client_id, **AUTHS[flow]}
        listed = [{"name": "acme", "login_url": org.base_url, "auth": auth}]
        path = tmp_path / "collector.yaml"
        path.write_text(json.dumps({"state_dir": "state", "orgs": listed}))
        return read_configuration(path, SECRETS).settings

    return settings


def one_pass(settings):
    """What a process says of one pass, and the states of its polls."""
    with open_collector(settings) as collector:
        result = run_once(collector)
        with collector.database.read() as connection:
            polls = ledger.list_poll_statuses(connection)
    return result.problems, {poll.state for poll in polls}


def test_an_org_that_refuses_us_in_the_middle_says_so_of_the_stream(org, settings):
    with open_collector(settings("client_credentials")) as collector:
        assert run_once(collector).problems == ()
        org.revoke_approval()
        problems = run_once(collector).problems
        with collector.database.read() as connection:
            failed = [
                poll for poll in ledger.list_poll_statuses(connection) if poll.state == "failed"
            ]

    assert "approve the user for the app" in problems[0]
    assert [problems[0].removeprefix("acme: ")] == [poll.reason for poll in failed]


def logins(org):
    return sum(visit.path == TOKEN for visit in org.request_log)


@pytest.mark.parametrize("flow", AUTHS)
def test_an_org_that_refuses_us_says_why_and_heals_when_it_takes_us_again(org, settings, flow):
    org.revoke_approval()
    problems, states = one_pass(settings(flow))
    assert "approve the user for the app" in problems[0]
    assert states == {"failed"}

    org.restore_approval()
    problems, states = one_pass(settings(flow))
    assert problems == ()
    assert "failed" not in states


@pytest.mark.parametrize("flow", ["client_credentials", "password"])
def test_a_process_that_is_started_over_and_over_again_does_not_lock_the_user(org, settings, flow):
    org.revoke_approval()
    for _ in range(6):
        problems, _ = one_pass(settings(flow))
        assert "approve the user for the app" in problems[0]

    assert logins(org) == (2 if flow == "password" else 4)
    assert "the next login waits until" in problems[0]


@pytest.mark.parametrize("flow", AUTHS)
def test_no_secret_leaves_the_folder_of_the_tokens(org, settings, flow, tmp_path, capfd):
    chosen = settings(flow)
    for act in (org.restore_approval, org.revoke_approval, org.restore_approval, org.expire_tokens):
        act()
        problems, _ = one_pass(chosen)
    told = capfd.readouterr()
    state = tmp_path / "state"
    stored = state / "tokens" / "acme"
    newest = [json.loads(stored.read_bytes())["refresh_token"]] if stored.exists() else []
    canaries = [*SECRETS.values(), *newest, "00D5f000005uVo7!"]

    assert bool(newest) == (flow == "refresh_token")
    everything = f"{problems} {told.out} {told.err} {chosen!r}".encode()
    files = [path for path in state.rglob("*") if path.is_file() and path.parent != stored.parent]
    assert len(files) > 1
    everything += b"".join(path.read_bytes() for path in files)
    assert [canary for canary in canaries if canary.encode() in everything] == []
    failures = (state / "tokens" / "acme.failures").read_text()
    assert [canary for canary in canaries if canary in failures] == []


def check(tmp_path):
    """What `collector check` prints."""
    arguments = ["check", "-c", str(tmp_path / "collector.yaml")]
    return CliRunner().invoke(cli, arguments, env=SECRETS).output


def test_check_before_the_first_run_leaves_nothing_behind(org, settings, tmp_path):
    settings("client_credentials")

    assert org.base_url in check(tmp_path)
    assert not (tmp_path / "state").exists()


def test_check_and_the_daemon_share_a_refresh_token_that_rotates(org, settings, tmp_path):
    chosen = settings("refresh_token")
    for _ in range(2):
        assert org.base_url in check(tmp_path)
        problems, _ = one_pass(chosen)
        assert problems == ()


def test_check_and_the_daemon_share_a_budget(org, settings, tmp_path):
    chosen = settings("client_credentials")
    org.revoke_approval()
    for _ in range(4):
        one_pass(chosen)
        said = check(tmp_path)

    assert logins(org) == 4
    assert "approve the user for the app" in said
    assert "the next login waits until" in said
