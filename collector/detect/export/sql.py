"""Rules as SQL over the archive: one statement each, for DuckDB or for Spark."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from collector.clock import EPOCH
from collector.detect import windows
from collector.detect.export import Sheet
from collector.detect.export.dialect import spark
from collector.detect.past import baseline, novelty
from collector.detect.past.selected import Part
from collector.detect.ruleset import RuleSet
from collector.detect.schema import Schema
from collector.detect.severity import severity
from collector.model import Baseline, Correlation, FirstSeen, Rule, Severity, View
from collector.text import one_line, sql_identifier, sql_literal

Dialect = Literal["duckdb", "spark"]

ARCHIVE = "ARCHIVE"
"""What stands for the archive's folder in the comments."""

_VIEW: Mapping[Dialect, str] = {
    "duckdb": (
        f"CREATE VIEW events AS SELECT * FROM read_parquet('{ARCHIVE}/**/*.parquet',"
        " union_by_name = true, hive_partitioning = false) WHERE org = 'ORG';"
    ),
    "spark": (
        f"spark.read.option('mergeSchema', 'true').parquet('{ARCHIVE}')"
        ".where(\"org = 'ORG'\").createOrReplaceTempView('events')"
    ),
}


_MEMBER = ("event_uid", "event_type", "time", "received")
_WINDOW = ("metric", "event_count", "window_start", "window_end", "complete")


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """The event table, the types that are computed from it, and the language that it is read in."""

    schema: Schema
    derived: Mapping[str, View]
    dialect: Dialect


@dataclass(frozen=True, slots=True, kw_only=True)
class _Types:
    """Some event types, or all others."""

    names: tuple[str, ...]
    are_meant: bool = True

    @property
    def condition(self) -> str:
        """What is true of the stored events among them."""
        named = ", ".join(map(sql_literal, self.names)) or "NULL"
        if self.are_meant:
            return f"event_type IN ({named})"
        return f"event_type NOT IN ({named})" if self.names else "TRUE"


def sheets(rules: RuleSet, archive: Archive) -> Iterator[Sheet]:
    """Every rule as one SELECT over a view `events`, with comments that say how to make that.

    It gives the events, with their severity, that the rule matches in one org.
    """
    for rule in rules.rules:
        statement = _statement(rule, rules, archive)
        if archive.dialect == "spark":
            statement = spark(statement)
        comments = "".join(f"-- {one_line(line)}\n" for line in _comments(rule, rules, archive))
        yield Sheet(rule=rule.name, text=f"{comments}{statement}\n;\n")


def _comments(rule: Rule, rules: RuleSet, archive: Archive) -> Iterator[str]:
    yield f"rule: {rule.name}"
    yield f"{rule.title} ({rule.level}, {rule.id})"
    if rule.attack:
        yield f"ATT&CK: {', '.join(rule.attack)}"
    yield "reads the view events, which holds one org:"
    yield _VIEW[archive.dialect]
    natives = sorted(set(_read(rule, rules, archive)) - archive.schema.canonical.keys())
    if natives and archive.dialect == "spark":
        yield f"add what no file has yet to the view, as NULL: {', '.join(natives)}"


def _read(rule: Rule, rules: RuleSet, archive: Archive) -> Iterator[str]:
    """The columns of the view that a statement reads."""
    if isinstance(rule.over, Correlation):
        for leaf in windows.leaves(rule, rules.by_name):
            yield from _read(rules.by_name[leaf], rules, archive)
            for types, _ in _variants(rules.by_name[leaf], rules):
                fields = windows.fields_of(rule, rules.by_name, leaf)
                yield from _physical(fields, types, archive).values()
    for types, variant in _variants(rule, rules):
        yield from variant.fields
        for name in types.names:
            yield from archive.derived[name].needs if name in archive.derived else ()


def _physical(fields: Sequence[str], types: _Types, archive: Archive) -> dict[str, str]:
    """The columns of fields, by the names that a rule uses."""
    event_type = types.names[0] if types.are_meant else ""
    return {name: archive.schema.physical(name, event_type) for name in fields}


def _statement(rule: Rule, rules: RuleSet, archive: Archive) -> str:
    if isinstance(rule.over, Correlation):
        return _correlation(rule, rule.over, rules, archive)
    parts = [
        Part(rule=variant, relation=_relation(types, variant.fields, archive))
        for types, variant in _variants(rule, rules)
    ]
    if isinstance(rule.over, FirstSeen):
        return _first_seen(rule.over, parts, archive)
    return _baseline(rule, parts) if isinstance(rule.over, Baseline) else _events(parts, archive)


def _variants(rule: Rule, rules: RuleSet) -> list[tuple[_Types, Rule]]:
    """The rule as it is compiled for each of its event types, those together that it is alike."""
    special = {name: each for (of, name), each in rules.variants.items() if of == rule.name}
    if not rule.event_types:
        alone = [(_Types(names=(name,)), each) for name, each in sorted(special.items())]
        return [(_Types(names=tuple(sorted(special)), are_meant=False), rule), *alone]
    found: dict[int, tuple[list[str], Rule]] = {}
    for name in rule.event_types:
        variant = special.get(name, rule)
        found.setdefault(id(variant), ([], variant))[0].append(name)
    return [(_Types(names=tuple(names)), variant) for names, variant in found.values()]


# ---- events


