"""A configuration file to try things in, and ways to read it."""

from __future__ import annotations

import pytest

from collector.app.configuration import read_configuration
from collector.errors import SettingsError

ORG = """\
orgs:
  - name: acme
    login_url: https://acme.my.salesforce.com
    auth: {flow: client_credentials, client_id: id, client_secret: "${env:CLIENT_SECRET}"}
"""
"""The least that a configuration holds, in four lines: tests put their text behind it."""

ENVIRON = {"CLIENT_SECRET": "canary-client-secret"}


@pytest.fixture
def minimal():
    return ORG


@pytest.fixture
def load_text(tmp_path):
    """Load a text (or bytes) as `collector.yaml` in a folder of its own."""

    def load_text(text, environ=None):
        path = tmp_path / "collector.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_configuration(path, {**ENVIRON, **(environ or {})})

    return load_text


@pytest.fixture
def problems_of(load_text, tmp_path):
    """The lines that a person would see about a text, with the folder cut off."""

    def problems_of(text, environ=None):
        with pytest.raises(SettingsError) as caught:
            load_text(text, environ)
        assert caught.value.__context__ is None, (
            "what pydantic or PyYAML held must not travel along"
        )
        return str(caught.value).replace(f"{tmp_path}/", "").splitlines()

    return problems_of
