"""Rule files to rules that can be run, or to everything that is wrong with them."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from sigma.exceptions import SigmaError

from collector.detect.event_schema import EventSchema
from collector.detect.language import (
    correlation_drafts,
    correlation_filters,
    dry_run,
    filter_targets,
    rule_drafts,
    rule_filters,
    yaml_document,
)
from collector.detect.language.borrowed_documents import borrow_documents, refers_to
from collector.detect.language.document_completion import complete_documents
from collector.detect.language.document_library import DocumentLibrary, determine_kind, read_name
from collector.detect.language.filter_targets import FilteredDrafts
from collector.detect.language.rule_compiler import compile_correlation, compile_rule
from collector.detect.language.rule_drafts import CorrelationDraft, RuleDraft
from collector.detect.language.silenced_rules import find_silencers
from collector.detect.language.yaml_document import YamlDocument
from collector.detect.lists import NO_LISTS, ValueLists
from collector.detect.lists.list_files import LISTS_FOLDER
from collector.detect.recent_rule_sets import RecentRuleSets, RuleSources
from collector.detect.rule_switches import borrow_rules, switch_rules
from collector.detect.ruleset import RuleSet
from collector.detect.tuning.entries import TuningEntry
from collector.detect.tuning.tuned_library import TunedLibrary, tune_library
from collector.errors import Problem, RulesError
from collector.model import Rule
from collector.yaml_source import yaml_files

__all__ = ["RuleSet", "load_named_rule_set", "load_rule_set"]

_RECENT = RecentRuleSets()


def load_rule_set(
    paths: Sequence[Path],
    *,
    schema: EventSchema,
    disable: Sequence[str] = (),
    lists: ValueLists = NO_LISTS,
    left_out: AbstractSet[Path] = frozenset(),
    tuning: Sequence[TuningEntry] = (),
) -> RuleSet:
    """The rules of files and of folders (`*.yml` and `*.yaml`, at any depth, but for `lists`).

    Args:
        paths: files and folders; what is found twice counts once.
        schema: the event table that the rules are over.
        disable: names, ids or globs of documents to leave out, whatever is wrong with them.
        lists: the value lists that rules may name.
        left_out: files that are not read; what is wrong with tuning in one of them is not told.
        tuning: what is different in which rules; what is wrong in it is left out.

    Raises RulesError with every problem of every file.
    """
    with _pause_garbage_collection():
        problems: list[Problem] = []
        files = [file for file in _list_rule_files(paths, problems) if file not in left_out]
        documents = _read_documents(files, problems)
        library = DocumentLibrary.from_documents(documents, disable)
        problems += library.find_duplicates()
        tuned = tune_library(library, tuning, schema, lists)
        problems += (each for each in tuned.problems if each.path not in left_out)
        return _compile_rule_set(tuned, problems, schema=schema, lists=lists)


def load_named_rule_set(
    paths: Sequence[Path],
    *,
    other_paths: Sequence[Path],
    schema: EventSchema,
    disable: Sequence[str] = (),
    lists: ValueLists = NO_LISTS,
    tuning: Sequence[TuningEntry] = (),
) -> RuleSet:
    """The rules of files and folders, with those of others that they look at, as `borrowed`.

    Args:
        paths: as of `load_rule_set`.
        other_paths: where rules are borrowed from; what the named files have themselves is not.
        schema: the event table that the rules are over.
        disable: names, ids or globs of what is not borrowed.
        lists: the value lists that rules may name.
        tuning: what is different in which rules; what of it changes nothing is not told.

    Raises RulesError with every problem of the named files, and of those that they need.
    """
    with _pause_garbage_collection():
        problems: list[Problem] = []
        other_problems: list[Problem] = []
        files = list(_list_rule_files(paths, problems))
        documents = _read_documents(files, problems)
        other_files = _list_other_files(other_paths, files, other_problems)
        others = DocumentLibrary.from_documents(
            _read_documents(other_files, other_problems), disable
        )
        borrowed = borrow_documents(documents, others.documents)
        library = replace(others, documents=(*documents, *borrowed))
        problems += library.find_duplicates()
        tuned = tune_library(library, tuning, schema, lists)
        problems += tuned.problems
        tuned = replace(tuned, warnings=())
        try:
            rules = _compile_rule_set(tuned, problems, schema=schema, lists=lists)
        except RulesError as error:  # a file that cannot be read may have what is missing
            raise RulesError([*error.problems, *other_problems]) from None
        filters = [each for each in documents if determine_kind(each) == "filter"]
        filtered = {
            read_name(each) for each in borrowed if any(refers_to(one, each) for one in filters)
        }
        return borrow_rules(rules, {read_name(each) for each in borrowed}, filtered)


@contextmanager
def _pause_garbage_collection() -> Iterator[None]:
    """Disable garbage collection: nearly all objects of loading live until its end.

    Collecting took two fifths of its time.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _compile_rule_set(
    tuned: TunedLibrary, problems: list[Problem], *, schema: EventSchema, lists: ValueLists
) -> RuleSet:
    """Compile what nothing is wrong with, or find it compiled. Raises RulesError with all else."""
    sources = RuleSources(tuned=tuned, lists=lists, schema=schema)
    if problems:
        return _compile_sources(sources, problems)
    return _RECENT.compile(sources, lambda each: _compile_sources(each, []))


