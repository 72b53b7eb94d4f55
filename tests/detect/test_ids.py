"""Ids of Salesforce's: 15 characters mind case, and the three behind them say nothing more."""

from __future__ import annotations

import pytest

from collector.detect.predicates.salesforce_ids import are_ids_equal, is_id_column, shorten_id

LOWER, UPPER = "0055f00000Hyy1Q", "0055F00000HYY1Q"
WHOLE = f"{LOWER}AAQ"

COLUMNS = [
    *((name, True) for name in ("user_id", "app_id", "job_id", "request_id")),
    *((name, True) for name in ("USER_ID", "USER_ID_DERIVED", "UserId", "Id", "raw_USER_ID")),
    *((name, False) for name in ("user_name", "session_key", "APP_NAME", "Paid", "GUID", "IdName")),
]


@pytest.mark.parametrize(("column", "expected"), COLUMNS)
def test_columns_of_ids_are_known_by_their_names(column, expected):
    assert expected == is_id_column(column)


def test_an_id_is_known_by_its_first_fifteen_characters():
    assert (LOWER, LOWER) == (shorten_id(LOWER), shorten_id(WHOLE))
    assert [None] * 4 == [
        shorten_id(LOWER[:14]),
        shorten_id(f"{LOWER}A"),
        shorten_id(f"{LOWER[:14]}-"),
        shorten_id(""),
    ]


def test_either_form_is_found_by_the_other_and_case_always_counts():
    assert are_ids_equal(LOWER, WHOLE)
    assert are_ids_equal(WHOLE, LOWER)
    assert not are_ids_equal(UPPER, LOWER)
    assert not are_ids_equal(f"{LOWER}A", LOWER)
    assert are_ids_equal("005", "005")
    assert not are_ids_equal(LOWER, "0055f")


ITEMS = [
    ({"user_id": LOWER}, [LOWER, WHOLE], [UPPER, f"{LOWER}A", f"{WHOLE}x", "", None]),
    ({"user_id": WHOLE}, [LOWER, WHOLE], [UPPER, None]),
    ({"user_id|cased": WHOLE}, [LOWER, WHOLE], [UPPER]),
    ({"user_id": [WHOLE, "abc"]}, [LOWER, "abc"], ["ABC", UPPER]),
    ({"user_id|startswith": "005"}, [LOWER, "005"], ["00", None]),
    ({"user_id|startswith": "0055f"}, [LOWER], [UPPER]),
    ({"user_id|contains": "Hyy"}, [LOWER, WHOLE], [UPPER]),
    ({"user_id|endswith": "1Q"}, [LOWER], [WHOLE, LOWER.lower()]),
    ({"user_id": "0055f*"}, [LOWER], [UPPER]),
    ({"user_id|neq": WHOLE}, [UPPER, None], [LOWER]),
    ({"JOB_ID": LOWER}, [WHOLE], [UPPER]),
    ({"OwnerId": LOWER}, [WHOLE], [UPPER]),
    ({"RUN_AS_USER": LOWER}, [LOWER, UPPER], [WHOLE]),
]


@pytest.mark.parametrize(("item", "fits", "others"), ITEMS, ids=[str(row[0]) for row in ITEMS])
def test_ids_are_compared_as_they_are_written(item, fits, others, where):
    field = next(iter(item)).partition("|")[0]
    rows = [{field: value} for value in [*fits, *others]]

    found = where({"s": item, "condition": "s"}, rows)

    assert [True] * len(fits) + [False] * len(others) == found


REFERENCES = [
    ("OwnerId|fieldref", LOWER, WHOLE, True),
    ("OwnerId|fieldref", WHOLE, LOWER, True),
    ("OwnerId|fieldref", UPPER, LOWER, False),
    ("OwnerId|fieldref", "abc", "abc", True),
    ("OwnerId|fieldref", "abc", "ABC", False),
    ("OwnerId|fieldref", f"{LOWER}AAQx", WHOLE, False),
    ("OwnerId|fieldref|startswith", WHOLE, LOWER, True),
    ("OwnerId|fieldref|startswith", UPPER, "0055f", False),
]


@pytest.mark.parametrize(("key", "one", "other", "expected"), REFERENCES)
def test_two_fields_of_ids_are_compared_likewise(key, one, other, expected, where):
    row = {"OwnerId": one, "user_id": other}

    assert [expected] == where({"s": {key: "user_id"}, "condition": "s"}, [row])
