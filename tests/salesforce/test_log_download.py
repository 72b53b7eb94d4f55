from __future__ import annotations

import csv
import gzip
import threading
import traceback
import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest

from collector import csv_segments as segments_module
from collector.errors import (
    CorruptDownloadError,
    LimitExceededError,
    NotAvailableError,
    SalesforceError,
    SessionExpiredError,
    StoppedError,
    UnreachableError,
)
from collector.salesforce.client import SalesforceClient
from fakes.salesforce import (
    HTML_PAGE,
    MAINTENANCE,
    SESSION_EXPIRED,
    TOKEN_CANARY,
    FakeSalesforce,
    HttpReply,
    build_error_reply,
    build_json_reply,
    build_jwt_org,
)

PATH = "/services/data/v67.0/sobjects/EventLogFile/0AT5j00002GVrfnGAD/LogFile"
LOG = (
    b'"EVENT_TYPE","QUERY","USER_ID"\n'
    b'"API","SELECT ""Id""\n, Name\nFROM A","1"\n'
    b'"API","","2"\n'
    b'"API","x,y","3"\n'
)
GZIP = {"Content-Encoding": "gzip"}
PACKED = gzip.compress(LOG, mtime=0)
WHOLE = [HttpReply(body=LOG), HttpReply(body=PACKED, headers=GZIP)]


@pytest.fixture
def log(fake):
    fake.files[PATH] = LOG


def read(segments) -> bytes:
    header, *_ = segments.paths[0].read_bytes().splitlines(keepends=True)
    return header + b"".join(p.read_bytes().removeprefix(header) for p in segments.paths)


def arrives(client: SalesforceClient, directory: Path, expected: int | None) -> bool:
    """All rows arrive, or an exception comes and no file remains. True for all rows."""
    try:
        segments = client.download_log(PATH, directory, "a", expected_length=expected)
    except (CorruptDownloadError, UnreachableError):
        assert list(directory.iterdir()) == []
        return False
    with segments.paths[0].open(newline="") as file:
        rows = list(csv.reader(file))
    assert [row[2] for row in rows] == ["USER_ID", "1", "2", "3"]
    segments.paths[0].unlink()
    return True


def sweep(
    fake: FakeSalesforce,
    client: SalesforceClient,
    directory: Path,
    answers: list[HttpReply],
    *,
    expected: int | None,
) -> list[bool]:
    """For each answer, whether the log arrived."""
    done = []
    for answer in answers:
        fake.set_reply(PATH, answer)
        done.append(arrives(client, directory, expected))
    return done


class TestWhole:
    @pytest.mark.parametrize("framing", ["length", "chunked", "close"])
    @pytest.mark.parametrize("whole", WHOLE)
    def test_a_log_arrives_as_it_is(self, fake, client, tmp_path, framing, whole):
        fake.set_reply(PATH, replace(whole, framing=framing))
        segments = client.download_log(PATH, tmp_path, "a", expected_length=len(LOG))

        assert read(segments) == LOG
        assert segments.columns == ("EVENT_TYPE", "QUERY", "USER_ID")
        assert segments.size == len(LOG)

    def test_a_large_log_is_cut_at_records(self, fake, client, tmp_path):
        record = '"' + "é,\n" * 20_000 + '"\n'
        count = segments_module.SEGMENT_BYTES // len(record.encode()) + 2
        whole = ('"QUERY"\n' + record * count).encode()
        fake.set_reply(PATH, HttpReply(body=gzip.compress(whole, 1), headers=GZIP))
        segments = client.download_log(PATH, tmp_path, "a", expected_length=len(whole))

        assert len(segments.paths) == 2
        assert read(segments) == whole

    def test_it_is_asked_for_packed_and_with_the_token(self, fake, client, tmp_path, log):
        client.download_log(PATH, tmp_path, "a", expected_length=None)
        request = fake.list_requests(PATH)[0]

        assert request.headers["accept-encoding"] == "gzip"
        assert TOKEN_CANARY in request.headers["authorization"]
        assert request.headers["sforce-call-options"] == "client=collector"

    def test_the_use_of_the_api_is_read_from_downloads(self, fake, client, tmp_path, log):
        fake.limit_info = "api-usage=77/100"
        client.download_log(PATH, tmp_path, "a", expected_length=None)

        assert client.api_usage is not None
        assert client.api_usage.used_calls == 77


