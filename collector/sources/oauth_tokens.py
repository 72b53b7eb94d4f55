"""OauthToken: which apps hold which users' tokens, and what was granted or revoked since.

Salesforce keeps no history of tokens; we compare what there is with what there was. A token's own
secrets are never asked for, except DeleteToken, which alone tells two tokens of one user and app
apart: it becomes a fingerprint at once. Source: Object Reference, OauthToken.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from collector.errors import SalesforceError
from collector.model import Batch, Cursor, Stream
from collector.salesforce.soql import identifier, literal
from collector.settings import OauthTokensSource
from collector.sources.contract import Context, Unavailable
from collector.sources.observation import Observation

KIND = "oauth_tokens"
OBJECT = "OauthToken"

MOST = 2500
"""Salesforce serves at most this many tokens to one query and says nothing of the others."""

_SECRET = "DeleteToken"  # noqa: S105 - the name of a field
_FIELDS = ("AppName", "UserId", "AppMenuItemId", "CreatedDate", "LastUsedDate", "UseCount")
_COLUMNS = ("TokenFingerprint", *_FIELDS)

Token = Mapping[str, Any]


class OauthTokens:
    """All tokens that the user may see, as one stream of differences."""

    kind = KIND

    def __init__(self, settings: OauthTokensSource) -> None:
        self.every = settings.every

    def streams(self, context: Context) -> Sequence[Stream | Unavailable]:
        """The one stream, if the org shows the object to this user."""
        stream = Stream(org=context.org, source=KIND, name=OBJECT)
        if OBJECT in context.catalog.object_names():
            return [stream]
        reason = (
            f"the org does not show {OBJECT} to this user: it needs the permission"
            " 'Customize Application'"
        )
        return [Unavailable(stream=stream, reason=reason)]

    def fetch(self, context: Context, stream: Stream, cursor: Cursor | None) -> Iterator[Batch]:
        """The tokens granted and removed since the last look; at the first, none is told of."""
        present = _tokens(context)
        known = context.recall(KIND)
        look = Observation(
            context=context,
            stream=stream,
            since=cursor.time if cursor else None,
            time=context.client.now(),
        )
        changed = {one: token for one, token in present.items() if known.get(one) != token}
        if cursor is None:
            yield look.silent("OauthTokenGranted", remember=changed)
            return
        granted = [token for one, token in changed.items() if one not in known]
        yield look.batch("OauthTokenGranted", _COLUMNS, granted, remember=changed)
        removed = {one: token for one, token in known.items() if one not in present}
        if removed:
            yield look.batch(
                "OauthTokenRemoved",
                _COLUMNS,
                list(removed.values()),
                remember=dict.fromkeys(removed),
            )


def _tokens(context: Context) -> dict[str, Token]:
    """Every token by its fingerprint."""
    described = {field.name for field in context.catalog.describe(OBJECT)}
    fields = [name for name in (*_FIELDS, _SECRET) if name in described]
    twins: Counter[str] = Counter()
    tokens: dict[str, Token] = {}
    for record in _records(context, fields):
        # Where the org hides DeleteToken, all that is known of alike tokens is how many there are.
        alike = _fingerprint(record, 0)
        fingerprint = _fingerprint(record, twins[alike])
        twins[alike] += 1
        kept = {name: record.get(name) for name in _FIELDS}
        tokens[fingerprint] = {"TokenFingerprint": fingerprint, **kept}
    return tokens


def _records(context: Context, fields: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    """All tokens, in spans of users so small that each is served whole."""
    after = ""
    while True:
        records = list(_span(context, fields, after))
        if len(records) < MOST:
            yield from records
            return
        # The last user's tokens may go on beyond the limit: they are the next span's first.
        last = str(records[-1].get("UserId"))
        whole = [record for record in records if record.get("UserId") != last]
        if not whole:
            raise SalesforceError(
                f"{context.org}: one user has {MOST:,} OAuth tokens or more, and Salesforce does"
                " not list what is beyond"
            )
        yield from whole
        after = str(whole[-1].get("UserId"))


def _span(context: Context, fields: Sequence[str], after: str) -> Iterator[Mapping[str, Any]]:
    condition = f" WHERE UserId > {literal(after)}" if after else ""
    soql = (
        f"SELECT {', '.join(map(identifier, fields))} FROM {OBJECT}{condition}"
        f" ORDER BY UserId ASC LIMIT {MOST}"
    )
    for page in context.client.query(soql):
        yield from page


def _fingerprint(record: Mapping[str, Any], twin: int) -> str:
    said = [str(record.get(name)) for name in ("AppName", "UserId", _SECRET)]
    return hashlib.sha256("\n".join([*said, str(twin)]).encode(errors="replace")).hexdigest()[:32]
