"""Bodies of answers, decoded a piece at a time: bounded in size and in time."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator

import httpx

from collector import clock
from collector.http.patience import limit_time

MAX_BODY_BYTES = 32 << 20
"""The largest body that is ever held in memory, decoded."""

MAX_REFUSAL_BYTES = 1 << 20
"""The largest body of a refusal."""

MAX_BODY_SECONDS = 300.0
"""The longest that such a body may take: one byte a minute is no answer."""

MAX_PIECE_BYTES = 256 << 10
"""The most that is decoded at a time."""


class BodyTooLongError(httpx.DecodingError):
    """A body that is longer, decoded, than its reader takes."""


def read_body(
    answer: httpx.Response, *, limit: int = MAX_BODY_BYTES, seconds: float = MAX_BODY_SECONDS
) -> bytes:
    """The whole decoded body of a streamed answer. Raises as `read_pieces` does."""
    body = io.BytesIO()
    for piece in read_pieces(answer, limit=limit, seconds=seconds):
        body.write(piece)
    return body.getvalue()


def read_pieces(answer: httpx.Response, *, limit: int, seconds: float) -> Iterator[bytes]:
    """The decoded body of a streamed answer, at most `MAX_PIECE_BYTES` at a time.

    Raises:
        BodyTooLongError: it is longer than `limit` bytes.
        httpx.DecodingError: it is packed in a way that we did not ask for, or in a gzip stream that
            is broken, stops early or goes on after its end.
        httpx.TimeoutException: it takes longer than `seconds`, or a read takes too long.
        httpx.TransportError: the connection broke.
    """
    deadline = clock.monotonic() + seconds
    size = 0
    for piece in _read_decoded(answer, deadline):
        size += len(piece)
        if size > limit:
            raise BodyTooLongError(f"the body is longer than {limit} bytes")
        if clock.monotonic() > deadline:
            raise httpx.ReadTimeout("the answer took too long")
        yield piece


def has_end(answer: httpx.Response) -> bool:
    """Whether a cut body can be told from a whole one: by its length, its chunks or its packing."""
    headers = answer.headers
    return any(h in headers for h in ("Content-Length", "Transfer-Encoding")) or _is_gzipped(answer)


def _read_decoded(answer: httpx.Response, deadline: float) -> Iterator[bytes]:
    chunks = _read_raw(answer, deadline)
    return _inflate_chunks(chunks) if _is_gzipped(answer) else chunks


def _read_raw(answer: httpx.Response, deadline: float) -> Iterator[bytes]:
    """The chunks as they come; also what frames them must come before the deadline."""
    chunks = answer.iter_raw()
    while True:
        with limit_time(deadline - clock.monotonic()):
            chunk = next(chunks, None)
        if chunk is None:
            return
        yield chunk


def _is_gzipped(answer: httpx.Response) -> bool:
    encoding: str = answer.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in {"", "identity", "gzip", "x-gzip"}:
        raise httpx.DecodingError("the body is packed in a way that was not asked for")
    return encoding.endswith("gzip")


def _inflate_chunks(chunks: Iterator[bytes]) -> Iterator[bytes]:
    # httpx and requests inflate a chunk whole, however large it becomes, and take a gzip stream
    # that stops early for a complete one.
    stream = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    for chunk in chunks:
        packed = chunk
        while packed or stream.unconsumed_tail:
            try:
                piece = stream.decompress(packed or stream.unconsumed_tail, MAX_PIECE_BYTES)
            except zlib.error:
                raise httpx.DecodingError("the gzip stream is broken") from None
            if stream.unused_data:
                raise httpx.DecodingError("the gzip stream goes on after its end")
            packed = stream.unconsumed_tail
            yield piece
    if not stream.eof:
        raise httpx.DecodingError("the gzip stream stops before its end")
