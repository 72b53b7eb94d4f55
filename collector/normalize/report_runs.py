"""One event per run of a report, from its records in ReportEvent, Report and ReportExport.

AsyncReportRun is left out: it tells of requests to run reports later, by dashboards and schedules,
and nothing says which of them become a record of Report, too.
"""

from __future__ import annotations

from collector.normalize.fact_types import (
    ADDRESS,
    FactPairing,
    FactTellers,
    FactType,
    join_values,
    shorten_id,
)
from collector.normalize.value_readers import read_long_id

_REPORT_IDS = ('"ReportId"', '"REPORT_ID_DERIVED"', '"REPORT_ID"')
_REPORT_ID = (
    f"coalesce({', '.join(_REPORT_IDS)},"
    " CASE WHEN event_type = 'ReportExport' THEN \"URI_ID_DERIVED\" END)"
)
_IS_EXPORT = (
    "CASE WHEN event_type = 'ReportExport' OR lower(operation) LIKE '%export%' THEN 'export'"
    " ELSE 'run' END"
)
_OPERATION = (
    "CASE WHEN event_type = 'ReportExport' THEN coalesce(operation, 'ReportExported')"
    " ELSE operation END"
)
_WHAT = join_values("user_id", ADDRESS, shorten_id(_REPORT_ID), _IS_EXPORT)
_REQUEST = "nullif(request_id, '')"
# One request may run a report and export it. Old files of Report do not tell which of it a row is.
_EXPORT_REQUEST = (
    f"CASE WHEN operation IS NULL OR lower(operation) LIKE '%export%' THEN {_REQUEST} END"
)

REPORT_RUN = FactType(
    event_type="ReportRun",
    uid_prefix="report",
    tellers=(
        # A large run has a record for each chunk, and each of them the rows of the whole run.
        FactTellers(event_types=("ReportEvent",), chunk_key="nullif(\"ExecutionIdentifier\", '')"),
        FactTellers(event_types=("Report",)),
        FactTellers(event_types=("ReportExport",)),
    ),
    pairings=(
        FactPairing(one=0, other=1, likeness=(_WHAT, _WHAT)),
        FactPairing(one=0, other=2, likeness=(_WHAT, _WHAT)),
        FactPairing(one=1, other=2, links=((_EXPORT_REQUEST, _REQUEST),), likeness=(_WHAT, _WHAT)),
    ),
    native_columns=(
        *("ReportId", "REPORT_ID_DERIVED", "REPORT_ID", "URI_ID_DERIVED", "ExecutionIdentifier"),
        *("ExportFileFormat", "Name"),
    ),
    readings={"operation": _OPERATION, "ReportId": read_long_id(_REPORT_ID)},
    own_columns=("ReportId", "Name", "ExportFileFormat"),
    link_columns=("request_id", "ExecutionIdentifier"),
    identity=_REQUEST,
)
"""A run or an export of a report. Chunks of ReportEvent are of one run when they have the same
ExecutionIdentifier. Report and ReportExport are of one when they have the same REQUEST_ID, which
ReportEvent lacks: with that, when they agree on user, address, report, and on whether it is an
export, and lie within two seconds."""
