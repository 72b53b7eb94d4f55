"""What is wrong with a file is told in plain words, at the key or value that is to be changed."""

from __future__ import annotations

import pytest

from collector.settings.error_sentences import _SENTENCES

EMAIL = "type: email, host: smtp.acme.com, from: a@acme.com, to: [b@acme.com]"


FILES = [
    ("", ["1:1: missing key 'orgs'"]),
    ("# nothing\n", ["1:1: missing key 'orgs'"]),
    ("just text", ["1:1: the file must hold keys"]),
    ("- a", ["1:1: the file must hold keys"]),
    ("orgs:", ["1:1: key 'orgs' has no value"]),
    ("orgs: []", ["1:7: 'orgs' must name at least one"]),
    ("orgs: acme", ["1:7: 'orgs' must be a list, such as [one, two]"]),
    ("orgs: [acme]", ["1:8: 'orgs' must hold keys"]),
    ("orgs:\n  - name: acme\n", [
        "2:5: missing key 'login_url'",
        "2:5: missing key 'auth'",
    ]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), FILES)
def test_a_file_that_is_hardly_there(problems_of, text, expected):
    assert [f"collector.yaml:{line}" for line in expected] == problems_of(text)


ORGS = [
    ("nam: a", ["4:3: missing key 'name'", "4:3: unknown key 'nam', did you mean 'name'?"]),
    ("name: 5", ["4:9: 'name' must be text: put it in quotes"]),
    ("name: [a]", ["4:9: 'name' must be text"]),
    ("name: a\n  auth: {}", [("5:3: missing key 'flow': one of jwt, client_credentials, "
        "refresh_token, password")]),
    ("name: a\n  auth:\n    flow: jwt", [
        "5:3: missing key 'client_id'",
        "5:3: missing key 'username'",
        "5:3: missing key 'private_key'",
    ]),
    ("name: a\n  auth: {flow: jwtt}", ["5:16: unknown flow 'jwtt', did you mean 'jwt'?"]),
    ("name: a\n  auth: {flow: 5}", [
        "5:16: must be one of jwt, client_credentials, refresh_token, password"
    ]),
    ("name: a\n  auth: {flow: password}", [
        "5:3: missing key 'client_id'",
        "5:3: missing key 'client_secret'",
        "5:3: missing key 'username'",
        "5:3: missing key 'password'",
    ]),
    ("name: a\n  auth: {flow: refresh_token, client_id: x}", [
        "5:3: missing key 'refresh_token'"
    ]),
    ("name: a\n  login_url: https://test.salesforce.com", [
        ("6:9: test.salesforce.com refuses the client_credentials flow: set 'login_url' to the "
         "org's My Domain, as in https://acme.my.salesforce.com")
    ]),
    ("name: a\n  login_url: https://acme.lightning.force.com", [
        ("5:14: 'login_url' must be the org's My Domain, as in https://acme.my.salesforce.com, "
         "not where its pages are")
    ]),
    ("name: a\n  proxy: socks5://proxy.acme.com", [
        ("5:10: 'proxy' must be the URL of an HTTP proxy, such as http://proxy.acme.com:3128")
    ]),
    ("name: a\n  auth: jwt", ["5:9: 'auth' must hold keys"]),
    ("name: a\n  auth: {flow: jwt, client_id: x, username: u, private_key: 5, jwt: {}}", [
        "5:61: 'private_key' must be text: put it in quotes",
        "5:64: unknown key 'jwt'; known are audience, client_id, flow, private_key, username",
    ]),
    ("name: a\n  api_version: yes", ["5:16: 'api_version' must be a version such as 67.0"]),
    ("name: a\n  ca_file: 5", ["5:12: 'ca_file' must be a path"]),
    ("name: a\n  sources:\n    event_log_file: {intervall: daily}", [
        "6:22: unknown key 'intervall', did you mean 'interval'?"
    ]),
    ("name: a\n  sources: {event_log_file: {interval: weekly}}", [
        "5:40: 'interval' must be 'auto', 'hourly' or 'daily'"
    ]),
    ("name: a\n  sources: {stored_events: {every: 5, objects: []}}", [
        "5:36: 'every' must be a duration such as 30s, 5m, 24h or 30d",
        "5:48: 'objects' must name at least one",
    ]),
    ("name: a\n  sources: {login_history: off}", ["5:28: 'login_history' must hold keys"]),
    ("name: a\n  sources: {login_histories: false}", [
        "5:13: unknown key 'login_histories', did you mean 'login_history'?"
    ]),
    ("name: a\n  sources: {event_log_file: {event_types: [Login, 5]}}", [
        "5:51: 'event_types' must be text: put it in quotes"
    ]),
]  # fmt: skip


@pytest.mark.parametrize(("org", "expected"), ORGS)
def test_problems_of_an_org(problems_of, org, expected):
    text = "# an org\n# whose first line is the fourth\norgs:\n- " + org + "\n"
    if "login_url:" not in org:
        text += "  login_url: https://a.example.com\n"
    if "auth:" not in org:
        text += "  auth: {flow: client_credentials, client_id: x, client_secret: x}\n"

    assert [f"collector.yaml:{line}" for line in expected] == problems_of(text)


KNOWN_KEYS = (
    "archive, backup, channels, database_url, directory, disk_reserve, engine, geoip, orgs, routes,"
    " rules, state_dir"
)

