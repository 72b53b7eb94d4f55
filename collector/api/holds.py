"""Holds: what must not be pruned, who placed them and why."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from collector import clock
from collector.api.json_values import JsonObject, to_json_object
from collector.api.known_orgs import require_known_org
from collector.api.state_view import open_state_view, open_writable_state
from collector.errors import CollectorError
from collector.settings import Settings
from collector.store import holds, ledger
from collector.store.holds import Hold, HoldScope

__all__ = ["Hold", "HoldScope", "PlacedHold", "list_holds", "place_hold", "release_hold", "to_json"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedHold:
    """A hold that was placed, and the files and events that it keeps as things are."""

    hold: Hold
    files: int
    rows: int


def place_hold(settings: Settings, scope: HoldScope, *, reason: str, placed_by: str) -> PlacedHold:
    """Place a hold, beside a daemon that may be at work: what it covers is not pruned from now on.

    Raises CollectorError where nothing can be under it, or there is no state yet.
    """
    if not reason.strip():
        raise CollectorError("a hold needs a reason: who finds it in a year has to know")
    if scope.start is not None and scope.until is not None and scope.until <= scope.start:
        raise CollectorError("nothing is under that hold: it would end before it begins")
    with open_writable_state(settings) as connection:
        if scope.org:
            require_known_org(connection, settings, scope.org)
        hold = holds.insert_hold(
            connection, scope, reason=reason, placed_by=placed_by, now=clock.now()
        )
        files = ledger.list_archive_files(connection, org=scope.org or None)
    covered = [file for file in files if holds.find_file_hold([hold], file)]
    return PlacedHold(hold=hold, files=len(covered), rows=sum(file.rows for file in covered))


def list_holds(settings: Settings, *, include_released: bool = False) -> list[Hold]:
    """The holds. Raises CollectorError where there is no state yet."""
    with open_state_view(settings) as connection:
        return holds.list_holds(connection, include_released=include_released)


def release_hold(settings: Settings, hold_id: int, *, released_by: str) -> Hold:
    """Release a hold: what only it kept goes with the next pruning.

    Raises CollectorError where there is no such hold, or it is released, or there is no state yet.
    """
    with open_writable_state(settings) as connection:
        hold = holds.find_hold(connection, hold_id)
        if hold is None:
            raise CollectorError(f"there is no hold {hold_id}: see `archive hold list`")
        if hold.released is not None:
            raise CollectorError(
                f"the hold {hold_id} was released by {hold.released_by} at"
                f" {hold.released:%Y-%m-%d %H:%M}Z"
            )
        holds.mark_hold_released(connection, hold_id, released_by=released_by, now=clock.now())
    return hold


def to_json(hold: Hold) -> JsonObject:
    """A hold as scripts read it; an empty `org` or `event_type` is all of them."""
    return to_json_object(
        {
            "kind": "hold",
            "id": hold.id,
            **asdict(hold.scope),
            "reason": hold.reason,
            "placed": hold.placed,
            "placed_by": hold.placed_by,
            "released": hold.released,
            "released_by": hold.released_by,
        }
    )
