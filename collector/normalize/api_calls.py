"""One event per API call, from its records in ApiEvent, RestApi, API and ApiTotalUsage.

Bulk API work is no call but a job, see BulkJob; the calls by which a program starts a job and
fetches its results are calls, of which ApiTotalUsage tells.
"""

from __future__ import annotations

from collector.normalize.fact_types import (
    ADDRESS,
    FactPairing,
    FactTellers,
    FactType,
    join_values,
)
from collector.normalize.value_readers import read_count

_REQUEST = "nullif(request_id, '')"
_LINKS = ((_REQUEST, _REQUEST),)
_WHO = join_values("user_id", ADDRESS, "lower(entity)")
_PAGE_ROWS = read_count('"RowsReturned"')
_RECORD_COUNT = f"coalesce(CASE WHEN event_type = 'ApiEvent' THEN {_PAGE_ROWS} END, record_count)"
_WHAT = join_values(_WHO, f"{_RECORD_COUNT}::VARCHAR")

API_CALL = FactType(
    event_type="ApiCall",
    uid_prefix="call",
    tellers=(
        # ApiEvent alone has the query's text and the rows that this call gave, page by page.
        FactTellers(event_types=("ApiEvent",)),
        # REST and SOAP: no call is in both logs.
        FactTellers(event_types=("RestApi", "API")),
        FactTellers(event_types=("ApiTotalUsage",)),
    ),
    pairings=(
        FactPairing(one=0, other=1, links=_LINKS, likeness=(_WHAT, _WHAT)),
        FactPairing(one=0, other=2, links=_LINKS, likeness=(_WHO, _WHO)),
        FactPairing(one=1, other=2, links=_LINKS, likeness=(_WHO, _WHO)),
    ),
    native_columns=("RowsReturned",),
    readings={"record_count": _RECORD_COUNT},
    link_columns=("request_id",),
    identity=_REQUEST,
)
"""An API call. Two records are of one when they have the same REQUEST_ID (RequestIdentifier); where
one of them has none, when they agree on user, address, object and rows (which ApiTotalUsage does
not tell) and lie within two seconds. A request may have several records of a type, as a composite
one with several queries has: they pair up in the order of their times.

RowsProcessed of ApiEvent is that of the whole query on each of its pages; RowsReturned is the
page's, so that the counts of all calls add up."""