RESTS = [
    ("rule: 5", ["5:1: unknown key 'rule', did you mean 'rules'?"]),
    ("zzz:", [f"5:1: unknown key 'zzz'; known are {KNOWN_KEYS}"]),
    (r'"a\eb": 1', [f"5:1: unknown key 'a…'; known are {KNOWN_KEYS}"]),
    ("rules: {disable: x, paths: [1]}", [
        "5:18: 'disable' must be a list, such as [one, two]",
        "5:29: 'paths' must be a path",
    ]),
    ("channels: [a]", ["5:11: 'channels' must hold keys"]),
    ("channels: {a: }", ["5:14: 'a' must hold keys"]),
    ("channels:\n  a: {}", ["6:3: missing key 'type': one of slack, email, terminal"]),
    ("channels:\n  a: {type: }", ["6:12: must be one of slack, email, terminal"]),
    ("channels:\n  a: {type: slak}", ["6:13: unknown type 'slak', did you mean 'slack'?"]),
    ("channels:\n  a: {type: webhook}", [
        "6:13: unknown type 'webhook'; known are email, slack, terminal"
    ]),
    ("channels:\n  a b: {type: terminal}", [
        "6:3: a channel's name must consist of 1 to 40 of A-Z, a-z, 0-9, '_' and '-'"
    ]),
    ("channels: {a: {type: terminal, terminal: {x: 1}}}", [
        "5:32: unknown key 'terminal'; known are fallback, fallback_after, storm, type"
    ]),
    ("channels:\n  a:\n    type: slack", ["6:3: missing key 'webhook_url'"]),
    ("channels: {a: {type: slack, webhook_url: 'http://h.example.com/'}}", [
        ("5:42: 'webhook_url' must begin with https:// (http:// is for this machine's own "
        "addresses)")
    ]),
    (f"channels: {{a: {{{EMAIL}, port: 0}}}}", ["5:92: 'port' must be at least 1"]),
    (f"channels: {{a: {{{EMAIL}, port: 65536}}}}", ["5:92: 'port' must be at most 65535"]),
    (f"channels: {{a: {{{EMAIL}, port: smtp}}}}", ["5:92: 'port' must be a whole number"]),
    (f"channels: {{a: {{{EMAIL}, port: 2.5}}}}", ["5:92: 'port' must be a whole number"]),
    (f"channels: {{a: {{{EMAIL}, port: '{'9' * 5000}'}}}}", [
        "5:92: 'port' must be a smaller number"
    ]),
    (f"channels: {{a: {{{EMAIL}, tls: ssl}}}}", [
        "5:91: 'tls' must be 'starttls', 'implicit' or 'none'"
    ]),
    (f"channels: {{a: {{{EMAIL}, tls: none}}}}", [
        ("5:91: mail would cross the network unencrypted: use starttls or implicit, or set "
        "'allow_plaintext: true'")
    ]),
    (f"channels: {{a: {{{EMAIL}, allow_plaintext: maybe, tls: none}}}}", [
        "5:103: 'allow_plaintext' must be true or false"
    ]),
    (f"channels: {{a: {{{EMAIL}, allow_plaintext: [1]}}}}", [
        "5:103: 'allow_plaintext' must be true or false"
    ]),
    (f"channels:\n  a: {{{EMAIL}, username: u}}", [
        "6:3: 'username' and 'password' belong together: one of them is missing"
    ]),
    (f"channels:\n  a: {{{EMAIL}, password: p}}", [
        "6:87: 'username' and 'password' belong together: one of them is missing"
    ]),
    ("channels: {a: {type: email, host: h, sender: a@b, to: ['a@b,c@d']}}", [
        "5:12: missing key 'from'",
        ("5:38: unknown key 'sender'; known are allow_plaintext, ca_file, fallback, "
        "fallback_after, from, helo, host, password, port, storm, tls, to, type, username"),
        "5:56: 'to' must be one plain address such as soc@acme.com",
    ]),
    ("routes: {}", ["5:9: 'routes' must be a list, such as [one, two]"]),
    ("routes:\n  - {}", ["6:5: missing key 'channels'"]),
    ("routes: [{channels: []}]", ["5:21: 'channels' must name at least one"]),
    ("channels: {a: {type: terminal}}\nroutes: [{channels: [a], proceed: true}]", [
        "6:26: unknown key 'proceed'; known are channels, continue, min_severity, orgs, rules"
    ]),
    ("channels: {a: {type: terminal}}\nroutes: [{channels: [a], min_severity: hi}]", [
        "6:40: 'min_severity' must be one of informational, low, medium, high, critical"
    ]),
]  # fmt: skip


@pytest.mark.parametrize(("rest", "expected"), RESTS)
def test_problems_beside_a_good_org(problems_of, minimal, rest, expected):
    assert [f"collector.yaml:{line}" for line in expected] == problems_of(minimal + rest)


OF_RULES = {
    "must be a number",
    "must be a finite number",
    "must be greater than {gt}",
    "must be less than {lt}",
    "must hold one item or more",
    "{error}",
}
"""What only rules are told, in which numbers are strict, or what checks say themselves."""


@pytest.mark.parametrize("template", sorted({*_SENTENCES.values()} - OF_RULES))
def test_every_sentence_is_shown_above(template):
    words = template.split("{")[0]

    assert any(words in line for _, lines in FILES + ORGS + RESTS for line in lines)
