"""Runs the rules over the Parquet files that a batch has just become."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path

import duckdb

from collector import normalize
from collector.archive import read
from collector.detect import Matcher, RuleSet
from collector.model import ArchiveFile, Batch, Match

JOB_LIFE = timedelta(days=8)
"""Salesforce deletes a bulk job about 7 days, at most 8, after its creation."""

Committed = Callable[[Sequence[str], tuple[str, str]], Sequence[Path]]
"""The committed files of some event types of the batch's org between two days."""


class Detection:
    """The rules, over what is new and over the records that are derived from it."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, rules: RuleSet, *, root: Path
    ) -> None:
        self._connection = connection
        self._rules = rules
        self._root = root
        self._matcher = Matcher(rules)

    def failures(self) -> Mapping[str, str]:
        """Rules that could not be run since the last call, with the reason; the others went on."""
        failed = dict(self._matcher.failures)
        self._matcher.failures.clear()
        return failed

    def matches(
        self, batch: Batch, files: Sequence[ArchiveFile], *, committed: Committed
    ) -> Iterator[Match]:
        """What the rules say to the events in a batch's new files."""
        if not files:
            return
        paths = [self._root / file.path for file in files]
        yield from self._in(batch, batch.event_type, read.relation(paths))
        for name, derived in normalize.DERIVED.items():
            if batch.event_type in derived.sources and self._rules.for_type(name):
                earlier = committed(derived.sources, _around(files))
                yield from self._in(batch, name, self._touched(derived, paths, earlier))

    def _in(self, batch: Batch, event_type: str, relation: str) -> Iterator[Match]:
        if self._rules.for_type(event_type):
            yield from self._matcher.matches(
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
        stored = read.with_columns(
            self._connection, read.relation([*earlier, *fresh]), derived.needs
        )
        jobs = f"SELECT job_id FROM {read.relation(fresh)}"
        return f"({derived.select(f'(SELECT * FROM {stored} WHERE job_id IN ({jobs}))')})"


def _around(files: Sequence[ArchiveFile]) -> tuple[str, str]:
    first = date.fromisoformat(min(file.date for file in files)) - JOB_LIFE
    last = date.fromisoformat(max(file.date for file in files)) + JOB_LIFE
    return first.isoformat(), last.isoformat()
