"""Rule files to rules that can be run, or to everything that is wrong with them."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sigma.exceptions import SigmaError

from collector.detect import yaml_files
from collector.detect.event_schema import EventSchema
from collector.detect.language import (
    correlation_drafts,
    dry_run,
    rule_drafts,
    rule_filters,
    yaml_document,
)
from collector.detect.language.document_library import DocumentLibrary
from collector.detect.language.rule_compiler import compile_correlation, compile_rule
from collector.detect.language.rule_drafts import CorrelationDraft, RuleDraft
from collector.detect.language.yaml_document import YamlDocument
from collector.detect.lists import NO_LISTS, ValueLists
from collector.detect.lists.list_files import LISTS_FOLDER
from collector.detect.ruleset import RuleSet
from collector.errors import Problem, RulesError
from collector.model import Rule

__all__ = ["RuleSet", "load_rule_set"]


def load_rule_set(
    paths: Sequence[Path],
    *,
    schema: EventSchema,
    disable: Sequence[str] = (),
    lists: ValueLists = NO_LISTS,
    left_out: AbstractSet[Path] = frozenset(),
) -> RuleSet:
    """The rules of files and of folders (`*.yml` and `*.yaml`, at any depth, but for `lists`).

    Args:
        paths: files and folders; what is found twice counts once.
        schema: the event table that the rules are over.
        disable: names, ids or globs of documents to leave out, whatever is wrong with them.
        lists: the value lists that rules may name.
        left_out: files that are not read.

    Raises RulesError with every problem of every file.
    """
    with _pause_garbage_collection():
        problems: list[Problem] = []
        files = [file for file in _list_rule_files(paths, problems) if file not in left_out]
        documents = _read_documents(files, problems)
        library = DocumentLibrary.from_documents(documents, disable)
        return _compile_rule_set(library, problems, schema=schema, lists=lists)


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
    library: DocumentLibrary, problems: list[Problem], *, schema: EventSchema, lists: ValueLists
) -> RuleSet:
    problems += library.find_duplicates()
    drafts = _read_drafts(library, schema, lists, problems)
    correlations, further = correlation_drafts.read_correlations(library, drafts, schema)
    problems += further
    builder = _RuleSetBuilder(problems=problems)
    builder.compile_drafts(drafts, correlations)
    if not problems:
        builder.refuse_unrunnable_rules(schema)
    if problems:
        raise RulesError(problems)
    return RuleSet(
        rules=tuple(builder.rules),
        variants=builder.variants,
        documents=builder.documents,
        lists=lists,
    )


# ---- files


def _read_documents(files: Iterable[Path], problems: list[Problem]) -> list[YamlDocument]:
    documents = []
    for path in dict.fromkeys(files):
        try:
            documents += yaml_document.read_documents(path)
        except RulesError as error:
            problems += error.problems
    return documents


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
) -> dict[str, RuleDraft]:
    """The rules over events in which nothing is wrong, filters applied, by name."""
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
    result, filter_problems = rule_filters.apply_filters(filters, drafts, library)
    problems += filter_problems
    return result


@dataclass(frozen=True, slots=True, kw_only=True)
class _RuleSetBuilder:
    """Compiles drafts into the parts of a rule set."""

    problems: list[Problem]
    rules: list[Rule] = field(default_factory=list)
    variants: dict[tuple[str, str], Rule] = field(default_factory=dict)
    documents: dict[str, YamlDocument] = field(default_factory=dict)

    def compile_drafts(
        self, drafts: Mapping[str, RuleDraft], correlations: Sequence[CorrelationDraft]
    ) -> None:
        """Compile all drafts; a rule alerts unless it or a correlation over it says otherwise."""
        generate_flags = correlation_drafts.collect_generate_flags(correlations)
        all_drafts: list[RuleDraft | CorrelationDraft] = [*drafts.values(), *correlations]
        for each in all_drafts:
            is_explicit = "alert" in each.block.model_fields_set
            alert = each.block.alert if is_explicit else generate_flags.get(each.name, True)
            try:
                self._compile_draft(each, alert=alert)
            except SigmaError as error:
                self.problems.append(each.document.build_problem(("detection",), str(error)))
            except RecursionError:  # of a rule under hundreds of filters
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
