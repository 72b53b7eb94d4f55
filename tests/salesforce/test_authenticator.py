"""The ways into a real org: every flow, wrong clocks, revoked apps, and tokens that die."""

from __future__ import annotations

import json
import threading
from contextlib import ExitStack, closing
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from collector.demo import ConnectedApp, EmbeddedOrg, InjectedFault, OrgBehaviour, OrgStore
from collector.demo.faults import build_expired_fault
from collector.errors import (
    LoginRefusedError,
    SalesforceError,
    SessionExpiredError,
    UnreachableError,
)
from collector.salesforce.client import SalesforceClient
from collector.salesforce.login_throttle import UNATTENDED_LIMITS, UNATTENDED_PASSWORD_LIMITS
from collector.salesforce.token_store import DiskTokenStore
from collector.settings import (
    ClientCredentialsAuth,
    JwtAuth,
    OrgSettings,
    PasswordAuth,
    RefreshTokenAuth,
    Secret,
)
from fakes.manual_clock import ManualClock
from fakes.salesforce import create_private_key, render_private_pem

TOKEN = "/services/oauth2/token"
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
AUDIENCE = "https://login.salesforce.com"
SECRETS = {
    "client_secret": "CanaryClientSecret",
    "refresh_token": "CanaryRefreshToken",
    "password": "CanaryPassword",
    "security_token": "CanarySecurityToken",
}
FLOWS = {
    "jwt": JwtAuth(
        client_id="app",
        username="collector@acme.com",
        private_key=Secret(render_private_pem()),
        audience=AUDIENCE,
    ),
    "client_credentials": ClientCredentialsAuth(
        client_id="app", client_secret=Secret(SECRETS["client_secret"])
    ),
    "refresh_token": RefreshTokenAuth(
        client_id="app", refresh_token=Secret(SECRETS["refresh_token"])
    ),
    "password": PasswordAuth(
        client_id="app",
        client_secret=Secret(SECRETS["client_secret"]),
        username="collector@acme.com",
        password=Secret(SECRETS["password"]),
        security_token=Secret(SECRETS["security_token"]),
    ),
}
PUBLIC = (
    create_private_key()
    .public_key()
    .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    .decode()
)


class World:
    """An org, our clock beside its clock, and clients that log in to it."""

    def __init__(self, stack, folder, *, behaviour=None, **application):
        self.theirs, self.ours = ManualClock(), ManualClock()
        self.folder = folder
        self._stack = stack
        options = {**SECRETS, "public_key": PUBLIC, **application}
        app = ConnectedApp(client_id="app", **options)
        self.org = stack.enter_context(
            EmbeddedOrg(
                OrgStore(),
                application=app,
                behaviour=behaviour or OrgBehaviour(),
                clock=self.theirs,
            )
        )

    def client(self, flow="client_credentials", **options):
        org = OrgSettings(name="acme", login_url=self.org.base_url, auth=FLOWS[flow])
        options = {"token_store": DiskTokenStore(self.folder), "now": self.ours, **options}
        return self._stack.enter_context(
            closing(SalesforceClient(org, retry_pause=(0.0, 0.0), **options))
        )

    def go(self, length):
        self.ours.advance_by(length)
        self.theirs.advance_by(length)

    @property
    def logins(self):
        """The statuses of all logins so far."""
        return [visit.status for visit in self.org.request_log if visit.path == TOKEN]


@pytest.fixture
def world(tmp_path):
    with ExitStack() as stack:
        yield lambda **options: World(stack, tmp_path / "tokens", **options)


@pytest.mark.parametrize("flow", FLOWS)
def test_every_flow_gets_in(world, flow):
    client = world().client(flow)

    assert "DailyApiRequests" in client.get_limits()


@pytest.mark.parametrize("flow", FLOWS)
def test_an_app_that_is_revoked_heals_when_access_returns(world, flow):
    there = world()
    client = there.client(flow)
    client.get_limits()
    there.org.revoke_approval()

    for _ in range(5):
        with pytest.raises(LoginRefusedError, match="approve the user for the app"):
            client.get_limits()
    assert there.logins == [200, 400], "it is not asked again at once"
    there.go(14 * MINUTE)
    there.org.restore_approval()
    with pytest.raises(
        LoginRefusedError, match="the next login waits until 2026-10-01 12:15:00 UTC"
    ):
        client.get_limits()

    there.go(MINUTE)
    assert "DailyApiRequests" in client.get_limits()
    assert there.logins == [200, 400, 200]


