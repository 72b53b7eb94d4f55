"""A connection to an org for questions that store nothing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from collector import sources
from collector.salesforce import client
from collector.salesforce.token_store import TokenStore
from collector.settings import OrgSettings


@contextmanager
def open_source_context(
    org: OrgSettings, *, token_store: TokenStore | None = None
) -> Iterator[sources.SourceContext]:
    """What sources are asked with: nothing is known to be stored, and the spool is temporary.

    Failed logins are remembered by `token_store`, or else only as long as the connection is open.
    """
    with (
        closing(
            client.SalesforceClient(org, stop_event=threading.Event(), token_store=token_store)
        ) as org_client,
        TemporaryDirectory() as spool,
    ):
        yield sources.SourceContext(
            org=org.name,
            client=org_client,
            catalog=sources.Catalog(org_client),
            spool=Path(spool),
            find_stored_keys=lambda _keys: frozenset(),
            find_newest_time=lambda _stream: None,
        )
