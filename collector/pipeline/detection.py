"""Runs the rules over the Parquet files that a batch has just become."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import duckdb

from collector import normalize
from collector.archive import read
from collector.detect import Matcher, RuleSet
from collector.model import ArchiveFile, Batch, Match

Committed = Callable[[Sequence[str], tuple[str, str]], Sequence[Path]]
"""The committed files of some event types of the batch's org between two days."""


class Detection:
    """The rules, over what is new and over the records that are derived from it."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, rules: RuleSet, *, root: Path
    ) -> None:
        self._connection = connection
        self._root = root
        self._rules = rules
        self._matcher = Matcher(rules)
        # A rule about every type looks at each event once: at what was logged, not at what is made
        # of it.
        self._naming = replace(rules, rules=tuple(r for r in rules.rules if r.event_types))
        self._derived = Matcher(self._naming)

    def failures(self) -> Mapping[str, str]:
        """Rules that could not be run since the last call, with the reason; the others went on."""
        failed = {**self._matcher.failures, **self._derived.failures}
        self._matcher.failures.clear()
        self._derived.failures.clear()
        return failed

    def matches(
        self, batch: Batch, files: Sequence[ArchiveFile], *, committed: Committed
    ) -> Iterator[Match]:
        """What the rules say to the events in a batch's new files."""
        if not files:
            return
        paths = [self._root / file.path for file in files]
        if self._rules.for_type(batch.event_type):
            logged = read.relation(paths)
            yield from self._in(logged, batch, batch.event_type, self._matcher)
        for name, derived in normalize.DERIVED.items():
            if batch.event_type in derived.sources and self._naming.for_type(name):
                earlier = committed(derived.sources, _around(files, derived.reach))
                records = self._touched(derived, paths, earlier)
                yield from self._in(records, batch, name, self._derived)

    def _in(
        self, relation: str, batch: Batch, event_type: str, matcher: Matcher
    ) -> Iterator[Match]:
        yield from matcher.matches(
            self._connection,
            relation=relation,
            columns=read.columns(self._connection, relation),
            event_type=event_type,
            org=batch.stream.org,
        )

    def _touched(
        self, derived: normalize.Derived, fresh: Sequence[Path], earlier: Sequence[Path]
    ) -> str:
        """The derived records that the new events belong to, from all events of theirs."""
        new, stored = (
            read.with_columns(self._connection, read.relation(paths), derived.needs)
            for paths in (fresh, [*earlier, *fresh])
        )
        return f"({derived.select(derived.touched(new, stored))})"


def _around(files: Sequence[ArchiveFile], reach: timedelta) -> tuple[str, str]:
    first = date.fromisoformat(min(file.date for file in files)) - reach
    last = date.fromisoformat(max(file.date for file in files)) + reach
    return first.isoformat(), last.isoformat()
