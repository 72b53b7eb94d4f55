"""A file becomes settings, or a list of all that is wrong with it, and never shows a secret."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from collector.app.configuration import read_configuration
from collector.errors import SettingsError
from collector.settings import list_secrets


def test_all_problems_of_a_file_are_told_in_order(problems_of):
    text = """\
orgs:
  - name: Acme
    login_url: http://acme.com
    auth: {flow: jwt, client_id: &id x, private_key: "${file:gone.pem}"}
    sources:
      event_log_file: {evry: 1m}
  - name: &name b
    name: c
    login_url: ${env:LOGIN_URL}
    auth: !secret {flow: passwords}
channels:
  mail: {type: mail}
routes:
  - channels: [email]
    min_severity: 3
roles: []
"""

    assert problems_of(text) == [
        "collector.yaml:2:11: 'name' must consist of 1 to 40 of a-z, 0-9 and '-'",
        (
            "collector.yaml:3:16: 'login_url' must begin with https:// "
            "(http:// is for this machine's own addresses)"
        ),
        "collector.yaml:4:5: missing key 'username'",
        "collector.yaml:4:34: an anchor (&name) is not allowed: write the value out twice",
        "collector.yaml:4:54: file 'gone.pem' cannot be read: No such file or directory",
        "collector.yaml:6:24: unknown key 'evry', did you mean 'every'?",
        "collector.yaml:7:11: an anchor (&name) is not allowed: write the value out twice",
        "collector.yaml:8:5: key 'name' already stands on line 7",
        "collector.yaml:9:16: environment variable 'LOGIN_URL' is not set",
        "collector.yaml:10:11: a tag (!name) is not allowed: quote a text that begins with '!'",
        "collector.yaml:10:26: unknown flow 'passwords', did you mean 'password'?",
        "collector.yaml:12:16: unknown type 'mail', did you mean 'email'?",
        "collector.yaml:14:16: unknown channel 'email', did you mean 'mail'?",
        (
            "collector.yaml:15:19: 'min_severity' must be one of informational, low, medium, high, "
            "critical"
        ),
        "collector.yaml:16:1: unknown key 'roles', did you mean 'rules'?",
    ]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("gone.yaml", "No such file or directory"),
        ("", "Is a directory"),
        ("collector.yaml/x", "Not a directory"),
        ("a\0b", "its name holds a NUL character"),
    ],
)
def test_a_file_that_cannot_be_read_is_a_problem_of_its_first_line(tmp_path, name, reason):
    (tmp_path / "collector.yaml").touch()
    with pytest.raises(SettingsError) as caught:
        read_configuration(tmp_path / name, {})
    [problem] = caught.value.problems

    assert (problem.line, problem.column) == (1, 1)
    assert problem.message == f"cannot be read: {reason}"


def test_relative_paths_are_relative_to_the_folder_of_the_file(tmp_path, monkeypatch, minimal):
    folder = tmp_path / "etc"
    folder.mkdir()
    (folder / "secret").write_text("s3cret\n")
    text = minimal.replace("${env:CLIENT_SECRET}", "${file:secret}")
    text += "    ca_file: ca/corp.pem\nrules: {paths: [mine, /abs/rules]}\nstate_dir: ../var\n"
    (folder / "collector.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    loaded = read_configuration(Path("etc/collector.yaml"), {}).settings

    assert loaded.orgs[0].auth.client_secret.reveal() == "s3cret"
    assert loaded.orgs[0].ca_file == folder / "ca/corp.pem"
    assert loaded.rules.paths == (folder / "mine", Path("/abs/rules"))
    assert loaded.state_dir == folder / "../var"


WARNING = "a secret stands in this file: use ${env:NAME} or ${file:/path} instead"


def test_a_secret_in_the_file_is_a_warning_at_its_place(load_text):
    text = """\
orgs:
  - name: a
    login_url: https://a.example.com
    auth:
      flow: jwt
      client_id: x
      username: u
      private_key: canary-1
channels:
  s: {type: slack, webhook_url: "https://hooks.example.com/canary-2"}
  e: {type: email, host: h, from: a@b, to: [c@d], username: u, password: "$${canary-3"}
  f: {type: email, host: h, from: a@b, to: [c@d], username: u, password: "${env:P}"}