@pytest.mark.slow
@pytest.mark.parametrize("flow", FLOWS)
def test_hours_of_refusals_are_at_most_four_logins_each(world, flow):
    there = world()
    client = there.client(flow)
    there.org.revoke_approval()
    for _ in range(3):
        before = len(there.logins)
        for _ in range(60):
            with pytest.raises(LoginRefusedError):
                client.get_limits()
            there.go(MINUTE)
        assert len(there.logins) - before == 4


# ---- sessions


def test_a_token_that_dies_is_replaced_once_without_being_noticed(world):
    there = world()
    client = there.client()
    client.get_limits()
    there.org.expire_tokens()

    assert "DailyApiRequests" in client.get_limits()
    assert there.logins == [200, 200]


def test_a_token_that_dies_again_at_once_pauses_logins_and_nothing_else(world):
    there = world()
    client = there.client()
    client.get_limits()
    there.org.inject_faults(build_expired_fault("/query"))
    for _ in range(3):
        with pytest.raises(SessionExpiredError):
            next(client.query("SELECT Id FROM User"))
        assert "DailyApiRequests" in client.get_limits(), "whose token is good"
    assert there.logins == [200, 200]

    there.org.clear_faults()
    assert list(next(client.query("SELECT Id FROM User"))) == []


def test_tokens_that_die_after_an_answer_are_replaced_each_time(world):
    there = world()
    client = there.client()
    for _ in range(40):
        assert client.get_limits()
        there.org.expire_tokens()
        there.go(MINUTE)

    assert there.logins == [200] * 40


def test_tokens_that_die_before_an_answer_cost_four_logins_an_hour_and_one(world):
    there = world()
    client = there.client()
    there.org.inject_faults(build_expired_fault())
    for _ in range(2 * 60):
        with pytest.raises(SessionExpiredError, match="INVALID_SESSION_ID Session expired"):
            client.get_limits()
        there.go(MINUTE)

    assert there.logins == [200] * (2 * 4 + 1)


