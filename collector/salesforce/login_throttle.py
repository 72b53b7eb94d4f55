"""How often we may log in to an org: a login that is refused must never lock its user."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from collector import clock
from collector.errors import LoginRefusedError, SalesforceError, SessionExpiredError
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
        login_window: for all logins of a process, and those of any process that failed.
        failure_windows: further ones for the logins that failed since the last success.
        pause: how long a process waits after a refusal.
    """

    login_window: LoginWindow = LoginWindow(max_logins=4, length=timedelta(hours=1))
    failure_windows: tuple[LoginWindow, ...] = ()
    pause: timedelta = timedelta(minutes=15)


UNATTENDED_PASSWORD_LIMITS = LoginLimits(
    failure_windows=(
        LoginWindow(max_logins=2, length=timedelta(hours=1)),
        LoginWindow(max_logins=4, length=timedelta(days=1)),
        LoginWindow(max_logins=8, length=timedelta(days=30)),
    )
)
"""Salesforce locks a user after ten wrong passwords in a row, or as few as an admin has set."""


def choose_unattended_limits(auth: AuthSettings) -> LoginLimits:
    """The limits of a program that runs unattended."""
    return UNATTENDED_PASSWORD_LIMITS if isinstance(auth, PasswordAuth) else LoginLimits()


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginFailure:
    """A login that failed: refused, with a sentence, or begun and never ended."""

    attempt_time: datetime
    reason: str = ""
    permanent: bool = False


MAX_STORED_FAILURES = 20
"""Failures of one org that are written down; more than any window lets pass."""


class LoginThrottle:
    """Counts the logins of one org, and refuses to begin more than its limits allow.

    A login is written down before it is made, so a process that dies of it has made it. A login
    that succeeds clears all failures before it. To be used while `TokenStore.lock_org` is held.
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
        self._pause_start: datetime | None = None
        self._is_token_rejected = False

    def begin_login(self) -> None:
        """Begin a login.

        Raises:
            LoginRefusedError: an earlier one failed, and it is too early for another.
            SessionExpiredError: too many were made although none was refused.
        """
        now, failures = self._now(), self._read_failures()
        opening = self._compute_next_login(failures, now)
        if opening > now:
            raise self._build_throttle_error(failures, opening)
        self._write_failures([*failures, LoginFailure(attempt_time=now)])

    def record_no_answer(self) -> None:
        """Take back the login that was begun: the org gave no verdict."""
        self._write_failures(self._read_failures()[:-1])

    def record_refusal(self, error: LoginRefusedError) -> None:
        """Record that the org refused the login that was begun."""
        *earlier, last = self._read_failures() or [LoginFailure(attempt_time=self._now())]
        last = replace(last, reason=str(error), permanent=error.permanent)
        self._write_failures([*earlier, last])
        self._pause_start, self._is_token_rejected = self._now(), False

    def record_success(self) -> None:
        """Record that the login succeeded, and forget all failures before it."""
        self._login_times = [
            *self._list_recent_logins(),
            *(failure.attempt_time for failure in self._read_failures()),
        ]
        self._pause_start, self._is_token_rejected = None, False
        self._write_failures([])

    def record_rejected_token(self) -> None:
        """Record that the org refused the token that it had just given."""
        self._pause_start, self._is_token_rejected = self._now(), True

    def _list_recent_logins(self) -> list[datetime]:
        now, length = self._now(), self._login_limits.login_window.length
        return [time for time in self._login_times if abs(now - time) < length]

    def _compute_next_login(self, failures: Sequence[LoginFailure], now: datetime) -> datetime:
        times = [failure.attempt_time for failure in failures]
        windows = [
            window.compute_opening(times, now) for window in self._login_limits.failure_windows
        ]
        return max(
            self._login_limits.login_window.compute_opening([*self._login_times, *times], now),
            *windows,
            self._compute_pause_end(failures, now),
        )

    def _compute_pause_end(self, failures: Sequence[LoginFailure], now: datetime) -> datetime:
        """When the pause is over. That after a refusal is, once a login has succeeded since."""
        if (
            self._pause_start is None
            or not (failures or self._is_token_rejected)
            or self._pause_start > now
        ):
            return now
        return self._pause_start + self._login_limits.pause

    def _build_throttle_error(
        self, failures: Sequence[LoginFailure], opening: datetime
    ) -> SalesforceError:
        until = f"the next login waits until {opening:%Y-%m-%d %H:%M:%S} UTC"
        if not failures:
            problem = f"{self._org}: the org refuses tokens that it gave a moment ago"
            return SessionExpiredError(f"{problem}; {until}")
        last = next((failure for failure in reversed(failures) if failure.reason), None)
        if last is None:
            problem = f"{self._org}: login: {len(failures)} logins were begun and never ended"
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
                )
                for row in json.loads(content)
            ]
        except (ValueError, LookupError, TypeError, OverflowError):
            return []

    def _write_failures(self, failures: Sequence[LoginFailure]) -> None:
        rows = [
            {
                "at": failure.attempt_time.isoformat(),
                "reason": failure.reason,
                "permanent": failure.permanent,
            }
            for failure in failures[-MAX_STORED_FAILURES:]
        ]
        self._token_store.write(self._file_name, json.dumps(rows, indent=1).encode())
