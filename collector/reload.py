"""Keeps the rules at work as the files say: reloads what changed, and matches grown lists again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeAlias

from collector import clock
from collector.detect import RuleSet
from collector.detect.lists.entries import ValueList
from collector.errors import RulesError
from collector.observe import log
from collector.pipeline import Pipeline
from collector.store import rules as store
from collector.store.database import Database

Stamp: TypeAlias = frozenset[tuple[str, int, int]]
"""Files by path, time of change in nanoseconds, and size."""


class Reload:
    """Looks at the files of rules and lists. A broken file leaves the set before at work.

    `load` gives the rules of the files as they are now, and raises RulesError; `paths` are the
    files and folders that it reads.
    """

    def __init__(
        self,
        *,
        load: Callable[[], RuleSet],
        paths: Sequence[Path],
        rules: RuleSet,
        pipeline: Pipeline,
        database: Database,
    ) -> None:
        self._load = load
        self._paths = paths
        self._pipeline = pipeline
        self._database = database
        self._turn = threading.Lock()
        self._stamp = stamp(paths)
        self._rules = rules

    def begin(self) -> None:
        """Remember what is at work, and match the archive with what lists have gained meanwhile."""
        with self._turn:
            self._remember(())
            self._review()

    def look(self) -> bool:
        """Load the rules again if a file has changed. Whether other rules are at work now."""
        with self._turn:
            seen = stamp(self._paths)
            if seen == self._stamp:
                return False
            self._stamp = seen
            try:
                rules = self._load()
            except RulesError as error:
                self._refuse(error)
                return False
            self._rules = rules
            self._pipeline.use(rules)
            self._remember(())
            log.info("rules_loaded", rules=len(rules.rules))
            self._review()
            return True

    def _refuse(self, error: RulesError) -> None:
        problems = tuple(map(str, error.problems))
        for problem in problems:
            log.error("rules_refused", problem=problem)
        self._remember(problems)

    def _remember(self, problems: tuple[str, ...]) -> None:
        loading = store.Loading(
            changed=clock.now(), rules=len(self._rules.rules), problems=problems
        )
        with self._database.begin() as connection:
            store.set_loading(connection, loading)

    def _review(self) -> None:
        """A new indicator finds last week's login: rules of grown lists see the archive again."""
        lists = {name: _digests(each) for name, each in self._rules.lists.by_name.items()}
        with self._database.read() as connection:
            known = store.known_entries(connection)
        changed = {name for name, now in lists.items() if now != known.get(name, frozenset())}
        grown = {name for name in changed if lists[name] - known.get(name, frozenset())}
        if grown:
            told = self._pipeline.review(self._rules.reading(grown))
            log.info("lists_grown", lists=sorted(grown), alerts=len(told))
        with self._database.begin() as connection:
            for name in changed:  # only now: whoever dies in between begins again
                store.know_entries(connection, name, lists[name], now=clock.now())


def _digests(listed: ValueList) -> frozenset[str]:
    return frozenset(entry.digest for entry in listed.entries)


def stamp(paths: Iterable[Path]) -> Stamp:
    """What the files of these paths, and of the folders among them, look like now."""
    found = set()
    for path in paths:
        for file in path.rglob("*") if path.is_dir() else (path,):
            try:
                status = file.stat()
            except OSError:
                continue  # it was there a moment ago; its absence is a change, too
            found.add((str(file), status.st_mtime_ns, status.st_size))
    return frozenset(found)
