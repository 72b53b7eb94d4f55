"""Which alerts were told, in a file of its own: it outlives a state database that is lost."""

from __future__ import annotations

import errno
import json
import os
import stat
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from collector.errors import CollectorError
from collector.model import Alert, Delivery, Severity

MAX_JOURNAL_BYTES = 32_000_000
"""A journal that is longer is put aside; the one that was put aside before is deleted."""


_LAST_BYTES = 100_000
"""No line is longer: a dedup key has few values, and they are cut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldAlert:
    """An alert as a message told it, on one channel."""

    alert_id: str
    org: str
    rule: str
    key: tuple[str, ...]
    first_time: datetime
    last_time: datetime
    severity: Severity
    count: int
    created: datetime
    channel: str
    revision: int
    reference: str
    sent: datetime

    def is_of(self, alert: Alert, *, margin: timedelta) -> bool:
        """Whether it was that alert, or what it is the greater part of.

        Its id may be another one: it comes from the event that opened it, and events come in
        another order when they are matched again.
        """
        if self.alert_id == alert.id:
            return True
        is_same_key = (self.org, self.rule, self.key) == (alert.org, alert.rule, alert.key)
        touches = (
            self.first_time - margin <= alert.last_time
            and alert.first_time <= self.last_time + margin
        )
        return is_same_key and touches


class DeliveryJournal:
    """A file with a JSON line for each message that was taken. Safe to share between threads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    def append_delivery(
        self, alerts: Iterable[Alert], delivery: Delivery, *, reference: str, sent: datetime
    ) -> None:
        """Write down durably that a message was taken which told these alerts. Raises OSError."""
        lines = "".join(
            json.dumps(render_telling(_build_told_alert(alert, delivery, reference, sent))) + "\n"
            for alert in alerts
        )
        with self._lock:
            self._rotate()
            descriptor = self._open_for_append(os.O_CREAT)
            try:
                _write_all(descriptor, lines.encode("ascii"))
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def find_problem(self) -> str:
        """Why what is told cannot be written down, and what that means; empty where it can be.

        Nothing is written. A folder that takes nothing from us is another trouble, and not told.
        """
        if not os.access(self._path.parent, os.W_OK):
            return ""
        try:
            os.close(self._open_for_append())
        except FileNotFoundError:
            return ""
        except OSError as error:
            return (
                f"what is told cannot be written down in {self._path}: {error.strerror or error}."
                " After a loss of the state `collector archive adopt` would tell it again."
                " Give the collector a file of its own there, or move away what is there"
            )
        return ""

    def check_readable(self) -> None:
        """Raise CollectorError where something else than a file is in its place."""
        for path in (self._rotated_path, self._path):
            if path.exists() and not path.is_file():
                raise CollectorError(f"{path} is not a file: move it away, it names nothing told")

    def read_told_alerts(self) -> Iterator[ToldAlert]:
        """What was told, oldest first. A line that was cut off is passed over."""
        for path in (self._rotated_path, self._path):
            if path.exists():
                with path.open(encoding="ascii", errors="replace") as lines:
                    yield from filter(None, map(_parse_line, lines))

    def read_last_told_alert(self) -> ToldAlert | None:
        """What was told last; None where nothing was, or its line was cut off."""
        if not self._path.exists():
            return None
        with self._path.open("rb") as lines:
            lines.seek(max(0, self._path.stat().st_size - _LAST_BYTES))
            last = lines.read().decode("ascii", "replace").splitlines()[-1:]
        return _parse_line(last[0]) if last else None

    def _open_for_append(self, extra_flags: int = 0) -> int:
        """A descriptor. Raises OSError where there is no file; waits for no reader of a pipe."""
        flags = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | extra_flags
        descriptor = os.open(self._path, flags, 0o600)
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            return descriptor
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is not a regular file")

    @property
    def _rotated_path(self) -> Path:
        return self._path.with_suffix(".1.jsonl")

    def _rotate(self) -> None:
        if self._path.exists() and self._path.stat().st_size > MAX_JOURNAL_BYTES:
            self._path.replace(self._rotated_path)


def _build_told_alert(
    alert: Alert, delivery: Delivery, reference: str, sent: datetime
) -> ToldAlert:
    return ToldAlert(
        alert_id=alert.id,
        org=alert.org,
        rule=alert.rule,
        key=alert.key,
        first_time=alert.first_time,
        last_time=alert.last_time,
        severity=alert.severity,
        count=alert.count,
        created=alert.created,
        channel=delivery.channel,
        revision=alert.revision if delivery.alert_id is None else delivery.revision,
        reference=reference,
        sent=sent,
    )


def _write_all(descriptor: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def render_telling(told: ToldAlert) -> dict[str, Any]:
    """What was told as a JSON object."""
    return {
        "alert": told.alert_id,
        "org": told.org,
        "rule": told.rule,
        "key": list(told.key),
        "first": told.first_time.isoformat(),
        "last": told.last_time.isoformat(),
        "severity": str(told.severity),
        "count": told.count,
        "created": told.created.isoformat(),
        "channel": told.channel,
        "revision": told.revision,
        "reference": told.reference,
        "sent": told.sent.isoformat(),
    }


def parse_telling(document: dict[str, Any]) -> ToldAlert:
    """What was told, of such an object. Raises KeyError, TypeError or ValueError for another."""
    return ToldAlert(
        alert_id=document["alert"],
        org=document["org"],
        rule=document["rule"],
        key=tuple(document["key"]),
        first_time=datetime.fromisoformat(document["first"]),
        last_time=datetime.fromisoformat(document["last"]),
        severity=Severity.parse(document["severity"]),
        count=int(document["count"]),
        created=datetime.fromisoformat(document["created"]),
        channel=document["channel"],
        revision=int(document["revision"]),
        reference=document["reference"],
        sent=datetime.fromisoformat(document["sent"]),
    )


def _parse_line(line: str) -> ToldAlert | None:
    try:
        return parse_telling(json.loads(line))
    except (ValueError, KeyError, TypeError):
        return None
