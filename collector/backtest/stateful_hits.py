"""Rules that compare with the past, over a whole archive: SQL that needs nothing stored.

Events are aggregated as they are read: one row per key and day, or per window of a group.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from collector.backtest.dedup_keys import render_dedup_key
from collector.clock import DAY_MICROS, duration_to_micros, to_micros
from collector.detect import baseline_sql, first_seen_sql
from collector.detect.selected_events import (
    DIGEST_LENGTH,
    RuleRelation,
    list_value_columns,
    name_value_column,
    render_key_digest,
)
from collector.detect.severity_sql import build_severity_sql
from collector.escaping import quote_identifier, quote_literal
from collector.model import Rule

_START = quote_identifier("#start")


# ---- first seen


def select_first_seen_hits(parts: Sequence[RuleRelation], *, alerts_from: datetime) -> str:
    """SQL: key, time, severity and events of the hits of a first-seen rule.

    `parts` hold all events of the rule; nothing before `alerts_from` is a hit. Of several events at
    the moment at which something is first seen, that of the least uid counts.
    """
    keys = list_value_columns(len(first_seen_sql.as_first_seen(parts[0].rule).key))
    rows = " UNION ALL ".join(map(_select_hit_columns, parts))
    # Two steps: of most events no more is read than their key and time.
    return (
        f"WITH first_moments AS MATERIALIZED ({_select_first_moments(parts, alerts_from)})"
        f" SELECT key, time, severity, 1 AS events FROM ({rows})"
        f" SEMI JOIN first_moments USING ({keys}, us)"
        f" QUALIFY row_number() OVER (PARTITION BY {keys}, us ORDER BY uid) = 1"
    )


def _select_first_moments(parts: Sequence[RuleRelation], alerts_from: datetime) -> str:
    """SQL: keys, and the moments (`us`) at which each is first seen."""
    first_seen = first_seen_sql.as_first_seen(parts[0].rule)
    keys = list_value_columns(len(first_seen.key))
    order = f"OVER (PARTITION BY {keys} ORDER BY day)"
    forget = duration_to_micros(first_seen.forget)
    rows = " UNION ALL ".join(
        part.select_events(first_seen_sql.as_first_seen(part.rule).key, {"us": 'epoch_us("time")'})
        for part in parts
    )
    # Events of one day are one run, since `forget` is a day at least.
    days = (
        f"SELECT {keys}, floor(us / {DAY_MICROS}) AS day, min(us) AS first_us, max(us) AS last_us"
        f" FROM ({rows}) GROUP BY ALL"
    )
    return (
        f"SELECT {keys}, first_us AS us FROM"
        f" (SELECT *, lag(last_us) {order} AS previous_us FROM ({days}))"
        f" WHERE first_us >= {to_micros(alerts_from)}"
        f" AND (previous_us IS NULL OR first_us - previous_us > {forget})"
    )


def _select_hit_columns(part: RuleRelation) -> str:
    columns = {
        "us": 'epoch_us("time")',
        "uid": "event_uid",
        '"time"': '"time"',
        "severity": build_severity_sql(part.rule),
        "key": render_dedup_key(part.rule),
    }
    return part.select_events(first_seen_sql.as_first_seen(part.rule).key, columns)


# ---- baselines


def compute_baseline_start(rule: Rule, since: datetime) -> int:
    """The time (microseconds) of the first events that windows from `since` on depend on."""
    baseline = baseline_sql.as_baseline(rule)
    window = duration_to_micros(baseline.window)
    return to_micros(since) // window * window - duration_to_micros(baseline.history)


def select_baseline_hits(rule: Rule, parts: Sequence[RuleRelation], since: datetime) -> str:
    """SQL: key, time, severity and events of the windows of a baseline that fire.

    `rule` is the rule of the set; `parts` may be compiled for other types.
    """
    baseline = baseline_sql.as_baseline(rule)
    column_names = baseline_sql.as_baseline(parts[0].rule).group_by
    pairs = zip(baseline.group_by, column_names, strict=True)
    selected = [f"{quote_identifier(column)} AS {quote_identifier(name)}" for name, column in pairs]
    selected += [
        f"{quote_identifier(name)} AS {name_value_column(place)}"
        for place, name in enumerate(column_names)
    ]
    windows = (
        f"SELECT {', '.join(selected)}, make_timestamptz(last_time) AS time, metric, mean,"
        " event_count, history, (metric - mean) / nullif(stddev, 0) AS deviations,"
        " metric / nullif(mean, 0) AS times_mean,"
        f" window_start AS {_START}, make_timestamptz(window_start) AS window_start,"
        f" make_timestamptz(window_start + {duration_to_micros(baseline.window)}) AS window_end"
        f" FROM ({baseline_sql.select_scored_windows(parts)})"
        f" WHERE fires AND last_time >= {to_micros(since)}"
    )
    dedup_key = render_dedup_key(rule, time_columns=(), fallback=_render_window_uid(rule))
    return (
        f"SELECT {dedup_key} AS key, time, {build_severity_sql(rule)} AS severity,"
        f" event_count AS events FROM ({windows})"
    )


def _render_window_uid(rule: Rule) -> str:
    """SQL: what `baseline_sql.compute_window_uid` computes of a window."""
    digest = render_key_digest(len(baseline_sql.as_baseline(rule).group_by))
    prefix, separator = quote_literal(f'[{json.dumps(rule.name)}, "'), quote_literal('", ')
    text = f"{prefix} || {digest} || {separator} || {_START} || ']'"
    return f"'window:' || left(sha256({text}), {DIGEST_LENGTH})"
