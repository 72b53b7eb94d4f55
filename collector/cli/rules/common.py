"""What the commands about rules share: the argument PATHS, and words for what rules look at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

EVENT_TYPE_LIMIT = 4
"""So many event types of a rule are listed; a rule may see all of them."""

paths_argument = click.argument("paths", nargs=-1, type=click.Path(path_type=Path, exists=True))


def format_event_types(event_types: Sequence[str]) -> str:
    """The first of many event types, and how many there are beside."""
    listed = ", ".join(event_types[:EVENT_TYPE_LIMIT]) or "every type"
    more = len(event_types) - EVENT_TYPE_LIMIT
    return f"{listed} and {more} more" if more > 0 else listed
