"""What is known of a segment's values, and that it changes nothing of what is read."""

from __future__ import annotations

from dataclasses import replace

import pytest

from collector import normalize

COLUMNS = ("USER_ID", "CLIENT_IP", "USER_AGENT", "CLIENT_NAME", "QUERY")
PLAIN = ("005000000000001", "192.0.2.7", "python-requests/2.31", "acme/loader", "SELECT Id FROM A")
CASES = {
    "plain": ([PLAIN, ("", "", "", "", "")], True, True),
    "no rows": ([], True, True),
    "IPv6": ([PLAIN, ("", "2001:db8::7", "", "", "")], False, True),
    "two addresses": ([PLAIN, ("", "10.0.0.1, 192.0.2.7", "", "", "")], False, True),
    "no address": ([("", "unknown", "", "", ""), PLAIN], False, True),
    "quoted name": ([PLAIN, ("", "", "", "'acme'", "")], True, False),
    "wide name": ([("", "", "", "\uff41cme", ""), PLAIN], True, False),
    "escaped name": ([PLAIN, ("", "", "", "acme%2Floader", "")], True, True),
    "both": ([("", "::ffff:192.0.2.7", "", "ac\u200bme", ""), PLAIN], False, False),
}


@pytest.mark.parametrize(("rows", "are_ipv4", "are_plain"), CASES.values(), ids=CASES)
def test_what_is_known_of_values_changes_no_event(normalizer, rows, are_ipv4, are_plain):
    """A segment gives the same events whether or not the forms of its values were looked at."""
    path = normalizer.write_csv(COLUMNS, rows)
    batch = normalizer.build_batch("RestApi", COLUMNS, [path])
    relation = normalize.build_segment_relation(path, COLUMNS)
    known = normalize.load_lookups(normalizer.connection, batch, relation)
    unknown = replace(known, has_ipv4_addresses=False, has_plain_names=False)

    def read_events(lookups):
        select = normalize.build_segment_select(
            batch=batch, segment=0, relation=relation, lookups=lookups
        )
        return normalizer.connection.execute(f"SELECT * FROM ({select})").fetchall()

    assert (known.has_ipv4_addresses, known.has_plain_names) == (are_ipv4, are_plain)
    assert read_events(known) == read_events(unknown)
    assert len(read_events(known)) == len(rows)
