"""A stream has one text form, which is stored and logged, and is read back from it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.model import Stream, StreamPurpose

NAMES = st.from_regex(r"[A-Za-z_*][A-Za-z0-9_]*", fullmatch=True)


@given(NAMES, st.sampled_from(StreamPurpose))
def test_a_label_says_name_and_purpose(name, purpose):
    stream = Stream(org="acme", source="stored_events", name=name, purpose=purpose)

    assert stream == Stream.parse_label(org="acme", source="stored_events", label=stream.label)


@pytest.mark.parametrize(
    ("purpose", "text"),
    [
        (StreamPurpose.LIVE, "acme/stored_events/ApiEvent"),
        (StreamPurpose.BACKFILL, "acme/stored_events/ApiEvent#backfill"),
        (StreamPurpose.LISTING, "acme/stored_events/ApiEvent#listed"),
    ],
)
def test_the_text_is_what_it_always_was(purpose, text):
    stream = Stream(org="acme", source="stored_events", name="ApiEvent", purpose=purpose)

    assert text == str(stream) == f"acme/stored_events/{stream.label}"
