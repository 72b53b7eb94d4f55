"""Reads the records of a JSON or NDJSON file, whatever they are wrapped in."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from io import BufferedReader
from typing import Any, TypeAlias

from collector.errors import CorruptDownloadError

MAX_DOCUMENT_BYTES = 512 << 20
"""The largest JSON document, or line of NDJSON, that is read."""

FileRecord: TypeAlias = Mapping[str, Any]


def read_records(file: BufferedReader, refusals: Counter[str]) -> Iterator[FileRecord]:
    """All records of a file; what is none is counted in `refusals`, by what it is.

    Raises:
        CorruptDownloadError: a document is too large.
        ValueError, RecursionError: the file is no JSON.
    """
    for document in _read_documents(file, refusals):
        yield from _unwrap_records(document)


def _read_documents(file: BufferedReader, refusals: Counter[str]) -> Iterator[Any]:
    """The document that a file is, or those that its lines are."""
    first = _check_size(file.readline(MAX_DOCUMENT_BYTES + 1))
    try:
        document = _parse_document(first)
    except ValueError:
        yield _parse_document(_check_size(first + file.read(MAX_DOCUMENT_BYTES + 1)))
        return
    yield document
    while line := _check_size(file.readline(MAX_DOCUMENT_BYTES + 1)):
        try:
            document = _parse_document(line) if line.strip() else []
        except (ValueError, RecursionError):
            refusals["a line that is no JSON"] += 1
            continue
        yield document


def _check_size(data: bytes) -> bytes:
    if len(data) > MAX_DOCUMENT_BYTES:
        raise CorruptDownloadError(
            f"a JSON document is larger than {MAX_DOCUMENT_BYTES >> 20} MB: split it"
        )
    return data


def _parse_document(data: bytes) -> Any:
    # Numbers stay the text that they were: `50000.0` is not `50000`.
    return json.loads(data.decode("utf-8-sig", "replace"), parse_float=str, parse_int=str)


def _unwrap_records(document: Any) -> Iterator[FileRecord]:
    """The records inside a list, a query's answer, or the envelope of a streamed event."""
    if isinstance(document, list):
        for item in document:
            yield from _unwrap_records(item)
    elif isinstance(document, dict):
        data = document.get("data")
        payload = data.get("payload") if isinstance(data, dict) else None
        inner = document.get("records", payload)
        if isinstance(inner, list | dict):
            yield from _unwrap_records(inner)
        else:
            yield document