def test_two_threads_that_use_up_each_other_s_tokens_both_read_everything(world):
    there = world(behaviour=OrgBehaviour(token_uses=3))
    client = there.client()
    answers: list[dict[str, Any]] = []

    def read_often():
        answers.extend(client.get_limits() for _ in range(30))

    threads = [threading.Thread(target=read_often) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(answers) == 60
    assert 20 <= len(there.logins) <= 30


def test_an_endpoint_that_says_nothing_is_asked_at_growing_distances_by_all_processes(world):
    """A captive portal answers every form with a page, and 200."""
    there = world()
    there.org.inject_faults(
        InjectedFault(address_pattern=TOKEN, status=200, body="<html>Hotel", times=None)
    )
    for _ in range(4 * 60):
        client = there.client(login_limits=UNATTENDED_LIMITS)
        for _source in range(7):
            with pytest.raises(UnreachableError, match="the answer holds no token"):
                client.get_limits()
        there.go(timedelta(seconds=1))

    assert there.logins == [200] * 4
    there.org.clear_faults()
    there.go(4 * MINUTE)
    assert there.client(login_limits=UNATTENDED_LIMITS).get_limits()


def test_an_old_token_that_comes_to_life_again_needs_no_login(world):
    there = world()
    client = there.client()
    client.get_limits()
    there.org.revoke_approval()
    there.org.inject_faults(build_expired_fault())
    there.org.restore_approval()
    with pytest.raises(SessionExpiredError):
        client.get_limits()
    there.org.clear_faults()

    assert "DailyApiRequests" in client.get_limits()
    assert there.logins == [200, 200]


@pytest.mark.parametrize(
    "fault",
    [
        InjectedFault(address_pattern=TOKEN, status=503, body="<html>", times=None),
        InjectedFault(
            address_pattern=TOKEN, status=400, body={"error": "unknown_error"}, times=None
        ),
        InjectedFault(address_pattern=TOKEN, cut_after=3, times=None),
    ],
)
def test_an_outage_costs_nothing_of_the_budget(world, fault):
    there = world()
    there.org.inject_faults(fault)
    client = there.client()
    for _ in range(10):
        with pytest.raises(UnreachableError):
            client.get_limits()
    there.org.clear_faults()

    assert "DailyApiRequests" in client.get_limits()


# ---- clocks


@pytest.mark.parametrize("wrong", [-HOUR, -150 * timedelta(seconds=1), 2 * MINUTE, 3 * HOUR])
def test_an_assertion_of_a_wrong_clock_is_signed_once_more_with_the_org_s_time(world, wrong):
    there = world(audiences=frozenset({AUDIENCE}))
    there.ours.advance_by(wrong)
    client = there.client("jwt")

    assert "DailyApiRequests" in client.get_limits()
    assert there.logins == [400, 200]


def test_after_that_the_org_s_time_is_known(world):
    there = world()
    there.ours.advance_by(HOUR)
    client = there.client("jwt")
    client.get_limits()
    there.org.expire_tokens()
    client.get_limits()

    assert there.logins == [400, 200, 200]


@pytest.mark.parametrize(("wrong", "logins"), [(timedelta(0), [400]), (HOUR, [400, 400])])
def test_an_assertion_that_is_wrong_otherwise_is_not_signed_a_third_time(world, wrong, logins):
    there = world(public_key=None)
    there.ours.advance_by(wrong)

    with pytest.raises(LoginRefusedError, match="certificate"):
        there.client("jwt").get_limits()
    assert there.logins == logins


def test_another_refusal_has_nothing_to_do_with_the_clock(world):
    there = world(username="somebody@acme.com")
    there.ours.advance_by(HOUR)

    with pytest.raises(LoginRefusedError, match="pre-authorize"):
        there.client("jwt").get_limits()
    assert there.logins == [400]


# ---- refresh tokens that rotate


def test_a_token_that_rotates_serves_process_after_process(world):
    there = world(rotates=True)
    for _ in range(6):
        assert "DailyApiRequests" in there.client("refresh_token").get_limits()

    stored = json.loads((there.folder / "acme").read_bytes())
    assert stored["refresh_token"] != SECRETS["refresh_token"]


def test_two_processes_with_one_rotating_token_do_not_get_in_each_other_s_way(world):
    """`collector check` while the daemon works."""
    there = world(rotates=True)
    daemon, check = there.client("refresh_token"), there.client("refresh_token")
    daemon.get_limits()
    check.get_limits()
    there.org.expire_tokens()

    assert "DailyApiRequests" in daemon.get_limits()
    assert "DailyApiRequests" in check.get_limits()
    assert set(there.logins) == {200}


def test_a_new_token_is_safe_before_anything_is_asked_with_it(world):
    there = world(rotates=True)
    client = there.client("refresh_token")
    client.get_limits()
    (there.folder / "acme.new").mkdir()  # nothing can be written any more
    there.org.expire_tokens()
    before = len(there.org.request_log)
    with pytest.raises(SalesforceError, match="cannot be used"):
        client.get_limits()

    asked = [(visit.path, visit.status) for visit in there.org.request_log[before:]]
    assert asked == [("/services/data/v67.0/limits/", 401), (TOKEN, 200)]
    with pytest.raises(SalesforceError, match="cannot be used"):
        client.get_limits()
    assert there.logins == [200, 200], "and no further one is asked for meanwhile"

    (there.folder / "acme.new").rmdir()
    assert "DailyApiRequests" in client.get_limits()


# ---- passwords


def test_wrong_passwords_never_lock_the_user(world):
    there = world(password="another")
    client = there.client("password", login_limits=UNATTENDED_PASSWORD_LIMITS)
    for _ in range(28 * 24):
        with pytest.raises(LoginRefusedError, match="allows username-password flows"):
            client.get_limits()
        there.go(HOUR)

    assert 4 < there.org.wrong_password_count < there.org.application.lock_after


def test_a_person_may_try_before_that_and_opens_the_gate(world):
    there = world(password="another")
    daemon = there.client("password", login_limits=UNATTENDED_PASSWORD_LIMITS)
    for _ in range(4):
        with pytest.raises(LoginRefusedError):
            daemon.get_limits()
        there.go(HOUR)
    object.__setattr__(there.org.application, "password", SECRETS["password"])
    with pytest.raises(LoginRefusedError):
        daemon.get_limits()

    assert "DailyApiRequests" in there.client("password").get_limits()
    assert "DailyApiRequests" in daemon.get_limits()


# ---- secrets


@pytest.mark.parametrize("flow", FLOWS)
def test_nothing_but_a_replaced_refresh_token_is_written_down(world, flow):
    there = world(rotates=True)
    client = there.client(flow)
    client.get_limits()
    there.org.revoke_approval()
    with pytest.raises(LoginRefusedError) as raised:
        client.get_limits()
    written = b"".join(path.read_bytes() for path in sorted(there.folder.iterdir()))
    told = f"{written.decode()} {raised.value!r} {client!r} {there.client(flow)!r}"

    assert [secret for secret in SECRETS.values() if secret in told] == []
    assert render_private_pem()[40:80] not in told
    assert "00D5f000005uVo7!" not in told, "no access token"
    names = {path.name for path in there.folder.iterdir()}
    rotated = {"acme"} if flow == "refresh_token" else set()
    assert names == {"acme.failures", "acme.lock"} | rotated
