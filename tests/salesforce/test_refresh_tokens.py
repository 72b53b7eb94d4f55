"""The newest refresh token is never lost, and never kept against the user's will."""

from __future__ import annotations

import pytest

from collector.errors import SalesforceError
from collector.salesforce.refresh_tokens import RefreshTokens
from collector.salesforce.token_store import DiskTokenStore, MemoryTokenStore
from collector.settings import ClientCredentialsAuth, OrgSettings, RefreshTokenAuth, Secret


def org(token="configured"):
    auth = RefreshTokenAuth(client_id="id", refresh_token=Secret(token))
    return OrgSettings(name="acme", login_url="https://acme.my.salesforce.com", auth=auth)


def newest(tokens, configured="configured"):
    return tokens.apply_newest_token(org(configured)).auth.refresh_token.reveal()


@pytest.fixture
def vault():
    return MemoryTokenStore()


def test_the_configured_one_counts_until_the_org_replaces_it(vault):
    tokens = RefreshTokens("acme", vault)
    assert newest(tokens) == "configured"

    tokens.replace_token(org(), Secret("second"))
    tokens.replace_token(org(), Secret("third"))

    assert newest(tokens) == "third"
    assert newest(RefreshTokens("acme", vault)) == "third", "also in the next process"


def test_another_one_in_the_configuration_counts_at_once(vault):
    RefreshTokens("acme", vault).replace_token(org(), Secret("second"))

    assert newest(RefreshTokens("acme", vault), "authorized anew") == "authorized anew"


def test_the_configured_one_is_not_written_down(vault):
    RefreshTokens("acme", vault).replace_token(org("canary"), Secret("second"))

    assert b"canary" not in vault.read("acme")


def test_nothing_is_asked_of_the_org_while_the_newest_is_not_safe(tmp_path):
    folder = tmp_path / "tokens"
    folder.write_text("in the way")
    tokens = RefreshTokens("acme", DiskTokenStore(folder))
    for act in (
        lambda: tokens.replace_token(org(), Secret("second")),
        lambda: tokens.apply_newest_token(org()),
    ):
        with pytest.raises(SalesforceError, match="cannot be used"):
            act()

    folder.unlink()
    assert newest(tokens) == "second"
    assert newest(RefreshTokens("acme", DiskTokenStore(folder))) == "second"


@pytest.mark.parametrize("damaged", [b"", b"{}", b"[]", b"canary", b'"x"', b"1"])
def test_a_damaged_one_is_said_to_be_so(vault, damaged):
    vault.write("acme", damaged)

    with pytest.raises(SalesforceError, match="damaged: authorize the app again") as raised:
        newest(RefreshTokens("acme", vault))
    assert "canary" not in str(raised.value)


def test_other_flows_are_left_alone(vault):
    auth = ClientCredentialsAuth(client_id="id", client_secret=Secret("s"))
    other = org().model_copy(update={"auth": auth})
    tokens = RefreshTokens("acme", vault)
    tokens.replace_token(other, Secret("second"))

    assert tokens.apply_newest_token(other) is other
    assert vault.read("acme") is None
