"""How long each thing is kept: by the settings, and by what the rules at work reach back for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from collector.detect import RuleSet
from collector.model import Baseline, Correlation, FirstSeen, Rule
from collector.normalize.derived_types import expand_derived_types
from collector.settings import ArchiveSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepingPlan:
    """From when on things are kept."""

    settings: ArchiveSettings
    rules: RuleSet

    def find_first_day(self, event_type: str, now: datetime) -> str:
        """The first day, `YYYY-MM-DD`, of which events of a type are kept: days are kept whole."""
        return (now - self.settings.find_time(event_type)).date().isoformat()

    def find_alert_cutoff(self, now: datetime) -> datetime:
        """Since when an alert must have had an event to be kept; no episode can still go on."""
        longest_window = max((rule.dedup_window for rule in self.rules.rules), default=timedelta())
        return now - max(self.settings.alert_time, longest_window)

    def find_memory_cutoff(self, rule_name: str, now: datetime) -> datetime:
        """Since when a rule remembers: what matters for the oldest event that is kept."""
        rule = self.rules.by_name.get(rule_name)
        if rule is None:
            return now - self.settings.longest_time
        reach = _find_memory_reach(rule)
        return now - self._find_longest_time(rule) - reach - timedelta(days=1)

    def list_warnings(self) -> Iterator[str]:
        """A sentence for each rule that needs older events than are kept, with what would fit."""
        for rule in self.rules.rules:
            what, reach = _find_archive_reach(rule)
            needed = reach + timedelta(days=1)
            short: dict[timedelta, list[str]] = {}
            for event_type in self._list_types(rule):
                time = self.settings.find_time(event_type)
                if reach and time < needed:
                    short.setdefault(time, []).append(event_type)
            for time, event_types in short.items():
                yield (
                    f"the rule {rule.name} {what}, and `archive` keeps {', '.join(event_types)} for"
                    f" {time.days}d only: keep it for at least {-(-needed // timedelta(days=1))}d"
                )

    def _find_longest_time(self, rule: Rule) -> timedelta:
        times = [self.settings.find_time(name) for name in self._list_types(rule)]
        return max(times, default=self.settings.longest_time)

    def _list_types(self, rule: Rule) -> list[str]:
        """The stored types that a rule looks at; of a correlation, its rules'; empty for all."""
        if isinstance(rule.aggregation, Correlation):
            parts = [self.rules.by_name[name] for name in rule.aggregation.rules]
            return sorted({name for part in parts for name in self._list_types(part)})
        return sorted(expand_derived_types(rule.event_types))


def _find_memory_reach(rule: Rule) -> timedelta:
    match rule.aggregation:
        case FirstSeen(forget=forget):
            return forget
        case Baseline(history=history, window=window):
            return history + window
    return timedelta()


def _find_archive_reach(rule: Rule) -> tuple[str, timedelta]:
    """What a rule does with the archive, in words, and how far back."""
    match rule.aggregation:
        case FirstSeen(learn=learn):
            return f"is silent until the archive is {learn.days}d deep", learn
        case Baseline(history=history):
            return f"learns from the last {history.days}d when it is new", history
        case Correlation(timespan=timespan):
            return f"looks at windows of {_format_span(timespan)}", timespan
    return "", timedelta()


def _format_span(value: timedelta) -> str:
    return f"{value.days}d" if value.days else f"{value.seconds // 3600}h"
