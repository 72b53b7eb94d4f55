"""One event per download of a file: FileEventStore, ContentTransfer, DocumentAttachmentDownloads.

Previews and uploads are none, and neither is the look at a public link (ContentDistribution).
"""

from __future__ import annotations

from collector.normalize.fact_types import (
    FactPairing,
    FactTellers,
    FactType,
    join_values,
    shorten_id,
)
from collector.normalize.value_readers import read_long_id

_IS_DOWNLOAD = "lower(operation) LIKE '%download%' AND lower(operation) NOT LIKE '%rendition%'"
_VERSION_IDS = ('"VersionId"', '"VERSION_ID_DERIVED"', '"VERSION_ID"')
_DOCUMENT_IDS = ('"DocumentId"', '"DOCUMENT_ID_DERIVED"', '"DOCUMENT_ID"', '"ENTITY_ID"')
_WHAT = join_values("user_id", shorten_id(*_VERSION_IDS, *_DOCUMENT_IDS))

FILE_DOWNLOAD = FactType(
    event_type="FileDownload",
    uid_prefix="download",
    tellers=(
        # FileEventStore has the address, the session and the file's name.
        FactTellers(event_types=("FileEventStore",), condition=_IS_DOWNLOAD),
        FactTellers(event_types=("ContentTransfer",), condition=_IS_DOWNLOAD),
        # Of attachments and documents of the old kind, of which the others do not tell.
        FactTellers(event_types=("DocumentAttachmentDownloads",)),
    ),
    pairings=(FactPairing(one=0, other=1, likeness=(_WHAT, _WHAT)),),
    native_columns=(
        *("VersionId", "VERSION_ID_DERIVED", "VERSION_ID", "DocumentId", "DOCUMENT_ID_DERIVED"),
        *("DOCUMENT_ID", "ENTITY_ID", "FileName", "FileType", "FILE_TYPE", "ContentSize"),
        "SIZE_BYTES",
    ),
    readings={
        "DocumentId": read_long_id(f"coalesce({', '.join(_DOCUMENT_IDS)})"),
        "VersionId": read_long_id(f"coalesce({', '.join(_VERSION_IDS)})"),
        "FileType": 'coalesce("FileType", "FILE_TYPE")',
        "ContentSize": 'coalesce("ContentSize", "SIZE_BYTES")',
    },
    own_columns=("DocumentId", "VersionId", "FileName", "FileType", "ContentSize"),
)
"""A download of a file. FileEventStore and ContentTransfer have nothing that names the other's
record: they tell of one when they agree on the user and the file's version and lie within two
seconds."""