database_url: postgresql://u:canary-4@h/d
"""
    loaded = load_text(text, {"P": "canary-5"})
    lines = [(warning.line, warning.column, warning.message) for warning in loaded.warnings]

    assert lines == [(8, 20, WARNING), (10, 33, WARNING), (11, 74, WARNING), (13, 15, WARNING)]
    assert "canary" not in str(lines)


@pytest.mark.parametrize(
    "url",
    ["sqlite:////var/lib/c.db", "postgresql://u@h/d", "postgresql://u:${env:P}@h/d", "${env:P}"],
)
def test_a_database_without_a_password_is_no_secret(load_text, minimal, url):
    assert load_text(f"{minimal}database_url: {url}", {"P": "x"}).warnings == ()


@pytest.mark.parametrize("url", ["postgresql://u:p@h/d", "postgresql://h/d?password=p", "x://["])
def test_a_database_with_a_password_is_one(load_text, minimal, url):
    assert len(load_text(f"{minimal}database_url: '{url}'").warnings) == 1


FLOWS = """\
orgs:
  - name: a
    login_url: https://a.example.com
    proxy: http://proxy.acme.com:3128
    auth:
      flow: password
      client_id: x
      client_secret: ${env:P}
      username: u
      password: ${env:P}
      security_token: ${env:P}
  - name: b
    login_url: https://b.example.com
    proxy: http://u:${env:P}@proxy.acme.com:3128
    auth: {flow: refresh_token, client_id: x, refresh_token: "${env:P}"}
"""


def test_the_legacy_flow_is_a_warning_at_its_place_and_the_others_are_none(load_text):
    loaded = load_text(FLOWS, {"P": "canary-1"})
    [warning] = loaded.warnings

    assert (warning.line, warning.column) == (6, 13)
    assert "the password flow is legacy: Salesforce blocks it" in warning.message
    assert set(list_secrets(loaded.settings)) == {
        "canary-1",
        "http://proxy.acme.com:3128",
        "http://u:canary-1@proxy.acme.com:3128",
    }
    assert "canary" not in repr(loaded)


def test_a_proxy_with_a_password_in_the_file_is_a_warning(load_text):
    text = FLOWS.replace("u:${env:P}@", "u:canary-2@")
    lines = [(w.line, w.message) for w in load_text(text, {"P": "canary-1"}).warnings]

    assert lines[1:] == [(14, WARNING)]


CANARY = "canary-7d1f"
SECRETS = f"""\
orgs:
  - name: a
    login_url: https://a.example.com
    auth: {{flow: jwt, client_id: x, username: u, private_key: {CANARY}}}
  - name: b
    login_url: https://b.example.com
    auth: {{flow: client_credentials, client_id: x, client_secret: "${{env:SECRET}}"}}
channels:
  s: {{type: slack, webhook_url: "https://hooks.example.com/{CANARY}"}}
  e: {{type: email, host: h, from: a@b, to: [c@d], username: u, password: "${{env:SECRET}}"}}
