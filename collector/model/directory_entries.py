"""What an org's directory says: entries as they were read, and the versions kept of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

EntryValues = Mapping[str, Any]
"""What is known of an entry, by the keys of `collector.directory.fields`; null is unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryReading:
    """A user, app, report or object as the org showed it.

    Attributes:
        kind: `user`, `app`, `report` or `object`.
        id: of 18 characters; of an object its API name.
        values: all that was read.
        changed: when the org says that something of it changed last, if nobody had read it since;
            None where only a comparison tells that anything changed.
    """

    kind: str
    id: str
    values: EntryValues
    changed: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EntrySweep:
    """A span of ids that was read whole: whatever entry in it was not found is gone.

    Attributes:
        after, until: the first id that is not in the span, and the last that is; empty for none.
        having: values that the entries must have to be meant, where a kind is of several objects.
    """

    kind: str
    after: str = ""
    until: str = ""
    having: EntryValues = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryPage:
    """Entries that were read together at a time, each once, and the span that they are all of."""

    read: datetime
    readings: tuple[EntryReading, ...]
    sweep: EntrySweep | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryVersion:
    """What held of an entry from a time on, until its next version.

    The first version of an entry also stands for all time before it.

    Attributes:
        noticed: when it was stored.
    """

    org: str
    kind: str
    id: str
    valid_from: datetime
    noticed: datetime
    values: EntryValues
