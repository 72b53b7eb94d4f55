"""Which columns hold names in their plain form."""

from __future__ import annotations

from collector.directory.display_names import TEXT_FIELDS
from collector.model.event_columns import NAME_COLUMNS


def is_name_column(column: str | None) -> bool:
    """Whether a column of that name holds names in their plain form: the directory's texts do."""
    return column in NAME_COLUMNS or column in TEXT_FIELDS
