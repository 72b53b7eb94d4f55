"""Keeps the rules at work as the files say: reloads what changed, and matches grown lists again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import TypeAlias

from collector import clock
from collector.detect import RuleSet, yaml_files
from collector.detect.lists.value_list import ValueList
from collector.errors import RulesError
from collector.ingest.pipeline import Pipeline
from collector.logs import log
from collector.store import rule_status as store
from collector.store.database import Database

FileStamps: TypeAlias = frozenset[tuple[str, int, int, int]]
"""Files by path, times of change of content and of anything in nanoseconds, and size."""


class RuleReloader:
    """Looks at the files of rules and lists. A broken file leaves the set before at work.

    `load_rules` gives the rules of the files as they are now, and raises RulesError; `paths` are
    the files and folders that it reads. `file_stamps` are from before `rules` were loaded: what
    has changed since is seen at the first look.
    """

    def __init__(
        self,
        *,
        load_rules: Callable[[], RuleSet],
        paths: Sequence[Path],
        file_stamps: FileStamps,
        rules: RuleSet,
        pipeline: Pipeline,
        database: Database,
    ) -> None:
        self._load_rules = load_rules
        self._paths = paths
        self._pipeline = pipeline
        self._database = database
        self._lock = threading.Lock()
        self._file_stamps = file_stamps
        self._rules = rules
        self._problems: tuple[str, ...] = ()

    def begin(self) -> None:
        """Remember what is at work, and match the archive with what lists have gained meanwhile."""
        with self._lock:
            self._save_load_status(())
            self._rematch_grown_lists()

    def reload_rules(self) -> bool:
        """Load the rules again if a file has changed. Whether other rules are at work now."""
        with self._lock:
            try:
                rules = self._load_changed()
            except RulesError as error:
                self._report_problems(tuple(map(str, error.problems)))
                return False
            except OSError as error:  # a folder: files that cannot be read are RulesErrors
                self._file_stamps = frozenset()
                self._report_problems((f"{error.filename}:1:1: cannot be read: {error.strerror}",))
                return False
            if rules is None:
                return False
            self._apply_rules(rules)
            seen, self._file_stamps = self._file_stamps, frozenset()
            self._rematch_grown_lists()
            self._file_stamps = seen  # only now: where it fails, the next look begins again
            return True

    def _load_changed(self) -> RuleSet | None:
        """The rules of the files, if any of these has changed since the last look."""
        # The stamp is older than what is loaded: a change under way is seen at the next look.
        seen = stamp_files(self._paths)
        if seen == self._file_stamps:
            return None
        self._file_stamps = seen
        return self._load_rules()

    def _apply_rules(self, rules: RuleSet) -> None:
        before, now = (frozenset(each.by_name) for each in (self._rules, rules))
        self._rules = rules
        self._pipeline.set_rules(rules)
        self._save_load_status(())
        log.info(
            "rules_loaded",
            rules=len(rules.rules),
            added=sorted(now - before),
            gone=sorted(before - now),
        )

    def _report_problems(self, problems: tuple[str, ...]) -> None:
        """Tell what is wrong, unless nothing else is than at the last look."""
        if problems == self._problems:
            return
        for problem in problems:
            log.error("rules_refused", problem=problem)
        self._save_load_status(problems)

    def _save_load_status(self, problems: tuple[str, ...]) -> None:
        self._problems = problems
        loading = store.RuleLoadStatus(
            changed=clock.now(), rules=len(self._rules.rules), problems=problems
        )
        with self._database.begin() as connection:
            store.save_load_status(connection, loading)

    def _rematch_grown_lists(self) -> None:
        """A new indicator finds last week's login: rules of grown lists see the archive again."""
        lists = {name: _list_digests(each) for name, each in self._rules.lists.by_name.items()}
        with self._database.read() as connection:
            known = store.read_matched_entries(connection)
        # A list that is gone is forgotten: nothing is matched with it until it comes back.
        changed = {
            name
            for name in {*lists, *known}
            if _find_digests(lists, name) != _find_digests(known, name)
        }
        grown = {
            name for name in changed if _find_digests(lists, name) - _find_digests(known, name)
        }
        owed = self._rematch_lists(grown) if grown else frozenset()
        with self._database.begin() as connection:
            for name in changed - owed:  # only now: whoever dies in between begins again
                store.save_matched_entries(connection, name, _find_digests(lists, name))

    def _rematch_lists(self, grown: AbstractSet[str]) -> AbstractSet[str]:
        """The lists that rules look into which failed over the archive: they see it again later."""
        reviewed = self._pipeline.rematch_rules(self._rules.find_rules_using_lists(grown))
        log.info("lists_grown", lists=sorted(grown), alerts=len(reviewed.notified_alerts))
        return {
            name
            for name in grown
            if not reviewed.failed_rules.isdisjoint(self._rules.find_rules_using_lists({name}))
        }


def _find_digests(lists: Mapping[str, frozenset[str]], name: str) -> frozenset[str]:
    return lists.get(name, frozenset())


def _list_digests(listed: ValueList) -> frozenset[str]:
    return frozenset(entry.digest for entry in listed.entries)


def stamp_files(paths: Iterable[Path]) -> FileStamps:
    """What the files of these paths, and the YAML files of folders among them, look like now."""
    return frozenset(
        found for path in paths for file in _list_files(path) if (found := _stamp_file(file))
    )


def _list_files(path: Path) -> Iterable[Path]:
    if not path.is_dir():
        return (path,)
    return yaml_files.list_yaml_files(path)


def _stamp_file(file: Path) -> tuple[str, int, int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None  # it was there a moment ago; its absence is a change, too
    return str(file), status.st_mtime_ns, status.st_ctime_ns, status.st_size