database_url: postgresql://u:{CANARY}@h/d
"""


def test_no_way_of_printing_settings_shows_a_secret(load_text):
    loaded = load_text(SECRETS, {"SECRET": CANARY})
    shown = loaded.settings
    printed = [
        repr(loaded),
        str(loaded),
        f"{shown}",
        repr(shown.channels),
        str(shown.model_dump()),
        str(shown.model_dump(by_alias=True, mode="json")),
        shown.model_dump_json(),
        *map(str, loaded.warnings),
    ]

    assert shown.channels["e"].password.reveal() == CANARY
    assert [text for text in printed if CANARY in text] == []


def test_all_secrets_can_be_named_to_those_who_keep_them_out(load_text):
    texts = set(list_secrets(load_text(SECRETS, {"SECRET": "from-outside"}).settings))

    assert texts == {
        CANARY,
        "from-outside",
        f"https://hooks.example.com/{CANARY}",
        f"postgresql://u:{CANARY}@h/d",
    }


def _broken(line):
    return SECRETS.replace("orgs:", line + "\norgs:", 1)


@pytest.mark.parametrize(
    "text",
    [
        _broken("unknown: 1"),
        _broken("a: [1"),
        _broken("state_dir: &x y"),
        SECRETS.replace("https://hooks", "http://hooks"),
        SECRETS.replace("https://hooks.example.com/", "https://hooks.example.com:"),
        SECRETS.replace("https://hooks.example.com/", "${"),
        SECRETS.replace("type: slack", "type: terminal"),
        SECRETS.replace("type: slack", "type: [{a: b}]"),
        SECRETS.replace("flow: jwt", "flow: client_credentials"),
        SECRETS.replace("flow: jwt", "flow: {a: b}"),
        SECRETS.replace(f"private_key: {CANARY}", f"private_key: [{CANARY}]"),
        SECRETS.replace(f"private_key: {CANARY}", f"private_key: {{a: {CANARY}}}"),
        SECRETS.replace("https://b.example.com", "${env:SECRET}"),
        SECRETS.replace("name: b", "name: ${env:SECRET}"),
        SECRETS.replace("client_credentials", "${env:SECRET}"),
        SECRETS.replace("host: h", "host: '${env:SECRET} '"),
        SECRETS.replace("to: [c@d]", "to: '${env:SECRET}'"),
        SECRETS + "routes: [{channels: ['${env:SECRET}'], min_severity: '${env:SECRET}'}]",
        _broken(f"channel: {{s: {{type: slack, webhook_url:{CANARY}}}}}"),
        SECRETS + f"  x: {{type: email, password:{CANARY}, password:{CANARY}}}\n",
        SECRETS.replace("type: slack, webhook_url: ", "type: slack, ").replace('"https', "https"),
        SECRETS.replace("private_key: ", "private_key:"),
        SECRETS.replace("private_key: ", "passphrase:"),
        SECRETS + f"\t'{CANARY}",
        SECRETS + f'x: "{CANARY}',
        SECRETS + f"{CANARY}",
        SECRETS.encode() + b"\xff",
    ],
)
def test_no_problem_of_a_file_shows_a_secret(load_text, text):
    with pytest.raises(SettingsError) as caught:
        load_text(text, {"SECRET": f"{CANARY}!"})
    printed = "".join(traceback.format_exception(caught.value))

    assert CANARY not in str(caught.value)
    assert CANARY not in repr(caught.value.problems)
    assert CANARY not in printed
    assert caught.value.__context__ is None


FRAGMENTS = st.sampled_from(
    [
        *"{}[]:,-?&*!|>'\"%@`#\\ \n\t~",
        *("orgs", "name", "auth", "flow", "jwt", "channels", "type", "slack", "email", "routes"),
        *("sources", "event_log_file", "every", "true", "null", "5m", "67.0", "--- ", "... "),
        *("${env:A}", "${file:/}", "${", "$${", "%YAML 1.2\n", "%TAG ! !\n", "!!str ", "<<: "),
        *("\\ud83d", "\\U00110000", "\\0", "\\x", "https://a", "http://[", "\r", "\x85", "\u2028"),
        *(": ", "- ", "\n  ", "\n    ", "  - ", "\ufeff", "1e5", "|2-\n", "&a ", "*a"),
    ]
)
TEXTS = st.one_of(st.text(), st.lists(FRAGMENTS, max_size=40).map("".join))


def _survives(path, content):
    """Load, and accept settings or problems with a place, but nothing else."""
    path.write_bytes(content)
    try:
        read_configuration(path, {"A": "a"})
    except SettingsError as error:
        places = [(problem.line, problem.column) for problem in error.problems]
    else:
        return
    assert places
    assert min(map(min, places)) >= 1


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(text=TEXTS)
@example(text='"\\ud83d": 1')
@example(text="? [a]\n: *b")
@example(text="%YAML 2.0\n---\n")
def test_any_text_is_settings_or_problems(tmp_path, text):
    _survives(tmp_path / "collector.yaml", text.encode("utf-8", "surrogatepass"))


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(content=st.binary(max_size=60))
def test_any_bytes_are_settings_or_problems(tmp_path, content):
    _survives(tmp_path / "collector.yaml", content)


VALUES = st.recursive(
    st.sampled_from(
        ["x", "''", "5", "-1", "1.5", "true", "false", "null", "5m", "jwt", "slack", "email",
         "'*'", "a@b", "none", "https://a.example.com", "'${env:A}'", "'${env:B}'", "*a", "!a b"]
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
        st.dictionaries(
            st.sampled_from(
                ["name", "login_url", "auth", "sources", "flow", "type", "every", "host", "to",
                 "from", "tls", "channels", "continue", "webhook_url", "event_log_file", "'[key]'",
                 "slack", "jwt", "password", "orgs", "min_severity", "paths", "ca_file", "port"]
            ),
            inner,
            max_size=4,
        ).map(lambda pairs: "{" + ", ".join(f"{k}: {v}" for k, v in pairs.items()) + "}"),
    ),
    max_leaves=12,
)  # fmt: skip
TOP = st.sampled_from(["orgs", "channels", "routes", "rules", "state_dir", "database_url", "x"])


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(document=st.dictionaries(TOP, VALUES, max_size=5))
def test_any_structure_is_settings_or_problems(tmp_path, document):
    text = "".join(f"{key}: {value}\n" for key, value in document.items())
    _survives(tmp_path / "collector.yaml", text.encode())
