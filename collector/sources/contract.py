"""What every source promises, and what it is given to work with."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from collector.model import Batch, Cursor, Stream
from collector.salesforce.client import Client
from collector.sources.catalog import Catalog


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The org to read, where to put what it serves, and what is already in the ledger.

    Attributes:
        known: of these batch keys, those that the ledger holds.
        newest: the nominal time of a stream's newest batch.
    """

    org: str
    client: Client
    catalog: Catalog
    spool: Path
    known: Callable[[Sequence[str]], frozenset[str]]
    newest: Callable[[Stream], datetime | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """A file that was listed and could not be downloaded any more: lost, and said so."""

    batch: Batch
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Something that failed now and will be tried again; what follows went on without it."""

    reason: str


Fetched = Batch | Gone | Trouble


@dataclass(frozen=True, slots=True, kw_only=True)
class Unavailable:
    """A stream that this org or this user does not have, in words that say what is missing."""

    stream: Stream
    reason: str


class Source(Protocol):
    """One kind of log that an org keeps."""

    kind: str
    every: timedelta

    def streams(self, context: Context) -> Sequence[Stream | Unavailable]:
        """What is read forward in time here; asks the org what it has."""
        ...

    def fetch(self, context: Context, stream: Stream, cursor: Cursor | None) -> Iterator[Fetched]:
        """What is new since the cursor, oldest first; each batch says where the cursor then is.

        Raises SalesforceError when nothing further can be read now.
        """
        ...


def batch_key(*identity: str) -> str:
    """The key of a batch: a function of what it is."""
    return hashlib.sha256("\n".join(identity).encode()).hexdigest()[:32]
