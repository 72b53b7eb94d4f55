"""Streams one log file from an org into segments: all of it, or nothing."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

from collector.csv_segments import CsvSegmenter, CsvSegments
from collector.errors import CorruptDownloadError, StoppedError, WrongLengthError
from collector.http import BodyTooLongError, has_end, read_body, read_pieces
from collector.salesforce.api_errors import build_api_error, build_unreachable_error

MAX_LOG_BYTES = 8 << 30
"""The largest log that is ever written; one that announces its length may not even exceed that.

How well a log is packed is not capped: whoever can type a megabyte of one letter into a query could
then make the hour disappear that it stands in.
"""

MAX_DOWNLOAD_SECONDS = 3600.0
_MAX_REFUSAL_BYTES = 1 << 20


def download_log(
    http: httpx.Client,
    url: str,
    *,
    headers: Mapping[str, str],
    where: str,
    directory: Path,
    name: str,
    expected_length: int | None,
    stop_event: threading.Event | None,
    note_status: Callable[[int], None],
) -> CsvSegments:
    """The log at `url` as segments `directory/name-….csv`, in one try.

    `where` names the org and what is asked for; `expected_length` is how many bytes the log has,
    decoded, or None where that is not known; `note_status` is told the HTTP status before the body
    is read. Whatever is raised, no file remains.

    Raises:
        CorruptDownloadError: what came is no log, or not the whole log.
        WrongLengthError: it is of another length than expected.
        UnreachableError: nothing came, or the connection broke.
        SalesforceError: the org refused (`build_api_error`).
        StoppedError: `stop_event` was set.
    """
    segmenter = CsvSegmenter(directory, name)
    try:
        with _translate_errors(where):
            with http.stream("GET", url, headers=dict(headers)) as answer:
                note_status(answer.status_code)
                _feed_segmenter(segmenter, _open_log(answer, where, expected_length), stop_event)
            segments = segmenter.finish_segments(whole_size=expected_length)
            _check_length(segments.size, expected_length)
    except BaseException:
        segmenter.remove_segments()
        raise
    return segments


@contextmanager
def _translate_errors(where: str) -> Iterator[None]:
    try:
        yield
    except (WrongLengthError, BodyTooLongError) as problem:
        raise WrongLengthError(f"{where}: {problem}") from None
    except (CorruptDownloadError, httpx.DecodingError) as problem:
        raise CorruptDownloadError(f"{where}: {problem}") from None
    except httpx.HTTPError as problem:
        raise build_unreachable_error(where, problem) from None


def _feed_segmenter(
    segmenter: CsvSegmenter, log: Iterator[bytes], stop_event: threading.Event | None
) -> None:
    for piece in log:
        if stop_event is not None and stop_event.is_set():
            raise StoppedError("stopped in the middle of a download")
        segmenter.feed_chunk(piece)


def _open_log(answer: httpx.Response, where: str, expected_length: int | None) -> Iterator[bytes]:
    if answer.status_code != 200:
        raise build_api_error(where, answer.status_code, _read_refusal(answer))
    if expected_length is None and not has_end(answer):
        raise CorruptDownloadError("nothing says where the log ends")
    limit = MAX_LOG_BYTES if expected_length is None else min(expected_length, MAX_LOG_BYTES)
    return read_pieces(answer, limit=limit, seconds=MAX_DOWNLOAD_SECONDS)


def _check_length(size: int, expected: int | None) -> None:
    if expected is not None and size != expected:
        raise WrongLengthError(f"the log has {size} bytes where the org announced {expected}")


def _read_refusal(answer: httpx.Response) -> object:
    try:
        content = read_body(answer, limit=_MAX_REFUSAL_BYTES)
    except httpx.DecodingError:
        return "a body that cannot be read"
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return content.decode("utf-8", "replace")
