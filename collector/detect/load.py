"""Rule files to rules that can be run, or to everything that is wrong with them."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sigma.exceptions import SigmaError

from collector.detect import files
from collector.detect.language import correlated, document, draft, dry_run, filters
from collector.detect.language.compile import compile_correlation, compile_rule
from collector.detect.language.document import Document
from collector.detect.language.draft import CorrelationDraft, Draft
from collector.detect.language.library import Library
from collector.detect.lists import NONE, Lists
from collector.detect.lists.files import FOLDER
from collector.detect.ruleset import RuleSet
from collector.detect.schema import Schema
from collector.errors import Problem, RulesError
from collector.model import Rule

__all__ = ["RuleSet", "load"]


def load(
    paths: Sequence[Path], *, schema: Schema, disable: Sequence[str] = (), lists: Lists = NONE
) -> RuleSet:
    """The rules of files and of folders (`*.yml` and `*.yaml`, at any depth, but for `lists`).

    Args:
        paths: files and folders; what is found twice counts once.
        schema: the event table that the rules are over.
        disable: names, ids or globs of documents to leave out, whatever is wrong with them.
        lists: the value lists that rules may name.

    Raises RulesError with every problem of every file.
    """
    with _uncollected():
        return _load(paths, schema=schema, disable=disable, lists=lists)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without searches for garbage: nearly all that loading builds is kept until its end.

    They took two fifths of its time.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _load(
    paths: Sequence[Path], *, schema: Schema, disable: Sequence[str], lists: Lists
) -> RuleSet:
    problems: list[Problem] = []
    library = Library.of(_documents(paths, problems), disable)
    problems += library.duplicates()
    drafts = _drafts(library, schema, lists, problems)
    correlations, wrong = correlated.read(library, drafts, schema)
    problems += wrong
    work = _Work(problems=problems)
    work.compile(drafts, correlations)
    if not problems:
        work.try_out(schema)
    if problems:
        raise RulesError(problems)
    return RuleSet(
        rules=tuple(work.rules), variants=work.variants, documents=work.documents, lists=lists
    )


# ---- files


def _documents(paths: Sequence[Path], problems: list[Problem]) -> list[Document]:
    documents = []
    for path in dict.fromkeys(_files(paths, problems)):
        try:
            documents += document.read(path)
        except RulesError as error:
            problems += error.problems
    return documents


def _files(paths: Sequence[Path], problems: list[Problem]) -> Iterator[Path]:
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        found = files.below(path)
        if not found:
            message = "a folder without rule files (*.yml, *.yaml)"
            problems.append(Problem(path=path, line=1, column=1, message=message))
        yield from (each for each in found if FOLDER not in each.relative_to(path).parts[:-1])


# ---- documents


def _drafts(
    library: Library, schema: Schema, lists: Lists, problems: list[Problem]
) -> dict[str, Draft]:
    """The rules over events in which nothing is wrong, filters applied, by name."""
    found: dict[str, Draft] = {}
    exceptions = []
    for each in library.of_kind("rule"):
        try:
            made = draft.of_rule(each, schema, lists)
            found[made.name] = made
        except RulesError as error:
            problems += error.problems
    for each in library.of_kind("filter"):
        try:
            exceptions.append(filters.read(each, schema, lists))
        except RulesError as error:
            problems += error.problems
    result, wrong = filters.apply(exceptions, found, library)
    problems += wrong
    return result


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """Drafts on their way to a rule set."""

    problems: list[Problem]
    rules: list[Rule] = field(default_factory=list)
    variants: dict[tuple[str, str], Rule] = field(default_factory=dict)
    documents: dict[str, Document] = field(default_factory=dict)

    def compile(
        self, drafts: Mapping[str, Draft], correlations: Sequence[CorrelationDraft]
    ) -> None:
        """Compile all of them; what nobody looks at alerts unless it says that it does not."""
        generated = correlated.generated(correlations)
        every: list[Draft | CorrelationDraft] = [*drafts.values(), *correlations]
        for each in every:
            stated = "alert" in each.block.model_fields_set
            alert = each.block.alert if stated else generated.get(each.name, True)
            try:
                self._compile_one(each, alert=alert)
            except SigmaError as error:
                self.problems.append(each.document.problem(("detection",), str(error)))

    def _compile_one(self, each: Draft | CorrelationDraft, *, alert: bool) -> None:
        if isinstance(each, Draft):
            rule, variants = compile_rule(each, alert=alert)
            self.variants.update(variants)
        else:
            rule = compile_correlation(each, alert=alert)
        self.rules.append(rule)
        self.documents[each.name] = each.run if isinstance(each, Draft) else each.document

    def try_out(self, schema: Schema) -> None:
        """Ask the engine what it says of every rule."""
        for name, reason in dry_run.refusals(self.rules, (*self.variants.values(),), schema):
            where = "correlation" if "correlation" in self.documents[name].data else "detection"
            message = f"the engine refuses it: {reason}"
            self.problems.append(self.documents[name].problem((where,), message))