class TestCut:
    """Whatever byte the connection breaks at: all rows, or an exception and no file."""

    @pytest.mark.parametrize("expected", [len(LOG), None])
    @pytest.mark.parametrize("whole", WHOLE)
    def test_of_an_announced_length(self, fake, client, tmp_path, whole, expected):
        cuts = [replace(whole, sent_bytes=n) for n in range(len(whole.body) + 1)]

        done = sweep(fake, client, tmp_path, cuts, expected=expected)
        assert done == [False] * len(whole.body) + [True]

    @pytest.mark.parametrize("whole", WHOLE)
    def test_of_the_chunks(self, fake, client, tmp_path, whole):
        chunked = replace(whole, framing="chunked")
        cuts = [replace(chunked, sent_bytes=n) for n in range(len(chunked.framed_body) + 1)]

        done = sweep(fake, client, tmp_path, cuts, expected=None)
        assert done == [False] * len(chunked.framed_body) + [True]

    @pytest.mark.parametrize("framing", ["chunked", "close", "length"])
    def test_of_the_packed_stream_in_a_whole_body(self, fake, client, tmp_path, framing):
        cuts = [
            HttpReply(body=PACKED[:n], headers=GZIP, framing=framing)
            for n in range(len(PACKED) + 1)
        ]

        done = sweep(fake, client, tmp_path, cuts, expected=None)
        assert done == [False] * len(PACKED) + [True]

    @pytest.mark.parametrize("framing", ["chunked", "close", "length"])
    def test_of_the_log_in_a_whole_body(self, fake, client, tmp_path, framing):
        cuts = [HttpReply(body=LOG[:n], framing=framing) for n in range(len(LOG) + 1)]

        done = sweep(fake, client, tmp_path, cuts, expected=len(LOG))
        assert done == [False] * len(LOG) + [True]

    def test_of_what_nothing_says_the_end_of(self, fake, client, tmp_path):
        fake.set_reply(PATH, HttpReply(body=LOG, framing="close"))

        assert not arrives(client, tmp_path, None)

    def test_once_is_healed_by_a_second_try(self, fake, client, tmp_path, log):
        fake.queue_replies(PATH, HttpReply(body=LOG, sent_bytes=50))

        assert read(client.download_log(PATH, tmp_path, "a", expected_length=len(LOG))) == LOG
        assert len(fake.list_requests(PATH)) == 2

    def test_for_ever_is_asked_for_twice(self, fake, client, tmp_path):
        fake.set_reply(PATH, HttpReply(body=LOG, sent_bytes=50))

        with pytest.raises(UnreachableError):
            client.download_log(PATH, tmp_path, "a", expected_length=len(LOG))
        assert len(fake.list_requests(PATH)) == 2


class TestCorrupt:
    @pytest.mark.parametrize(
        ("answer", "words"),
        [
            (HTML_PAGE, "HTML"),
            (build_json_reply([{"message": "x"}]), "JSON"),
            (build_json_reply({}), "JSON"),
            (HttpReply(body=b""), "empty"),
            (HttpReply(body=b"\n\n"), "column names"),
            (HttpReply(body=b"\0" * 100), "column names"),
            (HttpReply(body=LOG[:-10]), "quoted|announced"),
            (HttpReply(body=LOG + b"x"), "longer"),
            (HttpReply(body=LOG, headers=GZIP), "gzip"),
            (HttpReply(body=LOG, headers={"Content-Encoding": "br"}), "packed"),
            (HttpReply(body=PACKED + b"x", headers=GZIP), "after its end"),
            (HttpReply(body=PACKED + PACKED, headers=GZIP), "after its end"),
            (HttpReply(body=PACKED[:-8] + b"\0" * 8, headers=GZIP), "broken"),
        ],
    )
    def test_what_is_no_log_is_said_to_be_none(self, fake, client, tmp_path, answer, words):
        fake.set_reply(PATH, answer)

        with pytest.raises(CorruptDownloadError, match=words):
            client.download_log(PATH, tmp_path, "a", expected_length=len(LOG))
        assert list(tmp_path.iterdir()) == []
        assert len(fake.list_requests(PATH)) == 2

    @pytest.mark.parametrize("start", [LOG, b""])
    def test_a_bomb_is_never_held_inflated(self, fake, client, tmp_path, start):
        bomb = gzip.compress(start + b"0" * (64 << 20), 9)
        fake.set_reply(PATH, HttpReply(body=bomb, headers=GZIP))
        client.get_limits()
        tracemalloc.start()
        try:
            with pytest.raises(CorruptDownloadError):
                client.download_log(PATH, tmp_path, "a", expected_length=32 << 20)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

        assert peak < 6 << 20
        assert list(tmp_path.iterdir()) == []


