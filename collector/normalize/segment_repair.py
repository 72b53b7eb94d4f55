"""Makes a segment readable that the engine refuses: valid UTF-8 without NUL."""

from __future__ import annotations

import codecs
import shutil
from pathlib import Path

CHUNK_BYTES = 1 << 20


def repair_segment(path: Path) -> None:
    """Rewrite a segment in place; what is no UTF-8 becomes U+FFFD, NUL goes.

    Quotes, commas and line ends stay where they are, so the records stay what they were.

    Raises:
        OSError: there is no room; the segment is unchanged.
    """
    repaired = path.with_name(f"{path.name}.repaired")
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    try:
        with path.open("rb") as source, repaired.open("wb") as target:
            while chunk := source.read(CHUNK_BYTES):
                target.write(decoder.decode(chunk).replace("\0", "").encode())
            target.write(decoder.decode(b"", final=True).encode())
        shutil.copymode(path, repaired)
        repaired.replace(path)
    finally:
        repaired.unlink(missing_ok=True)
