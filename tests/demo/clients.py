"""A logged-in client of an embedded org, for the tests of this folder."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx

from collector.demo import EmbeddedOrg

NOW = datetime(2026, 10, 1, 12, 0, tzinfo=UTC)
DATA_PATH = "/services/data/v67.0"


class RestClient:
    """A logged-in HTTP client of one org."""

    def __init__(self, org: EmbeddedOrg, http: httpx.Client) -> None:
        self.org = org
        self.http = http
        http.headers["Authorization"] = f"Bearer {self.request_token()}"

    def request_token(self) -> str:
        application = self.org.application
        form = {
            "grant_type": "client_credentials",
            "client_id": application.client_id,
            "client_secret": application.client_secret,
        }
        return str(self.http.post("/services/oauth2/token", data=form).json()["access_token"])

    def get(self, path: str, **arguments: Any) -> httpx.Response:
        return self.http.get(DATA_PATH + path, **arguments)

    def send_query(self, soql: str, **headers: str) -> httpx.Response:
        return self.get("/query", params={"q": soql}, headers=headers)

    def query_records(self, soql: str) -> list[dict[str, Any]]:
        answer = self.send_query(soql)
        assert answer.status_code == 200, answer.text
        return list(answer.json()["records"])


def parse_error(answer: httpx.Response) -> tuple[int, str]:
    """Status and errorCode of a REST error, which is an array of one."""
    (only,) = answer.json()
    assert set(only) == {"message", "errorCode"}
    return answer.status_code, str(only["errorCode"])
