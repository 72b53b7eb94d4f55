"""What is older than it is kept: what would go, and pruning it at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from collector import clock
from collector.api.json_values import JsonObject, to_json_object
from collector.api.state_view import open_existing_database, open_state_view
from collector.detect import RuleSet
from collector.errors import CollectorError, RulesError
from collector.ingest.state_paths import StatePaths
from collector.retention.clock_doubt import explain_clock_doubt
from collector.retention.keeping_plan import KeepingPlan
from collector.retention.pruner import Pruner
from collector.retention.selection import (
    ExpiringType,
    count_expiring_alerts,
    list_expiring_types,
)
from collector.rules.configured_schema import build_event_schema
from collector.rules.rule_files import load_sound_rules
from collector.settings import Settings
from collector.store import holds
from collector.store.prune_runs import PruneRun

__all__ = ["ExpiringType", "PrunePreview", "PruneRun", "preview_prune", "prune_state"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PrunePreview:
    """What pruning would take now, by org and type; `held_alerts` would go but for a hold.

    `doubt` is why it would take nothing: this machine's clock may be wrong; empty where it is not.
    """

    types: Sequence[ExpiringType]
    alerts: int
    held_alerts: int
    doubt: str = ""

    @property
    def files(self) -> int:
        """How many files would go."""
        return sum(len(each.files) for each in self.types)

    @property
    def rows(self) -> int:
        """How many events are in them."""
        return sum(each.rows for each in self.types)

    @property
    def bytes(self) -> int:
        """How many bytes they have."""
        return sum(each.bytes for each in self.types)

    @property
    def held_files(self) -> int:
        """How many files a hold keeps that would go without it."""
        return sum(each.held_count for each in self.types)


def preview_prune(settings: Settings) -> PrunePreview:
    """What pruning would take now. Nothing is changed.

    Raises CollectorError where there is no state yet.
    """
    plan, now = _build_plan(settings), clock.now()
    with open_state_view(settings) as connection:
        active = holds.list_holds(connection)
        alerts, held_alerts = count_expiring_alerts(connection, plan, active, now=now)
        return PrunePreview(
            types=tuple(list_expiring_types(connection, plan, active, now=now)),
            alerts=alerts,
            held_alerts=held_alerts,
            doubt=explain_clock_doubt(connection, now=now),
        )


def prune_state(settings: Settings) -> PruneRun:
    """Prune at once, beside a daemon that may be at work on the state.

    Raises CollectorError where there is no state yet, or this machine's clock may be wrong.
    """
    plan, now = _build_plan(settings), clock.now()
    with open_existing_database(settings) as database:
        with database.read() as connection:
            doubt = explain_clock_doubt(connection, now=now)
        if doubt:
            raise CollectorError(f"nothing was pruned: {doubt}")
        paths = StatePaths(state_dir=settings.state_dir)
        pruner = Pruner(database=database, paths=paths, read_plan=lambda: plan)
        return pruner.prune(now)


def to_preview_lines(preview: PrunePreview) -> Iterator[JsonObject]:
    """An object for each org and type that has something old, and one with the sums."""
    for each in preview.types:
        yield to_json_object(
            {
                "kind": "expiring",
                "org": each.org,
                "event_type": each.event_type,
                "kept_since": each.kept_since,
                "files": len(each.files),
                "rows": each.rows,
                "bytes": each.bytes,
                "held_files": each.held_count,
                "holds": sorted(each.held),
            }
        )
    yield to_json_object(
        {
            "kind": "preview",
            "files": preview.files,
            "rows": preview.rows,
            "bytes": preview.bytes,
            "held_files": preview.held_files,
            "alerts": preview.alerts,
            "held_alerts": preview.held_alerts,
            "doubt": preview.doubt,
        }
    )


def to_run_json(run: PruneRun) -> JsonObject:
    """What was pruned, as scripts read it."""
    return to_json_object({"kind": "pruned", **asdict(run)})


def _build_plan(settings: Settings) -> KeepingPlan:
    """The plan with the rules of the files in which nothing is wrong."""
    try:
        rules = load_sound_rules(settings.rules, schema=build_event_schema(settings)).rules
    except RulesError:
        rules = RuleSet(rules=())
    return KeepingPlan(settings=settings.archive, rules=rules)
