"""Files that a restored state names, and that were pruned since it was copied."""

from __future__ import annotations

from collections.abc import Sequence

from collector import clock
from collector.model import ArchiveFile
from collector.retention.keeping_plan import KeepingPlan
from collector.retention.selection import list_expiring_types
from collector.rules.configured_schema import build_event_schema
from collector.rules.rule_files import load_sound_rules
from collector.settings import Settings
from collector.store import file_expiry
from collector.store.database import Database
from collector.store.holds import list_holds


def expire_lost_files(
    database: Database, settings: Settings, lost: Sequence[ArchiveFile]
) -> tuple[ArchiveFile, ...]:
    """Prune those of lost files that are older than they are kept; returns the others.

    Nobody has to be told of them, and nothing asks an org for them again. A doubtful clock does no
    harm: what it takes for old is not there anyway.

    Raises:
        RulesError: there are no rules to go on with.
    """
    if not lost:
        return ()
    now = clock.now()
    loaded = load_sound_rules(settings.rules, schema=build_event_schema(settings))
    plan = KeepingPlan(settings=settings.archive, rules=loaded.rules)
    with database.begin() as state:
        expiring = list_expiring_types(state, plan, list_holds(state), now=now)
        old_paths = {file.path for each in expiring for file in each.files}
        file_expiry.expire_files(state, [file for file in lost if file.path in old_paths], now=now)
    return tuple(file for file in lost if file.path not in old_paths)
