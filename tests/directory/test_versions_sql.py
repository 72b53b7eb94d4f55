import json

import pytest

from collector import engine
from collector.directory.fields import ENTRY_FIELDS
from collector.directory.user_claims import UserClaims
from collector.directory.versions_sql import build_current_select, build_versions_select
from collector.escaping import quote_literal

ADA, BOB = "005000000000001AAA", "005000000000002AAB"


@pytest.fixture(scope="module")
def connection():
    opened = engine.open_engine()
    yield opened
    opened.close()


def relate(*entries):
    rows = ", ".join(
        f"('acme', {quote_literal(kind)}, {quote_literal(entry_id)},"
        f" TIMESTAMPTZ '2026-10-{day:02} 00:00:00+00', TIMESTAMPTZ '2026-11-01 00:00:00+00',"
        f" {quote_literal(json.dumps(values))})"
        for kind, entry_id, day, values in entries
    )
    return f'(VALUES {rows}) AS entries(org, kind, id, valid_from, noticed, "values")'


def select(connection, sql, *columns):
    return connection.execute(
        f"SELECT {', '.join(columns)} FROM ({sql}) ORDER BY id, valid_from"
    ).fetchall()


ENTRIES = relate(
    ("user", ADA, 1, {"username": "ada@acme.com", "is_admin": False, "permission_sets": []}),
    ("user", ADA, 5, {"username": "ada@acme.com", "permission_sets": ["A", "B"]}),
    ("user", BOB, 3, {"username": "ETL@acme.com", "is_active": True, "created": "2026-01-02"}),
    ("app", "0H4", 2, {"name": 'it\'s "x"'}),
    ("app", "0H4", 4, {"name": 'it\'s "x"', "is_deleted": True}),
)


def test_versions_say_for_how_long_they_hold_and_the_first_holds_from_the_beginning(connection):
    sql = build_versions_select("user", ENTRIES)

    assert [(ADA, 1, 5, None), (ADA, 5, None, 5), (BOB, 3, None, None)] == select(
        connection,
        sql,
        "id",
        *(f"day({name})" for name in ("valid_from", "valid_until", "holds_from")),
    )


def test_every_field_is_a_column_of_its_type_and_what_is_unknown_is_null(connection):
    sql = build_versions_select("user", ENTRIES)

    types = {row[0]: row[1] for row in connection.execute(f"DESCRIBE {sql}").fetchall()}
    assert {field.rule_name: types[field.rule_name] for field in ENTRY_FIELDS["user"]} == {
        field.rule_name: {"TIMESTAMPTZ": "TIMESTAMP WITH TIME ZONE"}.get(
            field.sql_type, field.sql_type
        )
        for field in ENTRY_FIELDS["user"]
    }
    assert [(False, "", None, None), (None, "A,B", None, None), (None, None, True, 2026)] == select(
        connection, sql, "is_admin", "permission_sets", "active", "year(created)"
    )


def test_what_is_deleted_is_no_current_entry(connection):
    assert [ADA, BOB] == [
        row[0] for row in select(connection, build_current_select("user", ENTRIES), "id")
    ]
    assert [] == select(connection, build_current_select("app", ENTRIES), "id")
    assert ['it\'s "x"'] * 2 == [
        row[0] for row in select(connection, build_versions_select("app", ENTRIES), "name")
    ]


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({}, [None, None]),
        ({"integration_users": ("etl@acme.com",)}, [None, True]),
        ({"integration_users": ("e*@acme.com", "a??@*")}, [True, True]),
        ({"integration_users": ("e%", "_da@acme.com")}, [None, None]),
        ({"integration_users": (ADA[:15],)}, [True, None]),
        ({"integration_users": ("*",), "not_integration_users": (ADA,)}, [False, True]),
        ({"admins": ("*",)}, [None, None]),
    ],
)
def test_what_the_configuration_says_of_a_user_overrides_what_the_org_says(
    connection, claims, expected
):
    said = UserClaims(**claims)
    sql = build_current_select("user", ENTRIES, claims=said)
    users = {ADA: {"username": "ada@acme.com"}, BOB: {"username": "ETL@acme.com"}}

    assert expected == [row[0] for row in select(connection, sql, "is_integration")]
    assert expected == [
        said.apply_claims(user_id, values).get("is_integration")
        for user_id, values in users.items()
    ]
