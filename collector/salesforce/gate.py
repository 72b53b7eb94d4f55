"""How often an org may be asked to let us in: a login that is refused must never lock its user."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from collector import clock
from collector.errors import LoginRefused, SalesforceError, SessionExpired
from collector.salesforce.vault import Vault
from collector.settings import Auth, PasswordAuth


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """At most so many logins in any stretch of that length."""

    logins: int
    length: timedelta

    def opens(self, times: Sequence[datetime], now: datetime) -> datetime:
        """When the next login fits beside those at `times`.

        Times further ahead than the window is long come from a clock that was wrong; they are none.
        """
        inside = sorted(time for time in times if abs(now - time) < self.length)
        return inside[-self.logins] + self.length if len(inside) >= self.logins else now


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often one org is asked to let us in.

    Attributes:
        logins: for all logins of a process, and those of any process that came to nothing.
        failures: further ones for logins that came to nothing since the last that did not.
        pause: how long a process waits after a refusal.
    """

    logins: Window = Window(logins=4, length=timedelta(hours=1))
    failures: tuple[Window, ...] = ()
    pause: timedelta = timedelta(minutes=15)


UNATTENDED_PASSWORD = Pace(
    failures=(
        Window(logins=2, length=timedelta(hours=1)),
        Window(logins=4, length=timedelta(days=1)),
        Window(logins=8, length=timedelta(days=30)),
    )
)
"""Salesforce locks a user after ten wrong passwords in a row, or as few as an admin has set."""


def unattended(auth: Auth) -> Pace:
    """How often a program that nobody watches may log in."""
    return UNATTENDED_PASSWORD if isinstance(auth, PasswordAuth) else Pace()


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A login that came to nothing: refused, with a sentence, or begun and never ended."""

    at: datetime
    reason: str = ""
    permanent: bool = False


REMEMBERED = 20
"""Failures of one org that are written down; more than any window lets pass."""


class Gate:
    """Counts the logins of one org, and holds them back when they are too many.

    A login is written down before it is made, so a process that dies of it has made it. A login
    that succeeds forgives all failures before it. To be used by whoever is alone in the vault.
    """

    def __init__(
        self,
        org: str,
        vault: Vault,
        *,
        pace: Pace,
        now: Callable[[], datetime] = clock.now,
    ) -> None:
        self._org = org
        self._vault = vault
        self._pace = pace
        self._now = now
        self._made: list[datetime] = []
        self._paused: datetime | None = None
        self._wasted = False

    def enter(self) -> None:
        """Begin a login.

        Raises:
            LoginRefused: an earlier one came to nothing, and it is too early for another.
            SessionExpired: too many were made although none was refused.
        """
        now, failures = self._now(), self._failures()
        opens = self._opens(failures, now)
        if opens > now:
            raise self._closed(failures, opens)
        self._keep([*failures, Failure(at=now)])

    def unanswered(self) -> None:
        """The org gave no verdict: this login does not count."""
        self._keep(self._failures()[:-1])

    def refused(self, error: LoginRefused) -> None:
        """The org said no."""
        *earlier, last = self._failures() or [Failure(at=self._now())]
        last = replace(last, reason=str(error), permanent=error.permanent)
        self._keep([*earlier, last])
        self._paused, self._wasted = self._now(), False

    def granted(self) -> None:
        """The org said yes."""
        self._made = [*self._recent(), *(failure.at for failure in self._failures())]
        self._paused, self._wasted = None, False
        self._keep([])

    def wasted(self) -> None:
        """The org refused the very token that it had just given."""
        self._paused, self._wasted = self._now(), True

    def _recent(self) -> list[datetime]:
        now, length = self._now(), self._pace.logins.length
        return [time for time in self._made if abs(now - time) < length]

    def _opens(self, failures: Sequence[Failure], now: datetime) -> datetime:
        failed = [failure.at for failure in failures]
        windows = [window.opens(failed, now) for window in self._pace.failures]
        return max(
            self._pace.logins.opens([*self._made, *failed], now),
            *windows,
            self._resumes(failures, now),
        )

    def _resumes(self, failures: Sequence[Failure], now: datetime) -> datetime:
        """When the pause is over. That after a refusal is, once anybody has got in since."""
        if self._paused is None or not (failures or self._wasted) or self._paused > now:
            return now
        return self._paused + self._pace.pause

    def _closed(self, failures: Sequence[Failure], opens: datetime) -> SalesforceError:
        until = f"the next login waits until {opens:%Y-%m-%d %H:%M:%S} UTC"
        if not failures:
            dead = f"{self._org}: the org refuses tokens that it gave a moment ago"
            return SessionExpired(f"{dead}; {until}")
        last = next((failure for failure in reversed(failures) if failure.reason), None)
        if last is None:
            begun = f"{self._org}: login: {len(failures)} logins were begun and never ended"
            return LoginRefused(f"{begun}; {until}", permanent=False)
        sooner = " (`collector check` tries sooner)" if self._pace.failures else ""
        return LoginRefused(
            f"{last.reason}; {until}, so that the user is never locked{sooner}",
            permanent=last.permanent,
        )

    # ---- what outlives the process

    @property
    def _file(self) -> str:
        return f"{self._org}.failures"

    def _failures(self) -> list[Failure]:
        """Those that are written down, oldest first. A file that is none counts for nothing."""
        content = self._vault.read(self._file) or b"[]"
        try:
            return [
                Failure(
                    at=datetime.fromisoformat(row["at"]).astimezone(UTC),
                    reason=str(row["reason"]),
                    permanent=bool(row["permanent"]),
                )
                for row in json.loads(content)
            ]
        except (ValueError, LookupError, TypeError, OverflowError):
            return []

    def _keep(self, failures: Sequence[Failure]) -> None:
        rows = [
            {"at": failure.at.isoformat(), "reason": failure.reason, "permanent": failure.permanent}
            for failure in failures[-REMEMBERED:]
        ]
        self._vault.write(self._file, json.dumps(rows, indent=1).encode())
