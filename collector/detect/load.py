"""Rule files to rules that can be run, or to everything that is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TypeAlias

import duckdb
from sigma.exceptions import SigmaError

from collector import engine
from collector.detect import block as blocks
from collector.detect import document
from collector.detect.check_block import block_problems, event_types_of
from collector.detect.check_detection import detection_problems
from collector.detect.check_metadata import metadata_problems, other_kind, pysigma_problems
from collector.detect.compile import Draft, compile_rule, fields
from collector.detect.document import Document
from collector.detect.schema import Schema
from collector.detect.scope import Scope
from collector.errors import Problem, RulesError
from collector.model import Rule
from collector.text import sql_identifier

SUFFIXES = frozenset({".yml", ".yaml"})


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSet:
    """Rules that can be run.

    Attributes:
        rules: every rule, each compiled for the first of its event types.
        variants: by rule name and event type, the rule where that type keeps one of its fields in
            another column.
    """

    rules: tuple[Rule, ...]
    variants: Mapping[tuple[str, str], Rule] = field(default_factory=dict)

    def for_type(self, event_type: str) -> tuple[Rule, ...]:
        """The rules that look at events of that type, compiled for it."""
        return tuple(
            self.variants.get((rule.name, event_type), rule)
            for rule in self.rules
            if not rule.event_types or event_type in rule.event_types
        )


_Compiled: TypeAlias = tuple[Draft, Rule, dict[tuple[str, str], Rule]]


def load(paths: Sequence[Path], *, schema: Schema, disable: Sequence[str] = ()) -> RuleSet:
    """The rules of files and of folders (`*.yml` and `*.yaml`, at any depth).

    Args:
        paths: files and folders; what is found twice counts once.
        schema: the event table that the rules are over.
        disable: names, ids or globs of rules to leave out, whatever is wrong with them.

    Raises RulesError with every problem of every file.
    """
    problems: list[Problem] = []
    compiled: list[_Compiled] = []
    documents = [each for each in _documents(paths, problems) if not _is_disabled(each, disable)]
    problems += _duplicates(documents)
    for each in documents:
        try:
            compiled.append(_compile(each, schema))
        except RulesError as error:
            problems += error.problems
    if not problems:
        problems += _refused(compiled, schema)
    if problems:
        raise RulesError(problems)
    variants = {key: rule for _, _, others in compiled for key, rule in others.items()}
    return RuleSet(rules=tuple(rule for _, rule, _ in compiled), variants=variants)


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
        found = sorted(each for each in path.rglob("*") if each.suffix in SUFFIXES)
        if not found:
            message = "a folder without rule files (*.yml, *.yaml)"
            problems.append(Problem(path=path, line=1, column=1, message=message))
        yield from found


def _is_disabled(each: Document, patterns: Sequence[str]) -> bool:
    names = [str(each.data.get(key, "")) for key in ("name", "id")]
    return any(fnmatchcase(name, pattern) for name in names for pattern in patterns)


def _duplicates(documents: Sequence[Document]) -> Iterator[Problem]:
    for key in ("name", "id"):
        first: dict[str, Document] = {}
        for each in documents:
            value = str(each.data.get(key, "")).lower()
            other = first.setdefault(value, each)
            if value and other is not each:
                place = f"{other.path}:{other.line((key,))}"
                yield each.problem((key,), f"the rule at {place} has the same {key}")


# ---- one document


def _compile(each: Document, schema: Schema) -> _Compiled:
    draft = _draft(each, schema)
    event_types = draft.scope.event_types
    try:
        first = event_types[0] if event_types else ""
        rule = compile_rule(draft, first)
        named = fields(draft)
        others = {
            (rule.name, event_type): compile_rule(draft, event_type)
            for event_type in event_types or schema.event_types()
            if any(schema.physical(n, event_type) != schema.physical(n, first) for n in named)
        }
    except SigmaError as error:
        raise RulesError([each.problem(("detection",), str(error))]) from None
    return draft, rule, others


def _draft(each: Document, schema: Schema) -> Draft:
    problems = list(metadata_problems(each))
    if other_kind(each) or not isinstance(each.data.get("detection"), dict):
        raise RulesError(problems)
    try:
        block = blocks.parse(each)
    except RulesError as error:
        raise RulesError([*problems, *error.problems]) from None
    scope = Scope(schema=schema, event_types=event_types_of(each, block))
    problems += detection_problems(each, scope)
    problems += block_problems(each, block, scope)
    problems = problems or list(pysigma_problems(each))
    if problems:
        raise RulesError(problems)
    return Draft(document=each, block=block, scope=scope)


# ---- what the engine itself says


def _refused(compiled: Sequence[_Compiled], schema: Schema) -> Iterator[Problem]:
    """Runs every rule over no events at all, so that none is refused when there are some."""
    with engine.connect() as connection:
        for draft, rule, others in compiled:
            for each in (rule, *others.values()):
                try:
                    connection.execute(_dry_run(each, schema))
                except duckdb.Error as error:
                    message = f"the engine refuses it: {str(error).splitlines()[0]}"
                    yield draft.document.problem(("detection",), message)
                    break


def _dry_run(rule: Rule, schema: Schema) -> str:
    columns = ", ".join(
        f"CAST(NULL AS {schema.canonical.get(name, 'VARCHAR')}) AS {sql_identifier(name)}"
        for name in sorted(rule.fields) or ["event_uid"]
    )
    cases = "".join(f", {case.predicate}" for case in rule.cases)
    return f"SELECT {rule.predicate}{cases} FROM (SELECT {columns}) AS events WHERE FALSE"
