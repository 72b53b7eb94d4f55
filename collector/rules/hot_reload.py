"""Keeps the rules at work as the files say: reloads what changed, and matches grown lists again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path

from collector import clock
from collector.detect import RuleSet
from collector.detect.lists.value_list import ValueList
from collector.errors import Problem, RulesError
from collector.ingest.pipeline import Pipeline
from collector.logs import log
from collector.rules.file_stamps import FileStamps, stamp_files
from collector.rules.outline import RuleOutlineFile, outline_rules
from collector.store import rule_status
from collector.store.database import Database


class RuleReloader:
    """Looks at the files of rules and lists. A broken file leaves the set before at work.

    `load_rules` gives the rules of the files as they are now, and raises RulesError; `paths` are
    the files and folders that it reads. `file_stamps` are from before `rules` were loaded: what
    has changed since is seen at the first look. `problems` are of files that `rules` go without.
    `list_newest_days` says of which types the archive has which day's files: their columns may be
    what problems are about, so that rules are loaded again when it changes.
    Where there is an `outline_file`, it has the outline of the rules at work, and these problems.
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
        problems: Sequence[Problem] = (),
        list_newest_days: Callable[[], AbstractSet[str]] = frozenset,
        outline_file: RuleOutlineFile | None = None,
    ) -> None:
        self._load_rules = load_rules
        self._paths = paths
        self._pipeline = pipeline
        self._database = database
        self._outline_file = outline_file
        self._list_newest_days = list_newest_days
        self._known_days: AbstractSet[str] = frozenset()
        self._lock = threading.Lock()
        self._file_stamps = file_stamps
        self._rules = rules
        self._problems: tuple[str, ...] = ()
        self._initial_problems = tuple(map(str, problems))

    @property
    def rules(self) -> RuleSet:
        """The rules at work."""
        return self._rules

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong with files that the rules at work go without."""
        return self._problems

    def begin(self) -> None:
        """Save the load status, and match the archive with what lists have gained meanwhile."""
        with self._lock:
            self._save_load_status(())
            self._report_problems(self._initial_problems)
            self._keep_outline(self._initial_problems)
            self._rematch_grown_lists()

    def reload_rules(self) -> bool:
        """Load the rules again if a file has changed. Returns whether other rules apply now."""
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
            stamps, self._file_stamps = self._file_stamps, frozenset()
            self._rematch_grown_lists()
            self._file_stamps = stamps  # only now: where it fails, the next look begins again
            return True

    def _load_changed(self) -> RuleSet | None:
        """The rules of the files, if any of these has changed since the last look.

        Or if there are problems, which files that have been archived meanwhile may have ended.
        """
        # The stamp is older than what is loaded: a change under way is seen at the next look.
        stamps = stamp_files(self._paths)
        days = self._list_newest_days() if self._problems else self._known_days
        if stamps == self._file_stamps and days == self._known_days:
            return None
        self._file_stamps, self._known_days = stamps, days
        return self._load_rules()

    def _apply_rules(self, rules: RuleSet) -> None:
        old_names, new_names = (frozenset(rule_set.by_name) for rule_set in (self._rules, rules))
        self._rules = rules
        self._pipeline.set_rules(rules)
        self._save_load_status(())
        self._keep_outline(())
        log.info(
            "rules_loaded",
            rules=len(rules.active_rules),
            added=sorted(new_names - old_names),
            gone=sorted(old_names - new_names),
        )

    def _report_problems(self, problems: tuple[str, ...]) -> None:
        """Log and save the problems, unless they are those of the last look."""
        if problems == self._problems:
            return
        for problem in problems:
            log.error("rules_refused", problem=problem)
        self._save_load_status(problems)

    def _save_load_status(self, problems: tuple[str, ...]) -> None:
        self._problems = problems
        status = rule_status.RuleLoadStatus(
            changed=clock.now(), rules=len(self._rules.active_rules), problems=problems
        )
        with self._database.begin() as connection:
            rule_status.save_load_status(connection, status)

    def _keep_outline(self, problems: tuple[str, ...]) -> None:
        if self._outline_file is not None:
            outline = outline_rules(self._rules, problems)
            self._outline_file.save_outline(self._file_stamps, outline)

    def _rematch_grown_lists(self) -> None:
        """Match the archive with grown lists: a new indicator finds last week's login."""
        value_lists = self._rules.lists.by_name
        lists = {name: _list_digests(value_list) for name, value_list in value_lists.items()}
        with self._database.read() as connection:
            matched = rule_status.read_matched_entries(connection)
        # A list that is gone is forgotten: nothing is matched with it until it comes back.
        changed = {
            name
            for name in {*lists, *matched}
            if _find_digests(lists, name) != _find_digests(matched, name)
        }
        grown = {
            name for name in changed if _find_digests(lists, name) - _find_digests(matched, name)
        }
        failed = self._rematch_lists(grown) if grown else frozenset()
        with self._database.begin() as connection:
            for name in changed - failed:  # only now: whoever dies in between begins again
                rule_status.save_matched_entries(connection, name, _find_digests(lists, name))

    def _rematch_lists(self, grown: AbstractSet[str]) -> AbstractSet[str]:
        """Match the archive with rules of grown lists. Returns the lists of those that failed."""
        result = self._pipeline.rematch_rules(self._rules.find_rules_using_lists(grown))
        log.info("lists_grown", lists=sorted(grown), alerts=len(result.notified_alerts))
        return {
            name
            for name in grown
            if not result.failed_rules.isdisjoint(self._rules.find_rules_using_lists({name}))
        }


def _find_digests(lists: Mapping[str, frozenset[str]], name: str) -> frozenset[str]:
    return lists.get(name, frozenset())


def _list_digests(value_list: ValueList) -> frozenset[str]:
    return frozenset(entry.digest for entry in value_list.entries)
