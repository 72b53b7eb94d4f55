"""Two fields that are a pair of a list, such as an app and one of its networks, as SQL."""

from __future__ import annotations

from collector.detect.lists.value_list import ListEntry
from collector.detect.predicates import equality
from collector.detect.predicates.field_columns import FieldColumns
from collector.detect.predicates.list_membership import match_entries
from collector.detect.predicates.sigma_extensions import ListPair
from collector.detect.predicates.sql_literals import UnsupportedSigmaError


def match_pair(name: str, value: ListPair, columns: FieldColumns) -> str:
    """SQL: the field is an entry of the list, and an address of the other in that one's networks.

    Raises SigmaError for lists that there are not, and for other fields than those of addresses.
    """
    if columns.find_address_key(value.field) is None:
        raise UnsupportedSigmaError(
            f"the other field of a pair is source_ip, whose address is known, not {value.field}"
        )
    pairs = [entry for entry in columns.find_list(value.list_name).entries if entry.networks]
    return equality.join_alternatives(
        [_match_entry(name, entry, value, columns) for entry in pairs]
    )


def _match_entry(name: str, entry: ListEntry, value: ListPair, columns: FieldColumns) -> str:
    own = match_entries(name, value.list_name, [entry], columns)
    return f"({own} AND {equality.match_networks(value.field, entry.paired_networks, columns)})"
