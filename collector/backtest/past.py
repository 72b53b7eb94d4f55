"""Rules that compare with the past, over a whole archive: SQL that needs nothing remembered.

While events are read they become one row for each key and day, or for each window of a group.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from collector.backtest.keys import key
from collector.clock import to_micros
from collector.detect.past import baseline, novelty
from collector.detect.past.novelty import micros
from collector.detect.past.selected import DIGEST, Part, digest, value, values
from collector.detect.severity import severity
from collector.model import Rule
from collector.text import sql_identifier, sql_literal

_DAY = 86_400_000_000
_START = sql_identifier("#start")


# ---- what is first seen


def first_seen_hits(parts: Sequence[Part], *, told_from: datetime) -> str:
    """SQL: key, time, severity and events of the hits of a first-seen rule.

    `parts` hold all events of the rule; nothing before `told_from` is told. Of several events at
    the moment at which something is first seen, that of the least uid counts.
    """
    keys = values(len(novelty.first_seen(parts[0].rule).key))
    rows = " UNION ALL ".join(map(_shown, parts))
    # Two steps: of most events no more is read than their key and time.
    return (
        f"WITH firsts AS MATERIALIZED ({_firsts(parts, told_from)})"
        f" SELECT key, time, severity, 1 AS events FROM ({rows})"
        f" SEMI JOIN firsts USING ({keys}, us)"
        f" QUALIFY row_number() OVER (PARTITION BY {keys}, us ORDER BY uid) = 1"
    )


def _firsts(parts: Sequence[Part], told_from: datetime) -> str:
    """SQL: keys, and the moments (`us`) at which each is first seen."""
    over = novelty.first_seen(parts[0].rule)
    keys = values(len(over.key))
    order = f"OVER (PARTITION BY {keys} ORDER BY day)"
    rows = " UNION ALL ".join(
        part.select(novelty.first_seen(part.rule).key, {"us": 'epoch_us("time")'}) for part in parts
    )
    # Events of one day are one run, since `forget` is a day at least.
    days = (
        f"SELECT {keys}, floor(us / {_DAY}) AS day, min(us) AS head, max(us) AS tail"
        f" FROM ({rows}) GROUP BY ALL"
    )
    return (
        f"SELECT {keys}, head AS us FROM (SELECT *, lag(tail) {order} AS seen FROM ({days}))"
        f" WHERE head >= {to_micros(told_from)}"
        f" AND (seen IS NULL OR head - seen > {micros(over.forget)})"
    )


def _shown(part: Part) -> str:
    columns = {
        "us": 'epoch_us("time")',
        "uid": "event_uid",
        '"time"': '"time"',
        "severity": severity(part.rule),
        "key": key(part.rule),
    }
    return part.select(novelty.first_seen(part.rule).key, columns)


# ---- what is much


def baseline_from(rule: Rule, since: datetime) -> int:
    """The microsecond from which on events count for what is told from `since` on."""
    over = baseline.baseline(rule)
    window = micros(over.window)
    return to_micros(since) // window * window - micros(over.history)


def baseline_hits(rule: Rule, parts: Sequence[Part], since: datetime) -> str:
    """SQL: key, time, severity and events of the windows of a baseline that fire.

    `rule` is the rule as it stands in its set; `parts` may be compiled for other types.
    """
    over = baseline.baseline(rule)
    named = baseline.baseline(parts[0].rule).group_by
    pairs = zip(over.group_by, named, strict=True)
    shown = [f"{sql_identifier(there)} AS {sql_identifier(here)}" for here, there in pairs]
    shown += [f"{sql_identifier(name)} AS {value(place)}" for place, name in enumerate(named)]
    windows = (
        f"SELECT {', '.join(shown)}, make_timestamptz(last_time) AS time, metric, mean,"
        " event_count, history, (metric - mean) / nullif(stddev, 0) AS deviations,"
        f" window_start AS {_START}, make_timestamptz(window_start) AS window_start,"
        f" make_timestamptz(window_start + {micros(over.window)}) AS window_end"
        f" FROM ({baseline.windows_sql(parts)}) WHERE fires AND last_time >= {to_micros(since)}"
    )
    return (
        f"SELECT {key(rule, moments=(), own=_uid(rule))} AS key, time,"
        f" {severity(rule)} AS severity, event_count AS events FROM ({windows})"
    )


def _uid(rule: Rule) -> str:
    """SQL: `baseline.window_uid` of a window."""
    count = len(baseline.baseline(rule).group_by)
    before, between = f'[{json.dumps(rule.name)}, "', '", '
    text = f"{sql_literal(before)} || {digest(count)} || {sql_literal(between)} || {_START} || ']'"
    return f"'window:' || left(sha256({text}), {DIGEST})"
