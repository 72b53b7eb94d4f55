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
    return [name for (name,) in watch.events("OauthTokenGranted", "app_name")]


def removed(watch):
    return [name for (name,) in watch.events("OauthTokenRemoved", "app_name")]


def test_what_is_there_at_the_first_look_is_no_news(tokens):
    tokens.store.add("OauthToken", token(1), token(2))
    tokens.poll()

    assert ([], []) == (granted(tokens), removed(tokens))


def test_what_comes_and_what_goes_later_is_told_once(tokens, clock):
    tokens.store.add("OauthToken", token(1), token(2))
    tokens.poll()
    tokens.restart()
    tokens.store.add("OauthToken", token(3, CreatedDate=NOON + timedelta(minutes=1)))
    tokens.store.remove("OauthToken", lambda row: row["AppName"] == "App 1")
    clock.go_on(minutes=15)
    for _ in range(2):
        tokens.poll()

    assert (["App 3"], ["App 1"]) == (granted(tokens), removed(tokens))
    ((user, time),) = tokens.events("OauthTokenGranted", "user_id, time")
    assert ("005000000000001AAA", NOON + timedelta(minutes=1)) == (user, time)
    ((user, time),) = tokens.events("OauthTokenRemoved", "user_id, time")
    assert "005000000000001AAA" == user
    assert timedelta(seconds=1) > abs(clock.now - time)


def test_the_first_token_of_an_org_that_had_none_is_news(tokens):
    tokens.poll()
    tokens.store.add("OauthToken", token(1))
    tokens.poll()

    assert ["App 1"] == granted(tokens)


def test_a_token_that_comes_back_is_news_again(tokens, clock):
    for _ in range(2):
        tokens.poll()
        tokens.store.add("OauthToken", token(1))
        clock.go_on(minutes=15)
        tokens.poll()
        tokens.store.remove("OauthToken", lambda _: True)
        clock.go_on(minutes=15)
        tokens.poll()

    assert (["App 1"] * 2, ["App 1"] * 2) == (granted(tokens), removed(tokens))


def test_use_is_no_news_but_is_known_when_the_token_goes(tokens, clock):
    tokens.store.add("OauthToken", token(1))
    tokens.poll()
    tokens.store.remove("OauthToken", lambda _: True)
    tokens.store.add("OauthToken", token(1, UseCount=40))
    tokens.poll()
    tokens.store.remove("OauthToken", lambda _: True)
    clock.go_on(minutes=15)
    tokens.poll()

    assert [] == granted(tokens)
    assert [("40",)] == tokens.events("OauthTokenRemoved", '"UseCount"')


def test_two_tokens_of_one_user_and_app_are_two(tokens):
    tokens.poll()
    tokens.store.add("OauthToken", token(1), token(1, DeleteToken="CANARYdelete2"))
    tokens.poll()
    tokens.store.remove("OauthToken", lambda row: row["DeleteToken"] == "CANARYdelete2")
    tokens.poll()

    assert (["App 1", "App 1"], ["App 1"]) == (granted(tokens), removed(tokens))


def test_tokens_that_cannot_be_told_apart_are_counted(tokens):
    alike = token(1, DeleteToken=None)
    tokens.poll()
    tokens.store.add("OauthToken", alike, alike, alike)
    tokens.poll()

    assert ["App 1"] * 3 == granted(tokens)


def test_more_tokens_than_a_query_finds_are_all_known(tokens):
    """Salesforce serves 2,500 and says nothing of the others."""
    tokens.poll()
    many = [token(n, f"005{n // 3:012}AAA") for n in range(6_000)]
    tokens.store.add("OauthToken", *many)
    tokens.poll()

    assert 6_000 == len(set(granted(tokens)))


def test_a_user_with_more_tokens_than_a_query_finds_is_said_to_be_one(tokens):
    tokens.store.add("OauthToken", *(token(n) for n in range(2_500)))

    assert "one user has 2,500 OAuth tokens or more" in tokens.troubles()


def test_without_the_permission_it_says_which(watch):
    from collector.demo import OrgBehaviour

    without = watch(behaviour=OrgBehaviour(missing=frozenset({"OauthToken"})), oauth_tokens={})

    assert "'Customize Application'" in without.troubles()


def test_no_token_is_kept_logged_or_told(tokens, clock, capfd):
    """AccessToken and RequestToken are not even asked for."""
    tokens.store.add("OauthToken", token(1))
    tokens.poll()
    tokens.store.add("OauthToken", token(2))
    tokens.store.remove("OauthToken", lambda row: row["AppName"] == "App 1")
    clock.go_on(minutes=15)
    polled = tokens.poll()
    known = tokens.collector.pollers[0].context.recall("oauth_tokens")
    tokens.close()

    files = [path for path in tokens.places.state_dir.rglob("*") if path.is_file()]
    said = [path.read_bytes() for path in files]
    said += [text.encode() for text in (*capfd.readouterr(), repr(polled), json.dumps(dict(known)))]
    assert any(path.name == "state.db" for path in files)
    assert ["App 2"] == [state["AppName"] for state in known.values()]
    assert not [content for content in said for canary in CANARIES if canary.encode() in content]
    asked = " ".join(visit.query for visit in tokens.org.journal)
    assert "DeleteToken" in asked
    assert "AccessToken" not in asked
    assert "RequestToken" not in asked
