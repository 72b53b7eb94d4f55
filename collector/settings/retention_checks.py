"""How long events are kept, against what is read and the names that there are."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from datetime import timedelta

from collector.settings.models import OrgSettings, Settings
from collector.settings.values import matches_any
from collector.yaml_source.nodes import YamlNode, YamlPath, extract_name, quote_name
from collector.yaml_source.problem_report import ProblemReport
from collector.yaml_source.suggestions import suggest_name


def check_keeping_times(settings: Settings, root: YamlNode, report: ProblemReport) -> None:
    """Report what is kept for less time than a source looks back: it would go as it came."""
    lookbacks = [each for org in settings.orgs for each in _list_lookbacks(org)]
    longest, source = max(lookbacks, default=(timedelta(), ""))
    archive = settings.archive
    times: dict[YamlPath, timedelta] = {("retention",): archive.retention}
    times.update((("by_type", name), time) for name, time in archive.by_type.items())
    for path, time in times.items():
        if time < longest:
            report.add_problem(
                root.find_position(("archive", *path)),
                f"{quote_name(str(path[-1]))} must be at least {_format_days(longest)}, as far as"
                f" {source} looks back: what is older would be removed, and read again",
            )


def warn_of_unknown_types(
    root: YamlNode, report: ProblemReport, list_event_types: Callable[[], Collection[str]]
) -> None:
    """Report names in `by_type` that no known event type has; orgs may have others."""
    entries = root.get_child("archive").get_child("by_type").entries
    if not entries:
        return
    known = list_event_types()
    for name, entry in entries.items():
        if not any(matches_any(each, [name]) for each in known):
            report.add_problem(
                entry.position,
                f"no event type is known as {quote_name(name)}"
                f"{suggest_name(extract_name(name), known)}",
            )


def _list_lookbacks(org: OrgSettings) -> Iterator[tuple[timedelta, str]]:
    """How far the sources of an org look back, at first and later, each with its name."""
    for kind in type(org.sources).model_fields:
        for key in ("lookback", "overlap"):
            length = getattr(getattr(org.sources, kind), key, None)
            if isinstance(length, timedelta):
                yield length, f"{kind} of {org.name}"


def _format_days(value: timedelta) -> str:
    return f"{-(-value // timedelta(days=1))}d"
