"""The fields of events of which all values are known."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_TRUTHS = frozenset({"true", "false"})

KNOWN_VALUES: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "outcome": frozenset({"success", "failure"}),
        **dict.fromkeys(("soql.is_count", "soql_is_count"), _TRUTHS),
        **dict.fromkeys(("soql.has_relationship", "soql_has_relationship"), _TRUTHS),
        "app.kind": frozenset({"connected", "external client"}),
    }
)
"""By field, all values that it can have, whatever the configuration says."""
