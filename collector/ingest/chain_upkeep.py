"""Lets the hash chain be as the settings say, and tells its head, so that it is kept elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import sqlalchemy as sa

from collector.logs import log
from collector.store import hash_chain
from collector.store.database import Database

_CHANGES: Mapping[bool, Callable[[sa.Connection], None]] = {
    True: hash_chain.start_chain,
    False: hash_chain.stop_chain,
}


def apply_chain_setting(database: Database, *, is_wanted: bool) -> None:
    """Begin the chain, or end it, where the settings want the other than what is."""
    with database.read() as connection:
        is_on = hash_chain.is_chain_on(connection)
    if is_on == is_wanted:
        return
    with database.begin() as connection:
        _CHANGES[is_wanted](connection)


def log_chain_head(database: Database) -> None:
    """Log the number and the hash of the last entry, if there is one."""
    with database.read() as connection:
        head = hash_chain.read_chain_head(connection)
    if head is not None:
        log.info("hash_chain_head", number=head.number, hash=head.hash)
