"""What queries ask for, of texts that ran, that are cut off, and that nobody would write."""

from __future__ import annotations

import pytest

from collector.normalize.query_outlines import OutlineReader
from collector.soql import MAX_QUERY_LENGTH, outline_query
from collector.soql.outline import MAX_NAME_LENGTH, MAX_NAMES

NESTED = (
    "SELECT Id, (SELECT Id, Email FROM Contacts WHERE Name = 'FROM y'), Owner.Name FROM Account a"
    " WHERE a.Name LIKE '%LIMIT 3%' AND Id IN (SELECT AccountId FROM Opportunity LIMIT 3)"
    " ORDER BY Name LIMIT 10 OFFSET 5"
)

OBJECTS = {
    "SELECT Id FROM Contact": ("Contact",),
    "  select id\nfrom\nContact c, c.Account a": ("Contact",),
    NESTED: ("Account", "Contacts", "Opportunity"),
    "SELECT Id FROM Group WHERE Name = 'x'": ("Group",),
    "SELECT Id FROM ns__Thing__c USING SCOPE mine": ("ns__Thing__c",),
    "SELECT Id FROM A WHERE Id IN (SELECT Id FROM a)": ("A",),
    "SELECT Id FROM Account WHERE Id IN (SELECT AccountId FROM Con": ("Account", "Con"),
    "SELECT (SELECT Id FROM Contacts": ("Contacts",),
    "SELECT Id, 'cut off FROM Account": (),
    "SELECT Id -- FROM Lie\nFROM /* FROM Lie */ Account": ("Account",),
    "FIND {RETURNING Lie(Id) \\} x} IN ALL FIELDS RETURNING Account(Id WHERE x = 1), Contact": (
        "Account",
        "Contact",
    ),
    "FIND 'it\\'s' RETURNING Lead": ("Lead",),
}

FIELDS = {
    NESTED: ("Id", "Owner.Name", "Contacts.Id", "Contacts.Email"),
    "SELECT FIELDS(ALL) FROM User LIMIT 200": ("FIELDS(ALL)",),
    "SELECT toLabel(Status), FORMAT(convertCurrency(Amount)) a FROM X": ("Status", "Amount"),
    "SELECT DISTANCE(Loc__c, GEOLOCATION(37, 122), 'mi') FROM X": ("Loc__c",),
    "SELECT TYPEOF What WHEN Account THEN Phone, Name ELSE Id END, Subject FROM Event": (
        *("What.Phone", "What.Name", "What.Id", "Subject"),
    ),
    "SELECT Account.Name, a.Owner.Name FROM Account a": ("Name", "Owner.Name"),
    "SELECT Id, id, ID FROM X": ("Id",),
    "SELECT Id, Na": ("Id", "Na"),
    "FIND {x} RETURNING Account(Id, Name WHERE Phone = '1' LIMIT 2)": (
        *("Account.Id", "Account.Name"),
    ),
}

CONDITIONS = {
    NESTED: "a.Name LIKE '%LIMIT 3%' AND Id IN (SELECT AccountId FROM Opportunity LIMIT 3)",
    "SELECT Id FROM X": None,
    "SELECT Id, (SELECT Id FROM Y WHERE a = 1) FROM X": None,
    "SELECT Id FROM X WHERE  a = 'WHERE' \n WITH SECURITY_ENFORCED": "a = 'WHERE'",
    "SELECT Id FROM X USING SCOPE mine WHERE a = 1 FOR VIEW": "a = 1",
    "SELECT Id FROM X WHERE Name = 'abc": "Name = 'abc",
    "SELECT Id FROM X WHERE ": None,
    "SELECT Id FROM X WHERE a = 1) OR b = 2": "a = 1",
}


@pytest.mark.parametrize(("query", "objects"), OBJECTS.items(), ids=range(len(OBJECTS)))
def test_the_objects_of_a_query(query, objects):
    assert objects == outline_query(query).objects


@pytest.mark.parametrize(("query", "fields"), FIELDS.items(), ids=range(len(FIELDS)))
def test_the_fields_of_a_query(query, fields):
    assert fields == outline_query(query).fields


@pytest.mark.parametrize(("query", "condition"), CONDITIONS.items(), ids=range(len(CONDITIONS)))
def test_the_condition_of_the_outermost_query(query, condition):
    span = outline_query(query).where_span

    assert condition == (query[slice(*span)] if span else None)


@pytest.mark.parametrize(
    ("query", "is_count"),
    [
        ("SELECT COUNT() FROM Contact", True),
        ("select count(Id) c, COUNT_DISTINCT(Email) FROM Lead", True),
        ("SELECT Name, COUNT(Id) FROM Lead GROUP BY Name", False),
        ("SELECT COUNT(Id), (SELECT Id FROM Contacts) FROM Account", False),
        ("SELECT Id FROM X WHERE Id IN (SELECT COUNT() FROM Y)", False),
        ("SELECT Count FROM X", False),
        ("SELECT", False),
    ],
)
def test_a_count_asks_for_numbers_alone(query, is_count):
    assert is_count == outline_query(query).is_count


