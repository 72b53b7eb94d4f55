"""What a compacted file carries in its footer: the batches that it has events of, and its sources.

With it a ledger can be built from the files alone, should the state be lost.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from collector.archive.file_origin import parse_origin, render_origin
from collector.escaping import quote_literal
from collector.model import Batch

METADATA_KEY = "collector.batches"
"""The key of the Parquet footer. Its value is zlib-compressed JSON in base 64: a day has many."""

_MAX_TEXT_BYTES = 256 << 20
"""No footer that we wrote comes near."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileMember:
    """A batch that a file has events of, and how many."""

    batch: Batch
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CompactedOrigin:
    """What a compacted file was made from: its batches, and the files.

    `replaced_hashes` has their SHA-256 by their places, empty where nobody knows it: a batch that
    is read again may write another file to the same place.
    """

    members: tuple[FileMember, ...]
    replaced_hashes: Mapping[str, str]


def render_metadata(origin: CompactedOrigin) -> str:
    """The option of COPY that writes it into the footer."""
    document = {
        "batches": [
            {"origin": render_origin(member.batch), "rows": member.rows}
            for member in origin.members
        ],
        "replaces": dict(origin.replaced_hashes),
    }
    packed = base64.b64encode(zlib.compress(json.dumps(document).encode())).decode()
    return f"KV_METADATA {{{quote_literal(METADATA_KEY)}: {quote_literal(packed)}}}"


def parse_metadata(text: str) -> CompactedOrigin:
    """The origin. Raises ValueError for what is none."""
    try:
        packed = zlib.decompressobj()
        document = json.loads(packed.decompress(base64.b64decode(text), _MAX_TEXT_BYTES))
        return CompactedOrigin(
            members=tuple(
                FileMember(batch=parse_origin(item["origin"]), rows=int(item["rows"]))
                for item in document["batches"]
            ),
            replaced_hashes={
                str(path): str(digest) for path, digest in document["replaces"].items()
            },
        )
    except (KeyError, TypeError, AttributeError, RecursionError, binascii.Error, zlib.error) as e:
        raise ValueError(f"it names no batches: {e!r:.100}") from None


def count_by_batch(members: Sequence[FileMember]) -> dict[str, int]:
    """How many events there are of each batch, by its key."""
    return {member.batch.key: member.rows for member in members}
