"""Whoever mistypes a name is told which one was probably meant."""

from __future__ import annotations

import pytest

from collector.yaml_source.suggestions import find_nearest_name, suggest_name


@pytest.mark.parametrize(
    ("name", "expected"),
    [("user_nam", "user_name"), ("USER_ID", "user_id"), ("zzz", None), ("x" * 100_000, None)],
)
def test_the_nearest_is_the_same_in_another_case_or_similar(name, expected):
    assert expected == find_nearest_name(name, ["user_name", "user_id"])


def test_all_are_listed_where_none_is_near_and_they_are_few():
    names = [f"name{number}" for number in range(9)]

    assert "; known are a, b" == suggest_name("zzz", {"b", "a"})
    assert suggest_name("zzz", names) == ""
    assert suggest_name("zzz", []) == ""
    assert suggest_name("zzz", names, max_listed=9).endswith("name7, name8")
