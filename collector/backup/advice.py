"""What to do about a state database that is damaged."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from collector.backup import snapshots, state_copies
from collector.errors import BackupError, DamagedStateError
from collector.settings import Settings


@contextmanager
def advise_on_damage(settings: Settings) -> Iterator[None]:
    """Let the error of a damaged state name the newest good snapshot, and how it is put back."""
    try:
        yield
    except DamagedStateError as error:
        if settings.database_url is not None:
            raise
        raise DamagedStateError(f"{error}. {describe_way_back(settings)}") from error


def describe_way_back(settings: Settings) -> str:
    """The newest good snapshot and the command that puts it back; else what there is without."""
    folder = snapshots.find_snapshot_folder(settings)
    snapshot = _find_good_copy(state_copies.list_copies(folder))
    if snapshot is None:
        return (
            f"There is no good snapshot in {folder}: put a backup back with `collector restore"
            " FOLDER`, or move state.db away and let `collector archive adopt` build a state from"
            " the archive. Nothing was changed"
        )
    return (
        f"The newest good snapshot is of {snapshot.manifest.taken:%Y-%m-%d %H:%M} UTC: `collector"
        f" restore --state {snapshot.name}` puts it back and keeps what is damaged; what it does"
        " not have is fetched again within the look-back. Nothing was changed"
    )


def _find_good_copy(
    copies: list[state_copies.StateCopy],
) -> state_copies.StateCopy | None:
    for copy in copies:
        try:
            copy.check_content()
        except BackupError:
            continue
        return copy
    return None
