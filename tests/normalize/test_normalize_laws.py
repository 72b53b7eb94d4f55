"""SQL expressions against plain Python, for values that nobody thought of."""

from __future__ import annotations

import ipaddress
import re
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.normalize import ip_address_sql, value_readers
from collector.normalize.query_outlines import OutlineReader
from collector.soql import outline_query

pytestmark = pytest.mark.slow

WITHOUT_NUL = st.text(st.characters(exclude_characters="\0", codec="utf-8"))
ALPHANUMERIC = string.ascii_letters + string.digits


# ---- ids


def eighteen(text):
    if not re.fullmatch(r"[0-9A-Za-z]{15}", text):
        return text
    suffix = ""
    for start in (0, 5, 10):
        bits = [character.isupper() for character in text[start : start + 5]]
        number = sum(1 << place for place, bit in enumerate(bits) if bit)
        suffix += "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"[number]
    return text + suffix


@settings(max_examples=60, deadline=None)
@given(texts=st.lists(st.text(ALPHANUMERIC, min_size=15, max_size=15) | WITHOUT_NUL, min_size=1))
def test_ids_get_the_suffix_that_salesforce_gives_them(evaluate, texts):
    assert evaluate(value_readers.read_long_id("x"), texts) == [eighteen(text) for text in texts]


# ---- addresses

ADDRESSES_READ = ip_address_sql.select_addresses("(SELECT unnest(?::VARCHAR[]) AS x)", "x")
PRIVATE_NETWORKS = [
    ipaddress.ip_network(network)
    for network in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
        *("172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/3"),
        *("::/127", "fc00::/7", "fe80::/10", "ff00::/8"),
    )
]


def keys(text):
    """The keys of the addresses in a text, slowly: that of the first public one first."""
    found = {
        key: None
        for piece in re.split(r"[^0-9A-Za-z.:]+", text, flags=re.ASCII)
        if (
            key := key_of(
                re.sub(r"^((?:[0-9A-Fa-f:]*:)?[0-9]+\.[0-9.]+):[0-9]{1,5}$", r"\1", piece)
            )
        )
    }
    public = [key for key in found if not is_private(key)]
    first = (*public, *found)[:1]
    return " ".join([*first, *(key for key in found if key not in first)]) or None


def key_of(piece):
    try:
        address = ipaddress.ip_address(re.sub(r"\b0+(?=[0-9A-Fa-f])", "", piece.rstrip(".")))
    except ValueError:
        return None
    mapped = 0xFFFF << 32 if address.version == 4 else 0
    return f"{mapped + int(address):032x}"


def is_private(key):
    address = ipaddress.IPv6Address(int(key, 16))
    return any((address.ipv4_mapped or address) in network for network in PRIVATE_NETWORKS)


def written(address):
    """The ways to write an address."""
    if address.version == 4:
        return st.sampled_from([str(address), f"::ffff:{address}", f"64:ff9b::{address}"])
    return st.sampled_from([str(address), address.exploded, str(address).upper()])


NETWORKS = st.sampled_from([*PRIVATE_NETWORKS, *(None,) * len(PRIVATE_NETWORKS)])
ADDRESSES = NETWORKS.flatmap(lambda network: st.ip_addresses(network=network)).flatmap(written)
LISTS = st.lists(
    st.tuples(
        st.sampled_from(["", "[", '"', "for=", "unknown, ", "0", "00"]),
        ADDRESSES,
        st.sampled_from(["", "]", ":443", "]:443", "%eth0", '"', "/24", ".", ".:443"]),
    ).map("".join),
    max_size=4,
).map(", ".join)
NEAR_ADDRESSES = st.text("0123456789abcdefABCDEF.:%g", max_size=24) | st.lists(
    st.sampled_from(["", "0", "1", "ffff", "12345", "192.0.2.1", "01"]), max_size=10
).map(":".join)


@settings(max_examples=150, deadline=None)
@given(texts=st.lists(ADDRESSES | LISTS | NEAR_ADDRESSES | WITHOUT_NUL, min_size=1, max_size=30))
def test_addresses_have_the_keys_that_their_numbers_have(evaluate, texts):
    found = evaluate("struct_pack(a := read_address, k := read_address_key)", texts, ADDRESSES_READ)

    once = [row["k"] and " ".join(dict.fromkeys(row["k"].split())) for row in found]
    assert once == [keys(text) for text in texts]
    for row in found:
        assert (row["a"] and key_of(row["a"])) == (row["k"] and row["k"].split()[0])


