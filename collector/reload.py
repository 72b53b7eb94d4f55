"""Keeps the rules at work as the files say: reloads what changed, and matches grown lists again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import TypeAlias

from collector import clock
from collector.detect import RuleSet, files
from collector.detect.lists.entries import ValueList
from collector.errors import RulesError
from collector.observe import log
from collector.pipeline import Pipeline
from collector.store import rules as store
from collector.store.database import Database

Stamp: TypeAlias = frozenset[tuple[str, int, int, int]]
"""Files by path, times of change of content and of anything in nanoseconds, and size."""


class Reload:
    """Looks at the files of rules and lists. A broken file leaves the set before at work.

    `load` gives the rules of the files as they are now, and raises RulesError; `paths` are the
    files and folders that it reads. `seen` is their stamp from before `rules` were loaded: what
    has changed since is seen at the first look.
    """

    def __init__(
        self,
        *,
        load: Callable[[], RuleSet],
        paths: Sequence[Path],
        seen: Stamp,
        rules: RuleSet,
        pipeline: Pipeline,
        database: Database,
    ) -> None:
        self._load = load
        self._paths = paths
        self._pipeline = pipeline
        self._database = database
        self._turn = threading.Lock()
        self._stamp = seen
        self._rules = rules
        self._problems: tuple[str, ...] = ()

    def begin(self) -> None:
        """Remember what is at work, and match the archive with what lists have gained meanwhile."""
        with self._turn:
            self._remember(())
            self._review()

    def look(self) -> bool:
        """Load the rules again if a file has changed. Whether other rules are at work now."""
        with self._turn:
            try:
                rules = self._changed()
            except RulesError as error:
                self._refuse(tuple(map(str, error.problems)))
                return False
            except OSError as error:  # a folder: files that cannot be read are RulesErrors
                self._stamp = frozenset()
                self._refuse((f"{error.filename}:1:1: cannot be read: {error.strerror}",))
                return False
            if rules is None:
                return False
            self._use(rules)
            seen, self._stamp = self._stamp, frozenset()
            self._review()
            self._stamp = seen  # only now: where it fails, the next look begins again
            return True

    def _changed(self) -> RuleSet | None:
        """The rules of the files, if any of these has changed since the last look."""
        # The stamp is older than what is loaded: a change under way is seen at the next look.
        seen = stamp(self._paths)
        if seen == self._stamp:
            return None
        self._stamp = seen
        return self._load()

    def _use(self, rules: RuleSet) -> None:
        before, now = (frozenset(each.by_name) for each in (self._rules, rules))
        self._rules = rules
        self._pipeline.use(rules)
        self._remember(())
        log.info(
            "rules_loaded",
            rules=len(rules.rules),
            added=sorted(now - before),
            gone=sorted(before - now),
        )

    def _refuse(self, problems: tuple[str, ...]) -> None:
        """Tell what is wrong, unless nothing else is than at the last look."""
        if problems == self._problems:
            return
        for problem in problems:
            log.error("rules_refused", problem=problem)
        self._remember(problems)

    def _remember(self, problems: tuple[str, ...]) -> None:
        self._problems = problems
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
        # A list that is gone is forgotten: nothing is matched with it until it comes back.
        changed = {name for name in {*lists, *known} if _of(lists, name) != _of(known, name)}
        grown = {name for name in changed if _of(lists, name) - _of(known, name)}
        owed = self._match_again(grown) if grown else frozenset()
        with self._database.begin() as connection:
            for name in changed - owed:  # only now: whoever dies in between begins again
                store.know_entries(connection, name, _of(lists, name))

    def _match_again(self, grown: AbstractSet[str]) -> AbstractSet[str]:
        """The lists that rules look into which failed over the archive: they see it again later."""
        reviewed = self._pipeline.review(self._rules.reading(grown))
        log.info("lists_grown", lists=sorted(grown), alerts=len(reviewed.told))
        return {
            name for name in grown if not reviewed.failed.isdisjoint(self._rules.reading({name}))
        }


def _of(lists: Mapping[str, frozenset[str]], name: str) -> frozenset[str]:
    return lists.get(name, frozenset())


def _digests(listed: ValueList) -> frozenset[str]:
    return frozenset(entry.digest for entry in listed.entries)


def stamp(paths: Iterable[Path]) -> Stamp:
    """What the files of these paths, and the YAML files of folders among them, look like now."""
    return frozenset(found for path in paths for file in _files(path) if (found := _stamped(file)))


def _files(path: Path) -> Iterable[Path]:
    if not path.is_dir():
        return (path,)
    return files.below(path)


def _stamped(file: Path) -> tuple[str, int, int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None  # it was there a moment ago; its absence is a change, too
    return str(file), status.st_mtime_ns, status.st_ctime_ns, status.st_size
