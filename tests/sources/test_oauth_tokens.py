"""Tokens come and go; what is told of them never holds one."""

import json
from datetime import timedelta

import pytest

from fakes.model_samples import NOON

CANARIES = ("CANARYdelete", "CANARYaccess", "CANARYrequest")


def token(number, user="005000000000001AAA", **more):
    return {
        "AppName": f"App {number}",
        "UserId": user,
        "AppMenuItemId": f"0DS{number:012}AAA",
        "CreatedDate": NOON - timedelta(days=9),
        "LastUsedDate": NOON - timedelta(days=1),
        "UseCount": 3,
        "DeleteToken": f"CANARYdelete{number}",
        "AccessToken": f"CANARYaccess{number}",
        "RequestToken": f"CANARYrequest{number}",
        **more,
    }


@pytest.fixture
def tokens(watch):
    return watch(oauth_tokens={})


def granted(watch):
    return [name for (name,) in watch.list_events("OauthTokenGranted", "app_name")]


def removed(watch):
    return [name for (name,) in watch.list_events("OauthTokenRemoved", "app_name")]


def test_what_is_there_at_the_first_look_is_no_news(tokens):
    tokens.store.add_rows("OauthToken", token(1), token(2))
    tokens.poll_sources()

    assert ([], []) == (granted(tokens), removed(tokens))


def test_what_comes_and_what_goes_later_is_told_once(tokens, clock):
    tokens.store.add_rows("OauthToken", token(1), token(2))
    tokens.poll_sources()
    tokens.restart_collector()
    tokens.store.add_rows("OauthToken", token(3, CreatedDate=NOON + timedelta(minutes=1)))
    tokens.store.remove_rows("OauthToken", lambda row: row["AppName"] == "App 1")
    clock.advance_by(minutes=15)
    for _ in range(2):
        tokens.poll_sources()

    assert (["App 3"], ["App 1"]) == (granted(tokens), removed(tokens))
    ((user, time),) = tokens.list_events("OauthTokenGranted", "user_id, time")
    assert ("005000000000001AAA", NOON + timedelta(minutes=1)) == (user, time)
    ((user, time),) = tokens.list_events("OauthTokenRemoved", "user_id, time")
    assert "005000000000001AAA" == user
    assert timedelta(seconds=1) > abs(clock.now - time)


def test_the_first_token_of_an_org_that_had_none_is_news(tokens):
    tokens.poll_sources()
    tokens.store.add_rows("OauthToken", token(1))
    tokens.poll_sources()

    assert ["App 1"] == granted(tokens)


def test_a_token_that_comes_back_is_news_again(tokens, clock):
    for _ in range(2):
        tokens.poll_sources()
        tokens.store.add_rows("OauthToken", token(1))
        clock.advance_by(minutes=15)
        tokens.poll_sources()
        tokens.store.remove_rows("OauthToken", lambda _: True)
        clock.advance_by(minutes=15)
        tokens.poll_sources()

    assert (["App 1"] * 2, ["App 1"] * 2) == (granted(tokens), removed(tokens))


def test_use_is_no_news_but_is_known_when_the_token_goes(tokens, clock):
    tokens.store.add_rows("OauthToken", token(1))
    tokens.poll_sources()
    tokens.store.remove_rows("OauthToken", lambda _: True)
    tokens.store.add_rows("OauthToken", token(1, UseCount=40))
    tokens.poll_sources()
    tokens.store.remove_rows("OauthToken", lambda _: True)
    clock.advance_by(minutes=15)
    tokens.poll_sources()

    assert [] == granted(tokens)
    assert [("40",)] == tokens.list_events("OauthTokenRemoved", '"UseCount"')


def test_two_tokens_of_one_user_and_app_are_two(tokens):
    tokens.poll_sources()
    tokens.store.add_rows("OauthToken", token(1), token(1, DeleteToken="CANARYdelete2"))
    tokens.poll_sources()
    tokens.store.remove_rows("OauthToken", lambda row: row["DeleteToken"] == "CANARYdelete2")
    tokens.poll_sources()

    assert (["App 1", "App 1"], ["App 1"]) == (granted(tokens), removed(tokens))


def test_tokens_that_cannot_be_told_apart_are_counted(tokens):
    alike = token(1, DeleteToken=None)
    tokens.poll_sources()
    tokens.store.add_rows("OauthToken", alike, alike, alike)
    tokens.poll_sources()

    assert ["App 1"] * 3 == granted(tokens)


@pytest.mark.slow
def test_more_tokens_than_a_query_finds_are_all_known(tokens):
    """Salesforce serves 2,500 and says nothing of the others."""
    tokens.poll_sources()
    many = [token(n, f"005{n // 3:012}AAA") for n in range(6_000)]
    tokens.store.add_rows("OauthToken", *many)
    tokens.poll_sources()

    assert 6_000 == len(set(granted(tokens)))


def test_a_user_with_more_tokens_than_a_query_finds_is_said_to_be_one(tokens):
    tokens.store.add_rows("OauthToken", *(token(n) for n in range(2_500)))

    assert "one user has 2,500 OAuth tokens or more" in tokens.poll_for_problems()


def test_without_the_permission_it_says_which(watch):
    from collector.demo import OrgBehaviour

    without = watch(behaviour=OrgBehaviour(missing=frozenset({"OauthToken"})), oauth_tokens={})

    assert "'Customize Application'" in without.poll_for_problems()


def test_no_token_is_kept_logged_or_told(tokens, clock, capfd):
    """AccessToken and RequestToken are not even asked for."""
    tokens.store.add_rows("OauthToken", token(1))
    tokens.poll_sources()
    tokens.store.add_rows("OauthToken", token(2))
    tokens.store.remove_rows("OauthToken", lambda row: row["AppName"] == "App 1")
    clock.advance_by(minutes=15)
    polled = tokens.poll_sources()
    known = tokens.collector.pollers[0].context.read_state("oauth_tokens")
    tokens.close()

    files = [path for path in tokens.places.state_dir.rglob("*") if path.is_file()]
    said = [path.read_bytes() for path in files]
    said += [text.encode() for text in (*capfd.readouterr(), repr(polled), json.dumps(dict(known)))]
    assert any(path.name == "state.db" for path in files)
    assert ["App 2"] == [state["AppName"] for state in known.values()]
    assert not [content for content in said for canary in CANARIES if canary.encode() in content]
    asked = " ".join(visit.query for visit in tokens.org.request_log)
    assert "DeleteToken" in asked
    assert "AccessToken" not in asked
    assert "RequestToken" not in asked
