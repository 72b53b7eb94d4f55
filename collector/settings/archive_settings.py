"""How long events and alerts are kept, and how their files are looked after."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, Field, StrictBool, ValidationInfo, field_validator

from collector.settings.settings_model import SettingsModel
from collector.settings.values import Duration, TypePattern, matches_any


def _check_keeping_time(value: timedelta) -> timedelta:
    if value < timedelta(days=1):
        raise ValueError("must be at least 1d: whole days are kept")
    return value


KeepingTime = Annotated[Duration, AfterValidator(_check_keeping_time)]

DEFAULT_ALERT_TIME = timedelta(days=730)


class ArchiveSettings(SettingsModel):
    """How long events and alerts are kept, and how the files of events are looked after.

    `by_type` holds event types or globs, of which the first that fits counts; what fits none is
    kept for `retention`. Alerts are never kept for less than events: None is two years, or as long
    as events.

    Within each `scrub` the daemon reads all files once; zero is never. `hash_chain` records what
    becomes of each so that a later change of the ledger shows.
    """

    retention: KeepingTime = timedelta(days=365)
    by_type: Mapping[TypePattern, KeepingTime] = Field(default_factory=dict)
    alerts: KeepingTime | None = None
    scrub: Duration = timedelta(days=30)
    hash_chain: StrictBool = False

    @field_validator("alerts")
    @classmethod
    def _check_alerts(cls, alerts: timedelta | None, info: ValidationInfo) -> timedelta | None:
        times = [info.data.get("retention"), *info.data.get("by_type", {}).values()]
        longest = max(filter(None, times), default=None)
        if alerts is not None and longest is not None and alerts < longest:
            raise ValueError(
                f"must be at least {longest.days}d, as long as the events: one that is matched"
                " again would be told again"
            )
        return alerts

    @property
    def longest_time(self) -> timedelta:
        """For how long the events are kept that are kept the longest."""
        return max([self.retention, *self.by_type.values()])

    @property
    def alert_time(self) -> timedelta:
        """For how long alerts are kept."""
        return self.alerts or max(DEFAULT_ALERT_TIME, self.longest_time)

    def find_time(self, event_type: str) -> timedelta:
        """For how long events of a type are kept."""
        if event_type in self.by_type:
            return self.by_type[event_type]
        fitting = (time for name, time in self.by_type.items() if matches_any(event_type, [name]))
        return next(fitting, self.retention)
