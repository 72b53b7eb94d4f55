"""Files of events that were moved out of an archive, each at the place that it had there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_PLACE_END = re.compile(
    r"(?:.*/)?org=(?P<org>[^/]+)/event_type=(?P<event_type>[^/]+)/date=(?P<date>[^/]+)/[^/]+\.parquet"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MovedFile:
    """A file, and of what it is; `date` is YYYY-MM-DD, unless somebody has put it there."""

    path: Path
    org: str
    event_type: str
    date: str


def list_moved_files(root: Path) -> Iterator[MovedFile]:
    """The files of events below a folder; none where there is no such folder."""
    for path in sorted(root.rglob("*.parquet")) if root.is_dir() else ():
        place = _PLACE_END.fullmatch(path.relative_to(root).as_posix())
        if place is not None:
            yield MovedFile(path=path, **place.groupdict())
