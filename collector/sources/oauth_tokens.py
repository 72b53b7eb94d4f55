"""OauthToken: which apps hold which users' tokens, and what was granted or revoked since.

Salesforce keeps no history of tokens; we compare what there is with what there was. A token's own
secrets are never asked for, except DeleteToken, which alone tells two tokens of one user and app
apart: it becomes a fingerprint at once. Source: Object Reference, OauthToken.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from collector.errors import SalesforceError
from collector.model import Batch, Cursor, Stream
from collector.salesforce.soql import check_identifier, render_literal
from collector.settings import SourceSettings
from collector.settings.values import Period
from collector.sources.availability import check_object, probe_object
from collector.sources.contract import SourceContext, UnavailableStream
from collector.sources.observation import Observation
from collector.sources.spec import Lane, SourceSpec, SuppliedTypes
from collector.stable_ids import hash_lines

KIND = "oauth_tokens"
OBJECT_NAME = "OauthToken"
PERMISSION = "Customize Application"

MAX_TOKENS = 2500
"""Salesforce serves at most this many tokens to one query and says nothing of the others."""

_SECRET_FIELD = "DeleteToken"  # noqa: S105 - the name of a field
_FIELDS = ("AppName", "UserId", "AppMenuItemId", "CreatedDate", "LastUsedDate", "UseCount")
_COLUMNS = ("TokenFingerprint", *_FIELDS)

TokenRecord = Mapping[str, Any]


class OauthTokensSettings(SourceSettings):
    """OauthToken. What is there the first time is where differences are counted from."""

    every: Period = timedelta(minutes=15)


class OauthTokensReader:
    """All tokens that the user may see, as one stream of differences."""

    def list_streams(self, context: SourceContext) -> Sequence[Stream | UnavailableStream]:
        """The one stream, if the org shows the object to this user."""
        stream = Stream(org=context.org, source=KIND, name=OBJECT_NAME)
        return [check_object(context, stream, f"the permission '{PERMISSION}'")]

    def fetch(
        self, context: SourceContext, stream: Stream, cursor: Cursor | None
    ) -> Iterator[Batch]:
        """The tokens granted and removed since the last look; at the first, no event."""
        tokens = _fetch_tokens(context)
        stored = context.read_state(KIND)
        observation = Observation(
            context=context,
            stream=stream,
            since=cursor.time if cursor else None,
            time=context.client.estimate_org_time(),
        )
        changed = {key: token for key, token in tokens.items() if stored.get(key) != token}
        if cursor is None:
            yield observation.build_silent_batch("OauthTokenGranted", state_updates=changed)
            return
        granted = [token for key, token in changed.items() if key not in stored]
        yield observation.build_batch("OauthTokenGranted", _COLUMNS, granted, state_updates=changed)
        removed = {key: token for key, token in stored.items() if key not in tokens}
        if removed:
            records, updates = list(removed.values()), dict.fromkeys(removed)
            yield observation.build_batch(
                "OauthTokenRemoved", _COLUMNS, records, state_updates=updates
            )


def _fetch_tokens(context: SourceContext) -> dict[str, TokenRecord]:
    """Every token by its fingerprint."""
    described_fields = {field.name for field in context.catalog.describe_object(OBJECT_NAME)}
    fields = [name for name in (*_FIELDS, _SECRET_FIELD) if name in described_fields]
    duplicate_counts: Counter[str] = Counter()
    tokens: dict[str, TokenRecord] = {}
    for record in _fetch_records(context, fields):
        # Where the org hides DeleteToken, all that is known of alike tokens is how many there are.
        base_fingerprint = _compute_fingerprint(record, 0)
        fingerprint = _compute_fingerprint(record, duplicate_counts[base_fingerprint])
        duplicate_counts[base_fingerprint] += 1
        values = {name: record.get(name) for name in _FIELDS}
        tokens[fingerprint] = {"TokenFingerprint": fingerprint, **values}
    return tokens


def _fetch_records(context: SourceContext, fields: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    """All tokens, in spans of users so small that each is served whole."""
    after = ""
    while True:
        records = list(_fetch_user_span(context, fields, after))
        if len(records) < MAX_TOKENS:
            yield from records
            return
        # The last user's tokens may go on beyond the limit: they are the next span's first.
        last_user = str(records[-1].get("UserId"))
        complete = [record for record in records if record.get("UserId") != last_user]
        if not complete:
            raise SalesforceError(
                f"{context.org}: one user has {MAX_TOKENS:,} OAuth tokens or more, and Salesforce"
                " does not list what is beyond"
            )
        yield from complete
        after = str(complete[-1].get("UserId"))


def _fetch_user_span(
    context: SourceContext, fields: Sequence[str], after: str
) -> Iterator[Mapping[str, Any]]:
    condition = f" WHERE UserId > {render_literal(after)}" if after else ""
    soql = (
        f"SELECT {', '.join(map(check_identifier, fields))} FROM {OBJECT_NAME}{condition}"
        f" ORDER BY UserId ASC LIMIT {MAX_TOKENS}"
    )
    for page in context.client.query(soql):
        yield from page


def _compute_fingerprint(record: Mapping[str, Any], number: int) -> str:
    values = [str(record.get(name)) for name in ("AppName", "UserId", _SECRET_FIELD)]
    # Lone surrogates count as question marks: fingerprints that are stored were made so.
    return hash_lines(*(text.encode(errors="replace").decode() for text in values), str(number))


SPEC = SourceSpec(
    kind=KIND,
    settings=OauthTokensSettings,
    build=lambda _: OauthTokensReader(),
    event_types=SuppliedTypes(
        names=frozenset({OBJECT_NAME, "OauthTokenGranted", "OauthTokenRemoved"})
    ),
    windowed=False,
    backfillable=False,
    value_rank=50,
    max_stretch=8.0,
    lane=Lane.URGENT,
    probe=probe_object,
    permissions=(PERMISSION,),
)