@pytest.mark.parametrize(
    "text",
    [
        *("::", "::1", "1::", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"),
        *(
            "1:2:3:4::5:6:7:8",
            ":::",
            "1::2::3",
            ":1:2:3:4:5:6:7",
            "1:2:3:4:5:6:7:",
            "1:2:3:4:5:6:7",
        ),
        *("::ffff:1.2.3.4", "1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:7:1.2.3.4", "::1.2.3.4.5"),
        *("::ffff:1.2.3.999", "1.2.3.4::", ":1.2.3.4", "0.0.0.0", "255.255.255.255", "1.2.3"),
        *("2001:db8::%1", "12345::", "g::", " 1.2.3.4", "1.2.3.4\n", "::ffff:0:1.2.3.4"),
    ],
)
def test_the_edges_of_addresses(evaluate, text):
    assert evaluate("read_address_key", [text], ADDRESSES_READ) == [keys(text)]


# ---- the object of a query


def main_object(query):
    """A scanner, a character at a time, of what SQL has to do with patterns."""
    if not re.match(r"(?i)\s*SELECT\s", query):
        return None
    depth = place = 0
    while place < len(query):
        rest = query[place:]
        if rest[0] == "'":
            place += re.match(r"'(?:[^'\\]|\\.)*(?:'|\\?\Z)", rest, re.DOTALL).end()
        elif rest.startswith("/*"):
            place = query.find("*/", place + 2) + 2 if "*/" in rest[2:] else len(query)
        elif rest.startswith("--"):
            place = query.find("\n", place) if "\n" in rest else len(query)
        elif found := re.match(r"(?i)FROM\s+([a-z]\w*)", rest, re.ASCII):
            starts = place == 0 or not re.match(r"\w", query[place - 1], re.ASCII)
            if starts and depth == 0:
                return found[1]
            place += found.end() if starts else 1
        else:
            depth += (rest[0] == "(") - (rest[0] == ")")
            place += 1
    return None


NAMES = st.from_regex(r"[A-Z][a-z]{0,6}(__c)?", fullmatch=True)
SPACE = st.sampled_from([" ", "\n", "\t ", "  "])
LITERALS = st.sampled_from(
    ["'x'", "' FROM Lie '", "'it\\'s FROM Lie'", "'('", "')'", "'\\\\'", "''"]
)
FIELDS = NAMES | st.sampled_from(
    ["COUNT()", "toLabel(Level__c)", "FIELDS(ALL)", "From__c", "Owner.Name", "FORMAT(MIN(A)) x"]
)


def selects(conditions):
    inner = st.deferred(lambda: queries.map("({})".format))
    parts = st.lists(FIELDS | inner, min_size=1, max_size=4).map(", ".join)
    return st.builds(
        "{s}{a}{fields}{a}{f}{b}{name}{condition}".format,
        s=st.sampled_from(["SELECT", "select", "Select"]),
        f=st.sampled_from(["FROM", "from", "From"]),
        a=SPACE,
        b=SPACE,
        fields=parts,
        name=NAMES,
        condition=conditions,
    )


CONDITIONS = st.just("") | st.builds(
    " WHERE {field} = {literal} AND Id IN (SELECT x FROM {name} WHERE ((x = {literal})))".format,
    field=NAMES,
    literal=LITERALS,
    name=NAMES,
)
queries = selects(CONDITIONS)


@settings(max_examples=60, deadline=None)
@given(query=queries)
def test_the_object_of_a_query_is_the_one_that_a_scanner_finds(query):
    assert main_object(query) == outline_query(query).main_object is not None


SCRAPS = st.lists(
    st.sampled_from(
        [
            *("SELECT", "FROM", "Account", "Contact", "(", ")", "'", "\\", "/*", "*/", "--", "\n"),
            *(
                " ",
                "WHERE",
                ",",
                "FROMAGE",
                "x_FROM",
                "Id",
                '"',
                "é",
                "LIMIT",
                "5",
                "'x'",
                "FIND {",
            ),
            *("TYPEOF", "END", "COUNT(", "FIELDS(", "2026-03-01T10:00:00Z", "2026-03-01", "a.b"),
        ]
    ),
    max_size=25,
).map(lambda parts: "SELECT " + " ".join(parts))


@settings(max_examples=100, deadline=None)
@given(texts=st.lists(queries | SCRAPS | st.text(max_size=50), min_size=1, max_size=10))
def test_alike_queries_that_are_read_once_are_read_as_each_is(texts):
    reader = OutlineReader()

    for text in texts:
        outline = outline_query(text)
        span = outline.where_span if outline else None
        facts = reader.read_query(text)

        assert facts.where == (text[slice(*span)] if span else "")
        assert facts.shared.split("\x1f") == (
            [""] * 6
            if outline is None
            else [
                outline.main_object or "",
                ",".join(outline.objects),
                ",".join(outline.fields),
                str(outline.is_count).lower(),
                str(outline.has_relationship).lower(),
                "" if outline.limit is None else str(outline.limit),
            ]
        )
