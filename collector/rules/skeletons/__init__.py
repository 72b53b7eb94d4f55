"""Rules to begin with: one of each kind, with comments, that pass lint and their own tests."""

from __future__ import annotations

import re
import uuid
from importlib.resources import files
from string import Template

SKELETON_KINDS = ("plain", "correlation", "first_seen", "baseline", "filter")
"""Every kind; the file of that name beside this module is its template."""

_NAME_PATTERN = re.compile(r"[a-z0-9][a-z0-9_-]{0,59}")
_ID_COUNT = 2


def render_skeleton(kind: str, name: str) -> str:
    """The YAML of a rule of a kind, called so, with ids that no other rule has.

    Raises ValueError for a name that is no slug.
    """
    if not _NAME_PATTERN.fullmatch(name):
        raise ValueError("a rule's name is a slug of a-z, 0-9, '-' and '_', such as new-package")
    text = files(__name__).joinpath(f"{kind}.yml").read_text("utf-8")
    ids = {f"id{number}": str(uuid.uuid4()) for number in range(1, _ID_COUNT + 1)}
    title = re.sub("[-_]+", " ", name).strip().capitalize()
    return Template(text).substitute(ids, name=name, title=title)
