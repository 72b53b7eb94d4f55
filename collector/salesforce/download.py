"""Streams one log file from an org into segments: all of it, or nothing."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

from collector.errors import CorruptDownload, Stopped
from collector.http import body, has_end, pieces
from collector.salesforce.answers import refusal, unreachable
from collector.segments import Cutter, Segments

DECODED_BYTES = 8 << 30
"""The largest log that is ever written; one that announces its length may not even exceed that.

How well a log is packed is not capped: whoever can type a megabyte of one letter into a query could
then make the hour disappear that it stands in.
"""

DOWNLOAD_SECONDS = 3600.0
_REFUSAL_BYTES = 1 << 20


def download(
    http: httpx.Client,
    url: str,
    *,
    headers: Mapping[str, str],
    where: str,
    directory: Path,
    name: str,
    expected_length: int | None,
    stop: threading.Event | None,
) -> Segments:
    """The log at `url` as segments `directory/name-….csv`, in one try.

    `where` names the org and what is asked for; `expected_length` is how many bytes the log has,
    decoded, or None if nobody knows. Whatever is raised, no file remains.

    Raises:
        CorruptDownload: what came is no log, or not the whole log.
        Unreachable: nothing came, or the connection broke.
        SalesforceError: the org refused (`answers.refusal`).
        Stopped: `stop` was set.
    """
    cutter = Cutter(directory, name)
    try:
        with _translated(where):
            with http.stream("GET", url, headers=dict(headers)) as answer:
                _feed(cutter, _log(answer, where, expected_length), stop)
            segments = cutter.finish()
            _check_length(segments.size, expected_length)
    except BaseException:
        cutter.abort()
        raise
    return segments


@contextmanager
def _translated(where: str) -> Iterator[None]:
    try:
        yield
    except (CorruptDownload, httpx.DecodingError) as problem:
        raise CorruptDownload(f"{where}: {problem}") from None
    except httpx.HTTPError as problem:
        raise unreachable(where, problem) from None


def _feed(cutter: Cutter, log: Iterator[bytes], stop: threading.Event | None) -> None:
    for piece in log:
        if stop is not None and stop.is_set():
            raise Stopped("stopped in the middle of a download")
        cutter.feed(piece)


def _log(answer: httpx.Response, where: str, expected_length: int | None) -> Iterator[bytes]:
    if answer.status_code != 200:
        raise refusal(where, answer.status_code, _content(answer))
    if expected_length is None and not has_end(answer):
        raise CorruptDownload("nothing says where the log ends")
    limit = DECODED_BYTES if expected_length is None else min(expected_length, DECODED_BYTES)
    return pieces(answer, limit=limit, seconds=DOWNLOAD_SECONDS)


def _check_length(size: int, expected: int | None) -> None:
    if expected is not None and size != expected:
        raise CorruptDownload(f"the log has {size} bytes where the org announced {expected}")


def _content(answer: httpx.Response) -> object:
    try:
        content = body(answer, limit=_REFUSAL_BYTES)
    except httpx.DecodingError:
        return "a body that cannot be read"
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return content.decode("utf-8", "replace")