class TestRefusals:
    def test_a_refused_token_costs_one_login(self, fake, client, tmp_path, log):
        client.get_limits()
        fake.revoke_tokens()

        assert read(client.download_log(PATH, tmp_path, "a", expected_length=len(LOG))) == LOG
        assert fake.login_count == 2

    def test_a_token_that_is_refused_for_ever_costs_one_login_more(self, fake, client, tmp_path):
        fake.set_reply(PATH, SESSION_EXPIRED)

        with pytest.raises(SessionExpiredError):
            client.download_log(PATH, tmp_path, "a", expected_length=None)
        assert fake.login_count == 2

    @pytest.mark.parametrize(
        ("answer", "kind"),
        [
            (build_error_reply(404, "NOT_FOUND"), NotAvailableError),
            (build_error_reply(403, "REQUEST_LIMIT_EXCEEDED"), LimitExceededError),
            (build_error_reply(400, "MALFORMED_ID"), SalesforceError),
        ],
    )
    def test_a_refusal_is_not_insisted_on(self, fake, client, tmp_path, answer, kind):
        fake.set_reply(PATH, answer)

        with pytest.raises(SalesforceError) as raised:
            client.download_log(PATH, tmp_path, "a", expected_length=None)
        assert type(raised.value) is kind
        assert len(fake.list_requests(PATH)) == 1

    @pytest.mark.parametrize(
        "answer",
        [
            MAINTENANCE,
            HttpReply(status=302, headers={"Location": "/elsewhere"}),
            HttpReply(status=206, body=LOG),
            HttpReply(drops_connection=True),
            HttpReply(status=404, body=b"<html>gateway</html>"),
            HttpReply(status=503, body=b"x" * (2 << 20)),
        ],
    )
    def test_an_outage_is_not_the_files_fault(self, fake, client, tmp_path, answer):
        fake.set_reply(PATH, answer)

        with pytest.raises((UnreachableError, CorruptDownloadError)) as raised:
            client.download_log(PATH, tmp_path, "a", expected_length=None)
        assert isinstance(raised.value, UnreachableError)
        assert fake.list_requests("/elsewhere") == []
        shown = "".join(traceback.format_exception(raised.value)) + repr(raised.value)
        assert TOKEN_CANARY not in shown

    @pytest.mark.parametrize(
        "path",
        [
            "https://evil.example.com/services/data/v67.0/sobjects/EventLogFile/0AT/LogFile",
            "//evil.example.com/services/data/v67.0/x",
            "@evil.example.com/services/data/v67.0/x",
            ".evil.example.com/services/data/v67.0/x",
            "/services/data/v67.0/../../x",
            "/services/data/v67.0//x",
            "/services/data/v67.0/x?y",
            "/services/data/v67.0/x#y",
            "/services/data/v67.0/x\r\nHost: y",
            "/services/data/v67.0/x%2e%2e",
            "/services/data/v67.0",
            "/services/oauth2/token",
            "",
        ],
    )
    def test_a_path_that_leads_out_of_the_api_is_never_asked(self, fake, client, tmp_path, path):
        with pytest.raises(SalesforceError, match="leads out"):
            client.download_log(path, tmp_path, "a", expected_length=None)
        assert fake.request_log == []

    def test_stop_ends_it_and_leaves_no_file(self, fake, tmp_path, log):
        stop = threading.Event()
        client = SalesforceClient(build_jwt_org(fake), stop_event=stop)
        ordinary = fake.answer_request

        def answer(request):
            if request.path == PATH:
                stop.set()
            return ordinary(request)

        fake.answer_request = answer
        with pytest.raises(StoppedError):
            client.download_log(PATH, tmp_path, "a", expected_length=None)
        assert list(tmp_path.iterdir()) == []
        client.close()

    def test_a_full_disk_is_told_as_it_is_and_leaves_no_file(self, fake, client, tmp_path, log):
        with pytest.raises(OSError):
            client.download_log(PATH, tmp_path / "missing", "a", expected_length=None)
        assert len(fake.list_requests(PATH)) == 1
