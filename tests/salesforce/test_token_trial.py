"""Tokens that last a few requests, while several threads ask with them."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from collector import clock
from collector.errors import SessionExpiredError, StoppedError
from collector.salesforce.client import SalesforceClient
from collector.salesforce.login_throttle import LoginLimits
from collector.salesforce.token_trial import TokenTrial
from fakes.salesforce import SESSION_EXPIRED, TOKEN_PATH, FakeSalesforce, build_jwt_org

LOG = b"A,B\n1,2\n"
ANSWER_SECONDS = 0.05


class ShortLivedOrg(FakeSalesforce):
    """An org whose tokens last `token_uses` requests each, and which takes a while to answer.

    What is refused is refused at once; the first `gathered` refusals only when all are asked for.
    """

    def __init__(self, token_uses: int, *, gathered: int = 0) -> None:
        super().__init__()
        self.token_uses = token_uses
        self._missing = gathered
        self._are_gathered = threading.Event()
        self._uses: Counter[str] = Counter()
        self._lock = threading.Lock()

    def answer_request(self, request):
        token = request.headers.get("authorization", "")
        if token:
            with self._lock:
                self._uses[token] += 1
                is_over = self._uses[token] > self.token_uses
                self._missing -= is_over
            if is_over:
                if self._missing <= 0:
                    self._are_gathered.set()
                self._are_gathered.wait(timeout=10)
                return SESSION_EXPIRED
            clock.wait(ANSWER_SECONDS)
        return super().answer_request(request)


@pytest.mark.parametrize("token_uses", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_tokens_that_are_used_up_by_downloads_under_way_cost_logins_and_no_file(
    tmp_path, token_uses
):
    with ShortLivedOrg(token_uses) as org:
        org.files = {
            f"/services/data/v67.0/sobjects/EventLogFile/{n}/LogFile": LOG for n in "abcdefghij"
        }
        with (
            closing(SalesforceClient(build_jwt_org(org), retry_pause=(0, 0))) as client,
            ThreadPoolExecutor(4) as pool,
        ):
            downloads = [
                pool.submit(client.download_log, path, tmp_path, path[-9], expected_length=len(LOG))
                for path in org.files
            ]
            sizes = [download.result().size for download in downloads]

    assert sizes == [len(LOG)] * 10
    assert 10 / token_uses <= org.login_count <= 10


def test_a_token_that_several_threads_see_refused_is_one_refused_login():
    now = clock.now()
    with (
        ShortLivedOrg(0, gathered=4) as org,
        closing(SalesforceClient(build_jwt_org(org), now=lambda: now)) as client,
    ):
        assert client.instance_url == org.url

        def ask():
            with pytest.raises(SessionExpiredError):
                list(client.query("SELECT Id FROM User"))

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with pytest.raises(SessionExpiredError) as caught:
            list(client.query("SELECT Id FROM User"))

    assert len([r for r in org.request_log if r.path == TOKEN_PATH]) == 2
    pause_end = now + LoginLimits().refusal_pause
    assert f"the next login waits until {pause_end:%Y-%m-%d %H:%M:%S} UTC" in str(caught.value)


class TestVerdict:
    def test_it_waits_for_requests_that_are_open(self):
        trial, stop = TokenTrial(), threading.Event()
        verdicts = []
        judge = threading.Thread(target=lambda: verdicts.append(trial.await_verdict(stop)))
        with trial.open_request():
            judge.start()
            judge.join(0.05)
            assert verdicts == []
            trial.note_status(200)
            judge.join(10)
        assert verdicts == [True]

    @pytest.mark.parametrize("status", [302, 401, 404, 503])
    def test_only_a_success_is_an_answer(self, status):
        trial = TokenTrial()
        trial.note_status(status)
        assert trial.await_verdict(None) is False

    def test_it_ends_when_we_are_asked_to(self):
        trial, stop = TokenTrial(), threading.Event()
        stop.set()
        with trial.open_request(), pytest.raises(StoppedError):
            trial.await_verdict(stop)
