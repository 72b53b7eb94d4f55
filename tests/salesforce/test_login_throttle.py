"""How often an org is asked to let us in, for any course of refusals, restarts and clocks."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.errors import (
    LoginRefusedError,
    SalesforceError,
    SessionExpiredError,
    UnreachableError,
)
from collector.salesforce.login_throttle import (
    UNATTENDED_LIMITS,
    UNATTENDED_PASSWORD_LIMITS,
    LoginLimits,
    LoginThrottle,
    LoginWindow,
    choose_unattended_limits,
)
from collector.salesforce.token_store import MemoryTokenStore
from collector.settings import ClientCredentialsAuth, PasswordAuth, Secret
from fakes.manual_clock import ManualClock

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
SECOND = timedelta(seconds=1)
REJECTION = SessionExpiredError("acme: query: the org refused a new token as well (401)")
SILENCE = UnreachableError("acme: login: 200, no JSON")
NO = LoginRefusedError("acme: login refused (no): approve the user", permanent=True)


class Door:
    """A gate, and whoever goes to it: `answer` is what the org says to every login."""

    def __init__(self, pace=None):
        self.clock = ManualClock()
        self.vault = MemoryTokenStore()
        self.pace = pace or LoginLimits()
        self.logins = []
        self.restart()

    def restart(self):
        self.gate = LoginThrottle("acme", self.vault, login_limits=self.pace, now=self.clock)

    def knock(self, answer=LoginThrottle.record_success):
        """Whether a login was made."""
        try:
            self.gate.begin_login()
        except SalesforceError:
            return False
        self.logins.append(self.clock())
        answer(self.gate)
        return True


def refused(gate):
    gate.record_refusal(NO)


def silent(gate):
    """Something answers, but says neither yes nor no."""
    gate.record_silence(SILENCE)


def wasted(gate):
    """The org gives a token, and refuses it before it has answered to it."""
    gate.record_success()
    gate.record_rejected_token(REJECTION)


def used(gate):
    """The org gives a token, and answers to it."""
    gate.record_success()


def dies(_):
    """The process ends in the middle of the login."""


def busiest(times, length):
    return max(
        (sum(start <= time < start + length for time in times) for start in times), default=0
    )


@pytest.fixture
def door():
    return Door()


def test_a_refused_login_is_repeated_every_quarter_of_an_hour(door):
    for _ in range(24 * 60):
        door.knock(refused)
        door.clock.advance_by(MINUTE)

    gaps = {after - before for before, after in zip(door.logins, door.logins[1:], strict=False)}
    assert gaps == {15 * MINUTE}


def test_until_then_the_org_s_words_are_repeated_and_say_when_the_next_one_is(door):
    door.knock(refused)

    with pytest.raises(LoginRefusedError, match="approve the user; the next login waits") as raised:
        door.gate.begin_login()
    assert "2026-10-01 12:15:00 UTC" in str(raised.value)
    assert raised.value.permanent


def test_a_process_that_starts_again_and_again_makes_four_logins_an_hour(door):
    for _ in range(3 * 60):
        door.knock(refused)
        door.restart()
        door.clock.advance_by(MINUTE)

    assert len(door.logins) == 12
    assert busiest(door.logins, HOUR) == 4


def test_a_process_that_dies_of_its_login_has_made_it(door):
    for _ in range(60):
        door.knock(dies)
        door.restart()
        door.clock.advance_by(MINUTE / 2)

    assert len(door.logins) == 4
    with pytest.raises(LoginRefusedError, match="4 logins were begun and never ended"):
        door.gate.begin_login()


def test_a_login_without_a_verdict_is_repeated_at_growing_distances_also_after_a_restart():
    door = Door(UNATTENDED_LIMITS)
    for _ in range(20 * 60):
        door.knock(silent)
        door.restart()
        door.clock.advance_by(SECOND)

    gaps = [after - before for before, after in zip(door.logins, door.logins[1:], strict=False)]
    assert gaps == [30 * SECOND, MINUTE, 2 * MINUTE, *[4 * MINUTE] * 4]


def test_until_then_it_is_an_outage_and_no_refusal():
    door = Door(UNATTENDED_LIMITS)
    door.knock(silent)

    with pytest.raises(UnreachableError, match="200, no JSON; the next login waits until") as told:
        door.gate.begin_login()
    assert "12:00:30 UTC" in str(told.value)


def test_logins_without_a_verdict_do_not_count_as_refusals_and_forget_none():
    door = Door(UNATTENDED_PASSWORD_LIMITS)
    door.knock(refused)
    door.clock.advance_by(15 * MINUTE)
    for _ in range(40):
        assert door.knock(silent)
        door.clock.advance_by(4 * MINUTE)
        door.restart()

    assert [door.knock(refused), door.knock(refused)] == [True, False]
    door.clock.advance_by(HOUR)
    assert [door.knock(refused), door.clock.advance_by(HOUR), door.knock(refused)][::2] == [
        True
    ] * 2
    door.clock.advance_by(HOUR)
    assert not door.knock(refused), "four wrong passwords in a day"


def test_a_person_is_not_held_back_by_silence(door):
    assert all(door.knock(silent) for _ in range(100))


def test_a_process_that_starts_again_and_gets_in_is_not_held_back(door):
    for _ in range(100):
        assert door.knock(LoginThrottle.record_success)
        door.restart()


def test_tokens_that_answer_may_die_as_often_as_they_like(door):
    """Within what Salesforce allows a user: 3,600 an hour, and half of it is ours."""
    assert all(door.knock(used) for _ in range(1_800))

    with pytest.raises(SessionExpiredError, match=r"1,800 in an hour.*Login History.*13:00:00 UTC"):
        door.gate.begin_login()
    door.clock.advance_by(HOUR)
    assert door.knock(used)


def test_a_token_that_dies_before_it_answered_is_a_pause_with_the_org_s_words(door):
    door.knock(wasted)

    with pytest.raises(SessionExpiredError, match=r"as well \(401\); the next .*12:15:00 UTC"):
        door.gate.begin_login()
    door.clock.advance_by(15 * MINUTE)
    assert door.knock(used)
    assert door.knock(used), "whose tokens answer is not held back"


def test_tokens_that_die_unused_are_four_an_hour(door):
    for _ in range(4 * 60):
        door.knock(wasted)
        door.clock.advance_by(MINUTE)

    assert len(door.logins) == 16
    assert busiest(door.logins, HOUR) == 4


def test_getting_in_forgives_what_was_before(door):
    for _ in range(4):
        door.knock(refused)
        door.restart()
    door.clock.advance_by(HOUR)
    assert door.knock()

    door.restart()
    assert [door.knock(refused), door.knock(refused)] == [True, False]


def test_whoever_gets_in_opens_the_gate_for_others(door):
    """`collector check` after the cure, while the daemon waits."""
    door.knock(refused)
    other = LoginThrottle("acme", door.vault, login_limits=LoginLimits(), now=door.clock)
    other.begin_login()
    other.record_success()

    assert door.knock()


def test_orgs_do_not_share_a_budget():
    vault, clock = MemoryTokenStore(), ManualClock()
    gates = [
        LoginThrottle(name, vault, login_limits=LoginLimits(), now=clock) for name in ("a", "b")
    ]
    for gate in gates:
        gate.begin_login()
        gate.record_refusal(NO)

    assert [vault.read("a.failures"), vault.read("b.failures")].count(None) == 0


@pytest.mark.parametrize("jump", [-DAY, DAY, -400 * DAY, 400 * DAY])
def test_a_clock_that_jumps_locks_nobody_out(door, jump):
    for _ in range(4):
        door.knock(refused)
        door.restart()
    door.clock.advance_by(jump)

    assert door.knock()


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"{}",
        b"[1]",
        b"[{}]",
        b'[{"at": "x"}]',
        b"\xff",
        b"[" * 9,
        b'[{"at": 1}]',
        b"null",
        b'[{"at": "2026-10-01", "reason": 1, "permanent": 1}]',
    ],
)
def test_a_damaged_file_counts_for_nothing(door, damaged):
    door.vault.write("acme.failures", damaged)

    assert door.knock(refused)


def test_a_file_that_somebody_removes_in_the_middle_is_no_harm(door):
    door.gate.begin_login()
    door.vault.write("acme.failures", b"[]")
    door.gate.record_refusal(NO)

    with pytest.raises(LoginRefusedError, match="approve the user"):
        door.gate.begin_login()


def test_the_pace_can_be_set():
    door = Door(
        LoginLimits(
            refusal_window=LoginWindow(max_logins=2, length=MINUTE), refusal_pause=timedelta(0)
        )
    )

    assert [door.knock(refused) for _ in range(3)] == [True, True, False]
    door.clock.advance_by(MINUTE)
    assert door.knock(refused)


def test_wrong_passwords_of_a_month_do_not_lock_the_user():
    """Salesforce locks after ten in a row; the process may start as often as it likes."""
    door = Door(UNATTENDED_PASSWORD_LIMITS)
    for hour in range(24 * 29):
        for _ in range(4):
            door.knock(refused)
            door.clock.advance_by(15 * MINUTE)
        if hour % 5 == 0:
            door.restart()

    with pytest.raises(LoginRefusedError, match="`collector check` tries sooner"):
        door.gate.begin_login()
    assert 4 < len(door.logins) < 10
    assert busiest(door.logins, HOUR) == 2


def test_only_passwords_are_tried_so_rarely():
    password = PasswordAuth(
        client_id="c", client_secret=Secret("s"), username="u", password=Secret("p")
    )

    assert choose_unattended_limits(password) is UNATTENDED_PASSWORD_LIMITS
    assert (
        choose_unattended_limits(ClientCredentialsAuth(client_id="c", client_secret=Secret("s")))
        is UNATTENDED_LIMITS
    )


STEPS = st.one_of(
    st.sampled_from([refused, silent, dies, used, wasted]),
    st.just("restart"),
    st.integers(0, 40).map(lambda minutes: minutes * MINUTE),
)


@given(st.lists(STEPS, max_size=80))
def test_whatever_happens_no_more_than_four_come_to_nothing_in_an_hour_while_none_gets_in(steps):
    door, runs = Door(UNATTENDED_LIMITS), [[]]
    for step in steps:
        if isinstance(step, timedelta):
            door.clock.advance_by(step)
        elif step == "restart":
            door.restart()
        elif not door.knock(step):
            continue
        elif step in (used, wasted):
            runs.append([])
        elif step is not silent:
            runs[-1].append(door.clock())

    assert all(busiest(failed, HOUR) <= 4 for failed in runs)


@given(st.lists(STEPS, max_size=80))
def test_whatever_happens_nobody_is_asked_twice_in_half_a_minute_after_saying_nothing(steps):
    door, last_silence = Door(UNATTENDED_LIMITS), None
    for step in steps:
        if isinstance(step, timedelta):
            door.clock.advance_by(step)
        elif step == "restart":
            door.restart()
        elif door.knock(step):
            assert last_silence is None or door.clock() - last_silence >= 30 * SECOND
            last_silence = door.clock() if step is silent else None


@given(st.lists(STEPS.filter(lambda step: step != "restart"), max_size=80))
def test_within_one_process_no_more_than_four_logins_in_an_hour_are_in_vain(steps):
    door, logins = Door(), []
    for step in steps:
        if isinstance(step, timedelta):
            door.clock.advance_by(step)
        elif door.knock(step) and step is wasted:
            logins.append(door.clock())

    assert busiest(logins, HOUR) <= 4
