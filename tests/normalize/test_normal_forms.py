"""What is computed from addresses, URIs and user agents: forms in which alike things are equal."""

from __future__ import annotations

import pytest

from collector.normalize.agent_family_sql import MAX_FAMILY_LENGTH, build_agent_family
from collector.normalize.uri_pattern_sql import build_uri_pattern

URIS = {
    "/services/data/v66.0/query": "/services/data/query",
    "/services/data/v66.0/query?q=SELECT+Id": "/services/data/query",
    "/services/data/v66.0/sobjects/Account/0015f00000ABCDEAA4/Contacts/": (
        "/services/data/sobjects/Account/{id}/Contacts"
    ),
    "/services/Soap/u/58.0/00D5f0000000001": "/services/Soap/u/{id}",
    "/services/async/58.0/job/7505f00000tSmwv/batch/7515f00000tSmwv/result": (
        "/services/async/job/{id}/batch/{id}/result"
    ),
    "/services/apexrest/v1/orders/12345": "/services/apexrest/v1/orders/{id}",
    "/a/5b1c0000-aaaa-4bbb-8ccc-000000000001": "/a/{id}",
    "/one/one.app?x=1#/sObject/0015f00000ABCDEAA4/view": "/one/one.app#/sObject/{id}/view",
    "https://acme.my.salesforce.com/0015f00000ABCDE": "https://acme.my.salesforce.com/{id}",
    "/RecentlyViewed1/lightning/page/home": "/RecentlyViewed1/lightning/page/home",
    "/": "/",
    "?": "?",
    "?x=1": None,
    "/?x=1": "/",
}

AGENTS = {
    "Salesforce-CLI/1.0": "Salesforce-CLI",
    "Salesforce-Multi-Org-Fetcher/1.0": "Salesforce-Multi-Org-Fetcher",
    "Salesforce CLI 2.1": "Salesforce CLI",
    "python-requests/2.31.0": "Python",
    "Python/3.11 aiohttp/3.8.5": "Python",
    "Java/11.0.2": "Java",
    "Go-http-client/1.1": "Go",
    "curl/8.5.0": "curl",
    "Workday Integration": "Workday Integration",
    "Mozilla/5.0 (X11; Linux) AppleWebKit/537.36 Chrome/120.0 Safari/537.36": "Chrome",
    "Mozilla/5.0 (Windows NT 10.0) Chrome/120.0 Safari/537.36 Edg/120.0": "Edge",
    "Mozilla/5.0 (X11) Gecko/20100101 Firefox/121.0": "Firefox",
    "Mozilla/5.0 (Macintosh) AppleWebKit/605 Version/17.1 Safari/605": "Safari",
    "Mozilla/5.0 (Windows NT; en-US) WindowsPowerShell/5.1": "PowerShell",
    "Mozilla/5.0 (compatible; something)": "Mozilla",
    "x" * 500: "x" * MAX_FAMILY_LENGTH,
    "/": None,
}


def test_a_uri_is_what_was_asked_for_whatever_the_version_and_the_record(evaluate):
    assert list(URIS.values()) == evaluate(build_uri_pattern("x"), list(URIS))


def test_an_agent_is_of_the_family_of_its_product_whatever_the_version(evaluate):
    assert list(AGENTS.values()) == evaluate(build_agent_family("x"), list(AGENTS))


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.0/24"),
        ("::ffff:192.0.2.9", "192.0.2.0/24"),
        ("2001:db8:1:2::3", "2001:db8:1::/48"),
        ("2001:0db8::1", "2001:db8::/48"),
        ("::1", "::/48"),
        ("10.0.0.1, 198.51.100.3", "198.51.100.0/24"),
        ("Salesforce.com IP", None),
        ("nothing", None),
    ],
)
def test_an_address_is_in_its_network(normalizer, address, network):
    event = normalizer.normalize_record("Login", EVENT_TYPE="Login", SOURCE_IP=address)

    assert network == event["network"]


def test_a_record_has_all_forms_beside_what_they_come_from(normalizer):
    event = normalizer.normalize_record(
        "RestApi",
        EVENT_TYPE="RestApi",
        USER_AGENT="Salesforce-CLI%2F1.0",
        URI="/services/data/v66.0/query",
    )

    assert ("Salesforce-CLI/1.0", "Salesforce-CLI") == (event["user_agent"], event["agent_family"])
    assert ("/services/data/v66.0/query", "/services/data/query") == (
        event["uri"],
        event["uri_pattern"],
    )