def _events(parts: Sequence[Part], archive: Archive) -> str:
    """The events that a rule matches, each with its severity."""
    natives = sorted(
        {name for part in parts for name in part.rule.fields} - archive.schema.canonical.keys()
    )
    return "\nUNION ALL\n".join(_matches(part, natives, archive) for part in parts)


def _matches(part: Part, natives: Sequence[str], archive: Archive) -> str:
    columns = [sql_identifier(name) for name in archive.schema.canonical]
    columns += [
        sql_identifier(name)
        if name in part.rule.fields
        else f"CAST(NULL AS VARCHAR) AS {sql_identifier(name)}"
        for name in natives
    ]
    return (
        f"SELECT {_words(part.rule)} AS severity, {', '.join(columns)}\n"
        f"FROM {part.relation} AS events\nWHERE {part.rule.predicate}"
    )


def _words(rule: Rule) -> str:
    """The severity of a row, by its name."""
    if not rule.cases and not rule.steps:
        return sql_literal(str(rule.level))
    return _named(severity(rule))


def _named(number: str) -> str:
    names = " ".join(f"WHEN {int(each)} THEN {sql_literal(str(each))}" for each in Severity)
    return f"CASE {number} {names} END"


def _relation(types: _Types, columns: Iterable[str], archive: Archive) -> str:
    """A FROM item with the events of some types, in which these columns exist."""
    derived = [archive.derived[name] for name in types.names if name in archive.derived]
    stored = [name for name in types.names if name not in archive.derived]
    shown = _shown(columns, archive, is_derived=True)
    selects = [f"SELECT {shown} FROM ({_computed(view, archive)}) AS events" for view in derived]
    if not derived or not types.are_meant:
        return _stored(types, columns, archive)
    if stored:
        shown = _shown(columns, archive, is_derived=False)
        others = _stored(_Types(names=tuple(stored)), columns, archive)
        selects.append(f"SELECT {shown} FROM {others} AS events")
    return f"({' UNION ALL '.join(selects)})"


def _computed(view: View, archive: Archive) -> str:
    return view.select(_stored(_Types(names=tuple(view.sources)), view.needs, archive))


def _shown(columns: Iterable[str], archive: Archive, *, is_derived: bool) -> str:
    """The canonical columns and the others, which derived events do not have."""
    canonical = archive.schema.canonical
    names = [sql_identifier(name) for name in canonical]
    for name in sorted(set(columns) - canonical.keys()):
        column = sql_identifier(name)
        names.append(f"CAST(NULL AS VARCHAR) AS {column}" if is_derived else column)
    return ", ".join(names)


def _stored(types: _Types, columns: Iterable[str], archive: Archive) -> str:
    return f"(SELECT * FROM {_complete(columns, archive)} AS events WHERE {types.condition})"


def _complete(columns: Iterable[str], archive: Archive) -> str:
    """The view, in which these columns exist although perhaps no file has them."""
    others = sorted(set(columns) - archive.schema.canonical.keys())
    if not others or archive.dialect == "spark":
        return "events"
    nulls = ", ".join(f"CAST(NULL AS VARCHAR) AS {sql_identifier(name)}" for name in others)
    return f"(SELECT * FROM events UNION ALL BY NAME SELECT {nulls} WHERE FALSE)"


# ---- several events


def _correlation(rule: Rule, over: Correlation, rules: RuleSet, archive: Archive) -> str:
    def source(name: str, fields: Sequence[str]) -> str:
        leaf = rules.by_name[name]
        return " UNION ALL ".join(
            _of_leaf(variant, types, fields, archive) for types, variant in _variants(leaf, rules)
        )

    members = windows.members(rule, rules.by_name, source)
    columns = dict.fromkeys([*_MEMBER, *over.group_by, *_WINDOW])
    shown = ", ".join(map(sql_identifier, columns))
    return f"SELECT {_named('severity')} AS severity, {shown}\nFROM ({members}) AS members"


def _of_leaf(rule: Rule, types: _Types, fields: Sequence[str], archive: Archive) -> str:
    columns = _physical(fields, types, archive)
    relation = _relation(types, {*columns.values(), *rule.fields}, archive)
    shown = [
        *("event_uid", "event_type", "time", "received"),
        *(
            f"CAST({sql_identifier(column)} AS VARCHAR) AS {sql_identifier(name)}"
            for name, column in columns.items()
        ),
    ]
    return f"SELECT {', '.join(shown)} FROM {relation} AS events WHERE {rule.predicate}"


def _first_seen(over: FirstSeen, parts: Sequence[Part], archive: Archive) -> str:
    times = " UNION ALL ".join(f"SELECT time FROM {part.relation} AS events" for part in parts)
    begins = f"SELECT min(time) FROM ({times}) AS events"
    learned = f"({begins}) + INTERVAL {int(over.learn.total_seconds())} SECONDS"
    seen = novelty.matches_sql(parts, since=EPOCH)
    return (
        f"SELECT events.*, seen.last_seen\nFROM ({_events(parts, archive)}) AS events\n"
        f"JOIN ({seen}) AS seen ON events.event_uid = seen.event_uid\n"
        f"WHERE events.time >= {learned}"
    )


def _baseline(rule: Rule, parts: Sequence[Part]) -> str:
    deviations = "CASE WHEN stddev > 0 THEN (metric - mean) / stddev END AS deviations"
    told = f"SELECT *, {deviations} FROM ({baseline.windows_sql(parts)}) AS windows WHERE fires"
    return f"SELECT {_words(rule)} AS severity, windows.*\nFROM ({told}) AS windows"
