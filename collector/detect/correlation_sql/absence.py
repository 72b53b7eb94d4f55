"""What must not come, as SQL: windows that begin with an event and reach forward from it.

`a and not b` with a timespan t matches at an event of a where within t from it, both ends included,
each rule that is to be there has an event of its own, and no event of the group matches a rule that
is not:

- of `temporal_ordered`, from the event on until t after it, and at the time of the event itself;
- of `temporal`, which knows no order, from t before the event on, too.

An event that both sides match counts for b as well: it is there. A window matches only once it is
past: nothing of b can come any more that happened within it, as far as anybody has been told. Until
when that is so, is said by whoever asks (`known_until`).

Such windows are those of other temporal correlations with the time turned round: all times are
counted backwards, and what comes in an order comes in the opposite one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from collector.clock import duration_to_micros
from collector.detect.correlation_sql.frames import (
    MICROS_COLUMN,
    name_flag_column,
    render_over_clause,
    render_window_frame,
)
from collector.detect.correlation_sql.input_rows import list_distinct_rules
from collector.escaping import quote_identifier
from collector.model import Correlation

ABSENT_COLUMN = quote_identifier("#absent")
"""How many events of the window must not be there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AbsenceWindows:
    """SQL: rows with the column that the windows need, and whether one is past and has no such."""

    rows: str
    holds: str


def turn_round(correlation: Correlation) -> Correlation:
    """The correlation with its rules in the order in which they come when time runs backwards.

    Those that are to be there come first. Without such as must not, it is the same.
    """
    if not correlation.absent:
        return correlation
    asked = (name for name in correlation.rules if name in correlation.optional)
    rules = (*reversed(correlation.present), *correlation.absent, *asked)
    return replace(correlation, rules=rules)


def drop_absent(correlation: Correlation) -> Correlation:
    """A correlation that was turned round, without the rules that must not match."""
    return replace(correlation, rules=correlation.present, absent=())


def build_absence_windows(
    correlation: Correlation, rows: str, known_until: str | None
) -> AbsenceWindows:
    """The windows of a correlation that was turned round.

    `known_until` is SQL of the time, in microseconds, before which all that happened is known; None
    where that is all there is.
    """
    rules = list_distinct_rules(correlation)
    flags = [name_flag_column(rules.index(name)) for name in correlation.absent]
    is_any = " OR ".join(f"{flag} = 1" for flag in flags)
    count = f"sum(CASE WHEN {is_any} THEN 1 ELSE 0 END)"
    over = render_over_clause(correlation, _render_absence_frame(correlation))
    length = duration_to_micros(correlation.timespan)
    is_past = "TRUE" if known_until is None else f"{length} - {MICROS_COLUMN} <= ({known_until})"
    return AbsenceWindows(
        rows=f"SELECT *, {count} {over} AS {ABSENT_COLUMN} FROM ({rows}) AS events",
        holds=f"{ABSENT_COLUMN} = 0 AND {is_past}",
    )


def _render_absence_frame(correlation: Correlation) -> str:
    """The frame of the events that must not be there: around the event, or from it on."""
    if correlation.type == "temporal_ordered":
        return render_window_frame(correlation)
    length = duration_to_micros(correlation.timespan)
    return f"{length} PRECEDING AND {length} FOLLOWING"
