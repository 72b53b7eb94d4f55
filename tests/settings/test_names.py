"""Names that are used exist, and names that are given are given once."""

from __future__ import annotations

import pytest

from collector.settings.name_checks import suggest_public_name
from collector.yaml_source.nodes import quote_name

ORG = "  - name: {}\n    login_url: https://a.example.com\n    auth: {{flow: client_credentials, "
ORG += "client_id: x, client_secret: '${{env:CLIENT_SECRET}}'}}\n"


def test_an_org_name_stands_once(problems_of):
    text = "orgs:\n" + ORG.format("acme") + ORG.format("other") + ORG.format("acme")

    assert problems_of(text) == ["collector.yaml:8:11: this org name already stands on line 2"]


def test_an_org_name_stands_once_on_a_line(problems_of):
    auth = "auth: {flow: client_credentials, client_id: x, client_secret: x}"
    org = f"{{name: a, login_url: 'https://a.example.com', {auth}}}"

    assert problems_of(f"orgs: [{org}, {org}]") == [
        "collector.yaml:1:128: this org name already stands on line 1"
    ]


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        ("channels: {secops: {type: terminal}}\nroutes: [{channels: [secop, xyz]}]", [
            "6:22: unknown channel 'secop', did you mean 'secops'?",
            "6:29: unknown channel 'xyz'; known are secops",
        ]),
        ("routes: [{channels: [secops]}]", ["5:22: unknown channel 'secops'"]),
        ("channels: {secops: {type: terminal, fallback: [oncal]}, oncall: {type: terminal}}", [
            "5:48: unknown channel 'oncal', did you mean 'oncall'?"
        ]),
        ("channels: {c: {type: terminal}}\nroutes: [{channels: [c], orgs: [acm, 'x*']}]", [
            "6:33: unknown org 'acm', did you mean 'acme'?"
        ]),
    ],
)  # fmt: skip
def test_a_route_names_channels_and_orgs_that_there_are(problems_of, minimal, rest, expected):
    assert [f"collector.yaml:{line}" for line in expected] == problems_of(minimal + rest)


def test_a_name_that_came_by_reference_is_not_repeated(problems_of, minimal):
    text = minimal + "channels: {c: {type: '${env:A}'}}\nroutes: [{channels: ['${env:A}']}]"

    assert problems_of(text, {"A": "canary-a"}) == [
        "collector.yaml:5:22: must be one of slack, email, terminal",
        "collector.yaml:6:22: unknown channel name; known are c",
    ]


def test_names_are_checked_although_there_are_other_problems(problems_of):
    text = "orgs: []\nchannels: {c: {type: slack}}\nroutes: [{channels: [d, c], orgs: 5}]\n"

    assert problems_of(text) == [
        "collector.yaml:1:7: 'orgs' must name at least one",
        "collector.yaml:2:12: missing key 'webhook_url'",
        "collector.yaml:3:22: unknown channel 'd'; known are c",
        "collector.yaml:3:35: 'orgs' must be a list, such as [one, two]",
    ]


def test_what_was_meant_is_told_or_else_all_there_is():
    assert suggest_public_name("evry", ["every", "lookback"]) == ", did you mean 'every'?"
    assert suggest_public_name("zzz", ["b", "a"]) == "; known are a, b"
    assert not suggest_public_name("zzz", [])


def test_only_names_are_offered_and_only_a_few():
    assert suggest_public_name("abc", ["a b:c", "https://canary"]) == ""
    assert suggest_public_name("abc", [f"abc{number}" for number in range(51)]) == ""


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("every", "'every'"),
        ("a.b_c-1*", "'a.b_c-1*'"),
        ("password:hunter2", "'password…'"),
        ("a\x1b[2J", "'a…'"),
        ("x" * 61, f"'{'x' * 60}…'"),
        ("", "''"),
    ],
)
def test_a_name_is_repeated_as_far_as_it_is_one(name, expected):
    assert quote_name(name) == expected
