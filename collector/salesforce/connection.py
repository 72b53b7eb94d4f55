"""One login of an org: its API through simple-salesforce, which this file alone knows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import httpx
import requests
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import SalesforceError as LibraryError

from collector.errors import AnswerTooLongError, UnreachableError
from collector.http import MAX_BODY_BYTES, BodyTooLongError, read_body
from collector.salesforce import composite
from collector.salesforce.api_errors import build_api_error, build_unreachable_error
from collector.salesforce.json_documents import QueryPage, load_document, parse_query_page
from collector.salesforce.responses import JsonObject, require_object
from collector.salesforce.token_request import AccessToken
from collector.salesforce.token_trial import TokenTrial

CALL_HEADERS = {"Sforce-Call-Options": "client=collector"}
"""Marks our calls in the org's own logs."""

LARGE_PAGE, SMALL_PAGE = 2000, 200
"""The most and the fewest records of a page that Salesforce lets one ask for."""


class SalesforceConnection:
    """An org's API with one token in one version (`67.0`), over a session of `build_session`.

    `trial` is what is known of the token; the session notes in it what is answered.

    Each method asks once and returns the JSON object that came; several threads may call them.
    Raises what `build_api_error` makes of a refusal, AnswerTooLongError for more than
    `MAX_BODY_BYTES`, and UnreachableError for anything that is no answer.
    """

    def __init__(
        self,
        token: AccessToken,
        *,
        org: str,
        version: str,
        trial: TokenTrial,
        open_session: Callable[[], requests.Session],
    ) -> None:
        self.token = token
        self.trial = trial
        self.version = version
        self._org = org
        self._open_session = open_session

    def query(self, soql: str, *, page_size: int = LARGE_PAGE) -> QueryPage:
        """The first page of what a query finds."""
        return self._request_page(lambda api, **asked: api.query(soql, **asked), page_size)

    def query_more(self, locator: str, *, page_size: int = LARGE_PAGE) -> QueryPage:
        """The page of a query that a locator stands for."""
        return self._request_page(lambda api, **asked: api.query_more(locator, **asked), page_size)

    def query_several(self, soqls: Sequence[str]) -> Sequence[composite.SubrequestResult | None]:
        """What at most five queries brought that were asked with one call, in their order."""
        body = composite.build_request(
            soqls, version=self.version, headers=CALL_HEADERS | _build_page_headers(LARGE_PAGE)
        )
        document = self._request_document(
            "composite", lambda api: api.restful("composite", method="POST", json=body)
        )
        return composite.parse_results(f"{self._org}: composite", document, len(soqls))

    def describe_object(self, name: str) -> JsonObject:
        """The description of an object. `name` must be an identifier."""
        path = f"sobjects/{name}/describe"
        return self._request_document(f"describe {name}", lambda api: api.restful(path))

    def describe_global(self) -> JsonObject:
        """The list of objects."""
        return self._request_document("list of objects", lambda api: api.describe())

    def get_resource(self, path: str) -> JsonObject:
        """The document at a path below the version's, such as `jobs/query`, or with a query."""
        return self._request_document(path.partition("?")[0], lambda api: api.restful(path))

    def get_limits(self) -> JsonObject:
        """The org's limits."""
        return self._request_document("limits", lambda api: api.limits())

    def _request_document(self, what: str, call: Callable[[Salesforce], object]) -> JsonObject:
        where = f"{self._org}: {what}"
        with _translate_errors(where):
            return require_object(where, call(self._open_api(_load_answer)))

    def _request_page(self, call: Callable[..., QueryPage], page_size: int) -> QueryPage:
        headers = _build_page_headers(page_size)
        with _translate_errors(f"{self._org}: query"):
            # A stream to requests is what it makes no copy of.
            return call(self._open_api(_load_page), headers=headers, stream=True)

    def _open_api(self, parse: Callable[[requests.Response], object]) -> Salesforce:
        """The library's object, which its calls change: one for each."""
        api = _BoundedApi(
            parse,
            session_id=self.token.access_token.reveal(),
            instance_url=self.token.instance_url,
            version=self.version,
            session=self._open_session(),
        )
        # It says https whatever the URL was, and asks for indented JSON.
        api.base_url = f"{self.token.instance_url}/services/data/v{self.version}/"
        del api.headers["X-PrettyPrint"]
        api.headers.update(CALL_HEADERS)
        return api


class _BoundedApi(Salesforce):
    """The library, which would make objects of all that came, however many, with our parser."""

    def __init__(self, parse: Callable[[requests.Response], object], **options: Any) -> None:
        super().__init__(**options)
        self._parse = parse

    def parse_result_to_json(self, result: requests.Response) -> Any:
        """What the parser makes of an answer."""
        return self._parse(result)


def _build_page_headers(page_size: int) -> dict[str, str]:
    return {"Sforce-Query-Options": f"batchSize={page_size}"}


def _load_answer(answer: requests.Response) -> object:
    return load_document(answer.content)


def _load_page(answer: requests.Response) -> QueryPage:
    content: Any = answer.raw.read()
    return parse_query_page(content)


def fetch_api_versions(http: httpx.Client, instance_url: str, *, org: str) -> object:
    """The document that lists the API versions of an org; needs no login. Raises as above."""
    where = f"{org}: list of API versions"
    with _translate_errors(where):
        with http.stream("GET", f"{instance_url}/services/data/") as answer:
            content = read_body(answer)
        if answer.status_code != 200:
            raise build_api_error(where, answer.status_code, content.decode("utf-8", "replace"))
        return load_document(content)


@contextmanager
def _translate_errors(where: str) -> Iterator[None]:
    """Raise what the libraries raise as errors of ours.

    Theirs hold URLs, headers and bodies, so they are not even kept as the cause.
    """
    try:
        yield
    except LibraryError as problem:
        raise build_api_error(where, problem.status, problem.content) from None
    except BodyTooLongError:
        raise AnswerTooLongError(
            f"{where}: the answer is longer than {MAX_BODY_BYTES >> 20} MB"
        ) from None
    except ValueError:
        raise UnreachableError(f"{where}: the answer is not what Salesforce sends") from None
    except (httpx.HTTPError, requests.RequestException) as problem:
        raise build_unreachable_error(where, problem) from None
