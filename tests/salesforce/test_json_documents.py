"""JSON of a stranger: what is read record by record is what `json` reads, in bounded memory."""

from __future__ import annotations

import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.salesforce.json_documents import (
    MAX_PAGE_RECORDS,
    load_document,
    parse_query_page,
)

TEXTS = st.text() | st.text('{}[]",:\\ recods\n')
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
RECORDS = st.lists(st.dictionaries(TEXTS, VALUES, max_size=5), max_size=5)
ENVELOPES = st.dictionaries(TEXTS.filter(lambda key: key != "records"), VALUES, max_size=4)
OPEN, CLOSE = b'{"done": true, "records": [', b"]}"


@given(before=ENVELOPES, records=RECORDS, after=ENVELOPES, data=st.data())
def test_whatever_stands_in_a_page_its_records_and_the_rest_are_what_json_reads(
    before, records, after, data
):
    page = {**before, "records": records, **after}
    indent = data.draw(st.sampled_from([None, 0, 3]))
    content = json.dumps(page, ensure_ascii=data.draw(st.booleans()), indent=indent)
    parsed = parse_query_page(content.encode("utf-8", "replace"))

    expected = json.loads(content.encode("utf-8", "replace"))
    assert list(parsed) == expected.pop("records")
    assert len(parsed) == len(records)
    assert {key: value for key, value in parsed.envelope.items() if key != "records"} == expected


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"done",
        b"{",
        b"[]",
        b'[{"records": []}]',
        b'{"done": true}',
        b'{"records": {}}',
        b'{"records": ["x"]}',
        b'{"records": [1]}',
        b'{"records": [[]]}',
        b'{"records": [{},]}',
        b'{"records": [{} {}]}',
        b'{"records": [,{}]}',
        b'{"records": [{}',
        b'{"records": [{}]',
        b'{"records": [{}], "records": [{}]}',
        b'{"records": [{}]}]',
        b'{"records": []} {"records": []}',
        b'{"records": [{}], "done": tru}',
        b'{"inner": {"records": []}}',
        b'{"a\\"records": []}',
        b'{"records": "[{}]"}',
        b"<html>",
        b'{"records": [{"a": "\\"}]}',
    ],
)
def test_what_is_no_page_is_refused_before_any_record_is_read(content):
    with pytest.raises(ValueError):
        parse_query_page(content)


@pytest.mark.parametrize(
    "record", [b"{'a': 1}", b'{"a": 1, "b"}', b'{"a": 01}', b'{"a": [1 2]}', b'{"a": "\n"}']
)
def test_a_record_that_is_not_json_is_refused_when_it_is_its_turn(record):
    parsed = parse_query_page(OPEN + b'{"Id": "1"},' + record + CLOSE)
    records = iter(parsed)

    assert next(records) == {"Id": "1"}
    with pytest.raises(ValueError):
        next(records)


def test_bytes_that_are_no_text_cost_themselves_alone():
    assert list(parse_query_page(OPEN + b'{"a": "x\xffy"}' + CLOSE)) == [{"a": "x\ufffdy"}]
    assert load_document(b'{"a": "\xff"}') == {"a": "\ufffd"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "content",
    [
        OPEN + b"{}," * 20_000_000 + b"{}" + CLOSE,
        OPEN + b'{"a": [' + b"{}," * 18_000_000 + b"{}]}" + CLOSE,
        OPEN + b'{"a": ' + b"[" * 30_000_000,
        b'{"records": [], "x": [' + b"0," * 25_000_000 + b"0]}",
    ],
    ids=["records", "nested", "deep", "envelope"],
)
def test_sixty_megabytes_of_nothing_are_refused_without_making_objects_of_them(content):
    for read in (parse_query_page, load_document):
        tracemalloc.start()
        try:
            with pytest.raises(ValueError):
                read(content)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

        assert peak < 160 << 20, "copies of the text, not objects"


def test_commas_in_text_are_no_values():
    text = "a,{[" * 2_000_000
    content = json.dumps({"records": [{"Query": text}], "done": True}).encode()

    assert [{"Query": text}] == list(parse_query_page(content))
    assert load_document(content) == {"records": [{"Query": text}], "done": True}


def test_a_page_holds_a_bounded_number_of_records():
    assert len(parse_query_page(OPEN + b",".join([b"{}"] * MAX_PAGE_RECORDS) + CLOSE)) == 10_000
    with pytest.raises(ValueError, match="more than 10000 records"):
        parse_query_page(OPEN + b",".join([b"{}"] * (MAX_PAGE_RECORDS + 1)) + CLOSE)
