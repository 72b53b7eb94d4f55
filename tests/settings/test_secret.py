"""A secret shows itself to nobody who does not ask by `reveal()`."""

from __future__ import annotations

import copy
import json
import logging
import pickle

import pytest
from pydantic import BaseModel, ValidationError

from collector.settings import Secret

CANARY = "canary-5f2e"


class Holder(BaseModel):
    """A model with a secret."""

    secret: Secret


@pytest.mark.parametrize(
    "show",
    [
        str,
        repr,
        lambda secret: f"{secret}",
        lambda secret: f"{secret!r:>40}",
        lambda secret: f"{secret:>40}",
        lambda secret: "%s %r" % (secret, secret),  # noqa: UP031 - this form is tested too
        lambda secret: json.dumps({"secret": secret}, default=str),
        lambda secret: str([secret, {"a": secret}]),
        lambda secret: repr(Holder(secret=secret)),
        lambda secret: str(Holder(secret=secret).model_dump()),
        lambda secret: Holder(secret=secret).model_dump_json(),
        lambda secret: logging.makeLogRecord({"msg": "%s", "args": (secret,)}).getMessage(),
        lambda secret: str(ValueError(secret)),
    ],
)
def test_no_way_of_printing_shows_it(show):
    shown = show(Secret(CANARY))

    assert CANARY not in shown
    assert "***" in shown


def test_it_reveals_its_text_on_demand():
    assert Secret(CANARY).reveal() == CANARY


def test_secrets_of_the_same_text_are_one():
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_it_refuses_to_be_pickled(protocol):
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(Secret(CANARY), protocol)


def test_its_copies_are_itself():
    secret = Secret(CANARY)

    assert copy.copy(secret) is secret
    assert copy.deepcopy([secret])[0] is secret


def test_it_has_no_dictionary_to_look_into():
    assert not hasattr(Secret(CANARY), "__dict__")


@pytest.mark.parametrize("value", ["", None, 5, [CANARY], {"a": CANARY}])
def test_a_field_takes_nothing_but_text_and_does_not_repeat_what_it_got(value):
    with pytest.raises(ValidationError) as caught:
        Holder(secret=value)

    assert CANARY not in " ".join(error["msg"] for error in caught.value.errors())


def test_a_field_takes_text_or_a_secret():
    assert Holder(secret="a") == Holder(secret=Secret("a"))


def test_editors_see_a_text():
    assert Holder.model_json_schema()["properties"]["secret"]["type"] == "string"
