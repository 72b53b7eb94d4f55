"""The annotated example is the reference: it loads, and it says everything that can be said."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from collector.app.configuration import read_configuration
from collector.settings import Settings
from collector.settings.settings_model import list_model_keys
from fakes.settings_models import list_models

EXAMPLE = Path(__file__).parents[2] / "config" / "collector.example.yaml"
ENVIRON = {
    "SF_CLIENT_ID": "3MVG9.example",
    "SF_PRIVATE_KEY": "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----",
    "SANDBOX_CLIENT_ID": "3MVG9.sandbox",
    "SANDBOX_CLIENT_SECRET": "secret",
    "EMEA_CLIENT_ID": "3MVG9.emea",
    "EMEA_CLIENT_SECRET": "secret",
    "EMEA_REFRESH_TOKEN": "5Aep861",
    "LEGACY_CLIENT_ID": "3MVG9.legacy",
    "LEGACY_CLIENT_SECRET": "secret",
    "LEGACY_PASSWORD": "secret",
    "LEGACY_SECURITY_TOKEN": "secret",
    "SLACK_WEBHOOK_URL": "https://hooks.slack.com/services/T0/B0/x",
    "SMTP_PASSWORD": "secret",
    "DATABASE_PASSWORD": "secret",
}
KEY_LINE = re.compile(r"^(?P<indent> *)(?P<off># *)?(?P<item>- )?(?P<key>[a-z_]+):(?= |$)")
MODELS = list_models()


def _models(value):
    """All models inside a value, itself included."""
    if isinstance(value, BaseModel):
        yield value
        value = [getattr(value, name) for name in type(value).model_fields]
    elif isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for item in value:
            yield from _models(item)


@pytest.fixture(scope="module")
def complete(tmp_path_factory):
    """The settings of the example with every key that is commented out turned on."""
    lines = EXAMPLE.read_text().splitlines()
    off = re.compile(r"^( *)# (?= *(- )?[a-z_]+:( \S+)?$)")
    text = "\n".join(off.sub(r"\1", line) for line in lines)
    path = tmp_path_factory.mktemp("example") / "collector.yaml"
    path.write_text(text)
    path.with_name("tor-exits.txt").write_text("185.220.101.33\n")
    return read_configuration(path, ENVIRON)


def test_it_loads_as_it_is_and_holds_no_secret():
    assert read_configuration(EXAMPLE, ENVIRON).warnings == ()


def test_it_loads_with_everything_turned_on_and_warns_of_what_is_off_for_a_reason(complete):
    [warning] = complete.warnings

    assert warning.message.startswith("the password flow is legacy")
    assert isinstance(complete.settings, Settings)


@pytest.mark.parametrize("model", MODELS)
def test_every_key_of_every_model_stands_in_it(complete, model):
    said = set()
    for part in _models(complete.settings):
        if type(part) is model:
            said |= part.model_fields_set

    assert set(model.model_fields) == said


def test_the_first_time_that_a_key_stands_there_it_is_explained():
    lines = EXAMPLE.read_text().splitlines()
    seen = set()
    for number, line in enumerate(lines):
        match = KEY_LINE.match(line)
        if match is None or match["key"] in seen:
            continue
        seen.add(match["key"])
        if match["key"] in {"secops", "oncall", "here"}:
            continue
        block = _comment_above(lines, number)
        assert block, f"line {number + 1}: nothing says what {match['key']!r} does"

    known = {key for model in MODELS for key in list_model_keys(model)}
    assert known <= seen


def _comment_above(lines, number):
    """The prose above a key, or above the keys directly before it that share it."""
    above = [line.strip() for line in lines[:number]]
    while above and above[-1] and KEY_LINE.match(above[-1]):
        above.pop()
    return above and above[-1].startswith("# ")


@pytest.mark.parametrize("name", sorted(ENVIRON))
def test_the_variables_are_those_that_it_names(name):
    assert f"${{env:{name}}}" in EXAMPLE.read_text()