@pytest.mark.parametrize(
    ("query", "limit"),
    [
        (NESTED, 10),
        ("SELECT Id FROM Order LIMIT 5", 5),
        ("SELECT Id FROM X WHERE Id IN (SELECT Id FROM Y LIMIT 3)", None),
        ("SELECT Id FROM X LIMIT :bound", None),
        ("SELECT Id FROM X LIMIT 99999999999999999999", None),
        ("FIND {x} RETURNING Account(Id LIMIT 2) LIMIT 20", 20),
    ],
)
def test_the_limit_of_the_outermost_query(query, limit):
    assert limit == outline_query(query).limit


@pytest.mark.parametrize(
    ("query", "has_relationship"),
    [
        ("SELECT Owner.Name FROM Account", True),
        ("SELECT Account.Name FROM Account", False),
        ("SELECT Id FROM Account a WHERE a.Name = 'b.c'", False),
        ("SELECT Id FROM Contact WHERE Account.Name = 'x'", True),
        ("SELECT Id, (SELECT Id FROM Contacts) FROM Account", True),
        ("SELECT Id FROM Account WHERE Id IN (SELECT AccountId FROM Contact)", False),
    ],
)
def test_a_relationship_is_a_path_or_a_selected_query(query, has_relationship):
    assert has_relationship == outline_query(query).has_relationship


@pytest.mark.parametrize(
    "text",
    ["", "page=1&from=2", "SELECTED FROM Account", "FIND {x", "SELECT " + "x" * MAX_QUERY_LENGTH],
)
def test_what_is_no_query_has_no_outline(text):
    assert outline_query(text) is None


HOSTILE = [
    *("SELECT " + "(" * 90_000, "SELECT " + "f(" * 45_000, "SELECT " + "(SELECT " * 12_000),
    *("SELECT Id FROM X WHERE " + "'" * 90_000, "SELECT " + "'\\x" * 30_000),
    *("SELECT " + "/*" * 45_000, "SELECT " + "TYPEOF a THEN b " * 6_000),
    *("SELECT " + ")" * 90_000, "FIND {" + "\\" * 90_000),
]


@pytest.mark.parametrize("query", HOSTILE, ids=range(len(HOSTILE)))
def test_what_nobody_would_write_is_read_as_far_as_it_goes(query):
    outline = outline_query(query)

    assert outline is None or outline.limit is None


def test_names_are_told_up_to_a_number_and_a_length():
    long_name = "y" * 30_000
    many = ",".join(f"a{number}" for number in range(9_000))

    outline = outline_query(f"SELECT (SELECT {many} FROM {long_name}) FROM Z")
    others = outline_query(f"SELECT {many} FROM Z")

    assert all(len(name) <= MAX_NAME_LENGTH for name in (*outline.fields, *outline.objects))
    assert len(others.fields) == MAX_NAMES


CUT = (
    "SELECT Id, (SELECT Email FROM Contacts WHERE Email != null) FROM Account WHERE Name ="
    " 'it\\'s -- /* it' AND CreatedDate > 2024-01-01T00:00:00Z AND Id IN (SELECT AccountId"
    " FROM Case WHERE A = 'x') AND C = 5"
)


@pytest.mark.parametrize("end", ["", " LIMIT 100"])
def test_of_a_query_that_is_cut_off_behind_where_all_is_there_that_is_there(end):
    start = CUT.index("WHERE Name") + len("WHERE ")
    for length in range(start + 1, len(CUT) + 1):
        text = CUT[:length]
        outline, facts = outline_query(text), OutlineReader().read_query(text)
        assert text[slice(*outline.where_span)] == CUT[start:length].strip() == facts.where
        assert ("Account", "Contacts") == outline.objects[:2]
        assert outline.limit is None
    whole = outline_query(CUT + end)
    assert (CUT[start:], ("Account", "Contacts", "Case")) == (
        CUT[slice(*whole.where_span)],
        whole.objects,
    )


def test_a_number_or_name_that_salesforce_has_cut_off_is_none():
    query = "SELECT Id FROM Account WHERE Name IN ('{}') LIMIT 100"
    long = query.format("x" * (10_000 - len(query) + 2))
    assert 10_000 == len(long)

    assert (None, 100) == (outline_query(long).limit, outline_query(long[:-1] + "0 ").limit)
    names = f"SELECT {'Name, ' * 1_663} Id__c FROM Acc"
    assert (10_000, ()) == (len(names[:10_000]), outline_query(names[:10_000]).objects)
