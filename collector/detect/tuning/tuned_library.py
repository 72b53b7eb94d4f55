"""All documents as the configuration wants them, and what of `rules.tune` means nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from collector.detect.event_schema import EventSchema
from collector.detect.language.document_library import DocumentLibrary, determine_kind, read_name
from collector.detect.language.yaml_document import YamlDocument
from collector.detect.lists import ValueLists
from collector.detect.tuning.adjustment import RuleAdjustment
from collector.detect.tuning.entries import TuningEntry
from collector.detect.tuning.impossible_conditions import find_impossible_conditions
from collector.detect.tuning.member_conditions import MemberConditions
from collector.detect.tuning.tuned_documents import DocumentTuner, TunedDocument, UnusedKey
from collector.errors import Problem
from collector.yaml_source.suggestions import suggest_name

_NAME_LIMIT = 4
"""So many rules are named in a warning about a glob."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TunedLibrary:
    """Documents with the values of their parameters and with tuning.

    Attributes:
        library: the documents.
        adjustments: by name of a rule, what is different in it.
        problems: what is wrong with tuning, which has not been applied.
        warnings: what of it changes nothing.
        member_conditions: what is to be asked of the events that correlations look at.
    """

    library: DocumentLibrary
    adjustments: Mapping[str, RuleAdjustment]
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    member_conditions: tuple[MemberConditions, ...]

    def is_on(self, name: str) -> bool:
        """Whether the rule of that name is switched on."""
        adjustment = self.adjustments.get(name)
        return adjustment is None or adjustment.is_on


def tune_library(
    library: DocumentLibrary,
    entries: Sequence[TuningEntry],
    schema: EventSchema,
    lists: ValueLists,
) -> TunedLibrary:
    """The documents with what the entries say, each in the order of these."""
    tuner = DocumentTuner(schema=schema, lists=lists)
    impossible = [tuple(find_impossible_conditions(entry, schema)) for entry in entries]
    possible = [entry for entry, found in zip(entries, impossible, strict=True) if not found]
    tuned = [_tune_document(document, possible, tuner) for document in library.documents]
    problems = (problem for each in tuned for problem in each.problems)
    return TunedLibrary(
        library=replace(library, documents=tuple(each.document for each in tuned)),
        adjustments={read_name(each.document): each.adjustment for each in tuned},
        problems=tuple(dict.fromkeys((*chain.from_iterable(impossible), *problems))),
        warnings=tuple(_list_warnings(library, entries, tuned)),
        member_conditions=tuple(one for each in tuned for one in each.member_conditions),
    )


def _tune_document(
    document: YamlDocument, entries: Sequence[TuningEntry], tuner: DocumentTuner
) -> TunedDocument:
    if determine_kind(document) == "filter":
        return TunedDocument(document=document, adjustment=RuleAdjustment())
    fitting = [(position, entry) for position, entry in enumerate(entries) if entry.fits(document)]
    return tuner.tune_document(document, fitting)


# ---- what changes nothing


def _list_warnings(
    library: DocumentLibrary, entries: Sequence[TuningEntry], tuned: Sequence[TunedDocument]
) -> Iterator[Problem]:
    unused = [key for each in tuned for key in each.unused_keys]
    for entry in entries:
        names = _list_fitting_names(library.documents, entry)
        if not names:
            yield entry.build_problem((), _explain_unmatched(library, entry))
        own = [each for each in unused if each.entry is entry]
        for key in dict.fromkeys(each.key for each in own):
            reasons = [each for each in own if each.key == key]
            if message := _describe_unused(key, reasons, len(names), entry):
                yield entry.build_problem(key.split("."), message)


def _list_fitting_names(documents: Iterable[YamlDocument], entry: TuningEntry) -> list[str]:
    return [
        read_name(each)
        for each in documents
        if determine_kind(each) != "filter" and entry.fits(each)
    ]


def _explain_unmatched(library: DocumentLibrary, entry: TuningEntry) -> str:
    if any(entry.fits(each) for each in library.disabled_documents):
        return f"{entry.pattern!r} is disabled: tuning changes nothing in it"
    if entry.is_glob:
        return f"no rule fits {entry.pattern!r}: this changes nothing"
    rules = [each for each in library.documents if determine_kind(each) != "filter"]
    hint = suggest_name(entry.pattern, {read_name(each) for each in rules} - {""})
    return f"unknown rule {entry.pattern!r}{hint}"


def _describe_unused(
    key: str, unused: Sequence[UnusedKey], rule_count: int, entry: TuningEntry
) -> str:
    """Why a key changes nothing in some of its rules; empty where that goes without saying."""
    first = unused[0]
    if not entry.is_glob:
        return f"{key!r} changes nothing in {first.rule!r}: {first.reason}"
    if len(unused) == rule_count:
        return f"{key!r} changes nothing in any rule: {first.reason}"
    names = [each.rule for each in unused]
    more = f" and {len(names) - _NAME_LIMIT} more" if len(names) > _NAME_LIMIT else ""
    listed = f"{', '.join(names[:_NAME_LIMIT])}{more}"
    return f"{key!r} changes nothing in {listed}: {unused[0].reason}" if names else ""