def _compile_sources(sources: RuleSources, problems: list[Problem]) -> RuleSet:
    tuned, lists, schema = sources.tuned, sources.lists, sources.schema
    library = tuned.library
    filtered = _read_drafts(library, schema, lists, problems)
    correlations, further = correlation_drafts.read_correlations(library, filtered.drafts, schema)
    problems += further
    silencers = find_silencers(
        filtered.drafts.values(), [each for each in correlations if tuned.is_on(each.name)]
    )
    final = correlation_filters.filter_correlations(
        () if problems else filtered.correlation_filters,
        filtered.drafts,
        correlations,
        () if problems else tuned.member_conditions,
    )
    member_warnings = [each for one in tuned.member_conditions for each in one.list_warnings()]
    builder = _RuleSetBuilder(problems=problems, silencers=silencers)
    builder.compile_drafts([*final.drafts.values(), *final.correlations])
    if not problems:
        builder.refuse_unrunnable_rules(schema)
    if problems:
        raise RulesError(problems)
    rules = RuleSet(
        rules=tuple(builder.rules),
        variants=builder.variants,
        documents=builder.documents,
        silencers=builder.silencers,
        lists=lists,
        filter_warnings=(*filtered.warnings, *final.warnings),
        adjustments=tuned.adjustments,
        tuning_warnings=(*tuned.warnings, *member_warnings),
        tuning_problems=tuned.problems,
        compile_again=lambda names, other_lists: _compile_rule_set(
            replace(tuned, library=library.select_names(names)),
            [],
            schema=schema,
            lists=other_lists,
        ),
    )
    return switch_rules(rules)


# ---- files


def _read_documents(files: Iterable[Path], problems: list[Problem]) -> list[YamlDocument]:
    documents = []
    for path in dict.fromkeys(files):
        try:
            documents += complete_documents(yaml_document.read_documents(path))
        except RulesError as error:
            problems += error.problems
    return documents


def _list_other_files(
    paths: Sequence[Path], files: Sequence[Path], problems: list[Problem]
) -> Iterator[Path]:
    """The files of these paths that are none of the given ones, whatever path leads there."""
    known = {file.resolve() for file in files}
    return (file for file in _list_rule_files(paths, problems) if file.resolve() not in known)


def _list_rule_files(paths: Sequence[Path], problems: list[Problem]) -> Iterator[Path]:
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        found = yaml_files.list_yaml_files(path)
        if not found:
            message = "a folder without rule files (*.yml, *.yaml)"
            problems.append(Problem(path=path, line=1, column=1, message=message))
        yield from (each for each in found if LISTS_FOLDER not in each.relative_to(path).parts[:-1])


# ---- documents


def _read_drafts(
    library: DocumentLibrary, schema: EventSchema, lists: ValueLists, problems: list[Problem]
) -> FilteredDrafts:
    """The rules over events in which nothing is wrong, filters applied."""
    drafts: dict[str, RuleDraft] = {}
    filters = []
    for each in library.select_by_kind("rule"):
        try:
            draft = rule_drafts.build_rule_draft(each, schema, lists)
            drafts[draft.name] = draft
        except RulesError as error:
            problems += error.problems
    for each in library.select_by_kind("filter"):
        try:
            filters.append(rule_filters.read_filter(each, schema, lists))
        except RulesError as error:
            problems += error.problems
    filtered = filter_targets.apply_filters(filters, drafts, library)
    problems += filtered.problems
    return filtered


@dataclass(frozen=True, slots=True, kw_only=True)
class _RuleSetBuilder:
    """Compiles drafts into the parts of a rule set."""

    problems: list[Problem]
    silencers: Mapping[str, tuple[str, ...]]
    rules: list[Rule] = field(default_factory=list)
    variants: dict[tuple[str, str], Rule] = field(default_factory=dict)
    documents: dict[str, YamlDocument] = field(default_factory=dict)

    def compile_drafts(self, drafts: Sequence[RuleDraft | CorrelationDraft]) -> None:
        """Compile all drafts; a rule alerts unless it or a correlation over it says otherwise."""
        for each in drafts:
            try:
                self._compile_draft(
                    each, alert=each.block.alert and each.name not in self.silencers
                )
            except SigmaError as error:
                self.problems.append(each.document.build_problem(("detection",), str(error)))
            except RecursionError:
                message = "its condition is too deep, filters included"
                self.problems.append(each.document.build_problem(("detection",), message))

    def _compile_draft(self, each: RuleDraft | CorrelationDraft, *, alert: bool) -> None:
        if isinstance(each, RuleDraft):
            rule, variants = compile_rule(each, alert=alert)
            self.variants.update(variants)
        else:
            rule = compile_correlation(each, alert=alert)
        self.rules.append(rule)
        self.documents[each.name] = (
            each.filtered_document if isinstance(each, RuleDraft) else each.document
        )

    def refuse_unrunnable_rules(self, schema: EventSchema) -> None:
        """Add a problem for every rule that the engine refuses."""
        for name, reason in dry_run.find_refused_rules(
            self.rules, (*self.variants.values(),), schema
        ):
            key = "correlation" if "correlation" in self.documents[name].data else "detection"
            message = f"the engine refuses it: {reason}"
            self.problems.append(self.documents[name].build_problem((key,), message))
