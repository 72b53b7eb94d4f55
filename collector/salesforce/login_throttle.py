"""How often we may log in to an org: a login that is refused must never lock its user."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from collector import clock
from collector.errors import (
    LoginRefusedError,
    SalesforceError,
    SessionExpiredError,
    UnreachableError,
)
from collector.salesforce.token_store import TokenStore
from collector.settings import AuthSettings, PasswordAuth


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginWindow:
    """At most so many logins in any stretch of that length."""

    max_logins: int
    length: timedelta

    def compute_opening(self, times: Sequence[datetime], now: datetime) -> datetime:
        """When the next login fits beside those at `times`.

        Times further ahead than the window is long come from a clock that was wrong; they are none.
        """
        recent = sorted(time for time in times if abs(now - time) < self.length)
        return recent[-self.max_logins] + self.length if len(recent) >= self.max_logins else now


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginLimits:
    """How often we log in to one org.

    Attributes:
        refusal_window: for logins that any process was refused, and tokens of this one that were
            refused before they had answered once.
        failure_windows: further ones for the logins that failed since the last success.
        refusal_pause: how long a process waits after a refusal.
        silence_pauses: how long any process waits after the first, the second, … and every later
            login in a row that got no verdict; it does not where there are none.
        success_window: for the logins of a process that succeeded.
    """

    refusal_window: LoginWindow = LoginWindow(max_logins=4, length=timedelta(hours=1))
    failure_windows: tuple[LoginWindow, ...] = ()
    refusal_pause: timedelta = timedelta(minutes=15)
    silence_pauses: tuple[timedelta, ...] = ()
    # Salesforce allows a user 3,600 an hour, in all programs together.
    success_window: LoginWindow = LoginWindow(max_logins=1_800, length=timedelta(hours=1))


UNATTENDED_LIMITS = LoginLimits(
    silence_pauses=tuple(timedelta(seconds=seconds) for seconds in (30, 60, 120, 240))
)

UNATTENDED_PASSWORD_LIMITS = replace(
    UNATTENDED_LIMITS,
    failure_windows=(
        LoginWindow(max_logins=2, length=timedelta(hours=1)),
        LoginWindow(max_logins=4, length=timedelta(days=1)),
        LoginWindow(max_logins=8, length=timedelta(days=30)),
    ),
)
"""Salesforce locks a user after ten wrong passwords in a row, or as few as an admin has set."""


def choose_unattended_limits(auth: AuthSettings) -> LoginLimits:
    """The limits of a program that runs unattended."""
    return UNATTENDED_PASSWORD_LIMITS if isinstance(auth, PasswordAuth) else UNATTENDED_LIMITS


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginFailure:
    """A login that failed: refused, with a sentence, or begun and never ended.

    One that `is_silent` got no verdict: the endpoint was not there, or said something else.
    """

    attempt_time: datetime
    reason: str = ""
    permanent: bool = False
    is_silent: bool = False


MAX_STORED_FAILURES = 20
"""Failures of one org that are written down; more than any window lets pass."""


class LoginThrottle:
    """Counts the logins of one org, and refuses to begin more than its limits allow.

    A login is written down before it is made, so a process that dies of it has made it. A login
    that succeeds clears all failures before it, but no rejected tokens: only an answer shows that
    one is any good. To be used while `TokenStore.lock_org` is held.
    """

    def __init__(
        self,
        org: str,
        token_store: TokenStore,
        *,
        login_limits: LoginLimits,
        now: Callable[[], datetime] = clock.now,
    ) -> None:
        self._org = org
        self._token_store = token_store
        self._login_limits = login_limits
        self._now = now
        self._login_times: list[datetime] = []
        self._rejection_times: list[datetime] = []
        self._rejection = ""
        self._pause_start: datetime | None = None

    def begin_login(self) -> None:
        """Begin a login.

        Raises:
            LoginRefusedError: an earlier one was refused, and it is too early for another.
            UnreachableError: an earlier one got no verdict, and it is too early for another.
            SessionExpiredError: too many were made although none was refused.
        """
        now, failures = self._now(), self._read_failures()
        opening = self._compute_next_login(failures, now)
        if opening > now:
            raise self._build_throttle_error(failures, opening)
        self._write_failures([*failures, LoginFailure(attempt_time=now)])

    def withdraw_login(self) -> None:
        """Take back the login that was begun: nothing was asked."""
        self._write_failures(self._read_failures()[:-1])

    def record_silence(self, error: UnreachableError) -> None:
        """Record that the login that was begun got no verdict."""
        *earlier, last = self._read_failures() or [LoginFailure(attempt_time=self._now())]
        silent = [
            *_list_last_silent(earlier),
            replace(last, reason=str(error), is_silent=True),
        ]
        refused = [failure for failure in earlier if not failure.is_silent]
        self._write_failures([*refused, *silent[-max(1, len(self._login_limits.silence_pauses)) :]])

    def record_refusal(self, error: LoginRefusedError) -> None:
        """Record that the org refused the login that was begun."""
        *earlier, last = self._read_failures() or [LoginFailure(attempt_time=self._now())]
        last = replace(last, reason=str(error), permanent=error.permanent)
        self._write_failures([*earlier, last])
        self._pause_start, self._rejection = self._now(), ""

    def record_success(self) -> None:
        """Record that the login succeeded, and forget all failures before it."""
        now, length = self._now(), self._login_limits.success_window.length
        recent = [time for time in self._login_times if abs(now - time) < length]
        self._login_times = [*recent, now]
        self._pause_start, self._rejection = None, ""
        self._write_failures([])

    def record_rejected_token(self, error: SessionExpiredError) -> None:
        """Record that the org refused a token before it had answered to it."""
        now, length = self._now(), self._login_limits.refusal_window.length
        recent = [time for time in self._rejection_times if abs(now - time) < length]
        self._rejection_times = [*recent, now]
        self._pause_start, self._rejection = now, str(error)

    def _compute_next_login(self, failures: Sequence[LoginFailure], now: datetime) -> datetime:
        times = [failure.attempt_time for failure in failures if not failure.is_silent]
        limits = self._login_limits
        return max(
            limits.refusal_window.compute_opening([*self._rejection_times, *times], now),
            limits.success_window.compute_opening(self._login_times, now),
            *(window.compute_opening(times, now) for window in limits.failure_windows),
            self._compute_pause_end(bool(times), now),
            self._compute_silence_end(failures, now),
        )

    def _compute_pause_end(self, was_refused: bool, now: datetime) -> datetime:  # noqa: FBT001
        """When the pause is over. That after a refusal is, once a login has succeeded since."""
        if (
            self._pause_start is None
            or not (was_refused or self._rejection)
            or self._pause_start > now
        ):
            return now
        return self._pause_start + self._login_limits.refusal_pause

    def _compute_silence_end(self, failures: Sequence[LoginFailure], now: datetime) -> datetime:
        """When the pause after logins without a verdict is over; a time of the future is none."""
        silent, pauses = _list_last_silent(failures), self._login_limits.silence_pauses
        if not silent or not pauses or silent[-1].attempt_time > now:
            return now
        return silent[-1].attempt_time + pauses[min(len(silent), len(pauses)) - 1]

    def _build_throttle_error(
        self, failures: Sequence[LoginFailure], opening: datetime
    ) -> SalesforceError:
        until = f"the next login waits until {opening:%Y-%m-%d %H:%M:%S} UTC"
        if failures and opening == self._compute_silence_end(failures, self._now()):
            return UnreachableError(f"{failures[-1].reason}; {until}")
        refused = [failure for failure in failures if not failure.is_silent]
        if not refused:
            problem = self._rejection or (
                f"{self._org}: login: {len(self._login_times):,} in an hour, as tokens soon die:"
                " find out who ends this user's sessions (Setup, Login History)"
            )
            return SessionExpiredError(f"{problem}; {until}")
        last = next((failure for failure in reversed(refused) if failure.reason), None)
        if last is None:
            problem = f"{self._org}: login: {len(refused)} logins were begun and never ended"
            return LoginRefusedError(f"{problem}; {until}", permanent=False)
        hint = " (`collector check` tries sooner)" if self._login_limits.failure_windows else ""
        return LoginRefusedError(
            f"{last.reason}; {until}, so that the user is never locked{hint}",
            permanent=last.permanent,
        )

    # ---- what outlives the process

    @property
    def _file_name(self) -> str:
        return f"{self._org}.failures"

    def _read_failures(self) -> list[LoginFailure]:
        """The stored failures, oldest first; none where the file cannot be parsed."""
        content = self._token_store.read(self._file_name) or b"[]"
        try:
            return [
                LoginFailure(
                    attempt_time=datetime.fromisoformat(row["at"]).astimezone(UTC),
                    reason=str(row["reason"]),
                    permanent=bool(row["permanent"]),
                    is_silent=bool(row.get("silent")),
                )
                for row in json.loads(content)
            ]
        except (ValueError, LookupError, TypeError, AttributeError, OverflowError):
            return []

    def _write_failures(self, failures: Sequence[LoginFailure]) -> None:
        rows = [
            {
                "at": failure.attempt_time.isoformat(),
                "reason": failure.reason,
                "permanent": failure.permanent,
                "silent": failure.is_silent,
            }
            for failure in failures[-MAX_STORED_FAILURES:]
        ]
        self._token_store.write(self._file_name, json.dumps(rows, indent=1).encode())


def _list_last_silent(failures: Sequence[LoginFailure]) -> list[LoginFailure]:
    """The failures without a verdict since the last that had one."""
    count = next(
        (n for n, failure in enumerate(reversed(failures)) if not failure.is_silent), len(failures)
    )
    return list(failures[len(failures) - count :])
