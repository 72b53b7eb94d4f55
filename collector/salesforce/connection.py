"""One login of an org: its API through simple-salesforce, which this file alone knows."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import httpx
import requests
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import SalesforceError as LibraryError

from collector.errors import UnreachableError
from collector.http import read_body
from collector.salesforce import composite
from collector.salesforce.api_errors import build_api_error, build_unreachable_error
from collector.salesforce.responses import JsonObject, require_object
from collector.salesforce.token_request import AccessToken

CALL_HEADERS = {"Sforce-Call-Options": "client=collector"}
"""Marks our calls in the org's own logs."""

_QUERY_HEADERS = {"Sforce-Query-Options": "batchSize=2000"}


class SalesforceConnection:
    """An org's API with one token in one version (`67.0`), over a session of `build_session`.

    Each method asks once and returns the JSON object that came. Raises what
    `build_api_error` makes of a refusal, and UnreachableError for anything that is no answer.
    """

    def __init__(
        self, token: AccessToken, *, org: str, version: str, session: requests.Session
    ) -> None:
        self.token = token
        self.version = version
        self._org = org
        self._api = Salesforce(
            session_id=token.access_token.reveal(),
            instance_url=token.instance_url,
            version=version,
            session=session,
            object_pairs_hook=None,
        )
        # It says https whatever the URL was, and asks for indented JSON.
        self._api.base_url = f"{token.instance_url}/services/data/v{version}/"
        del self._api.headers["X-PrettyPrint"]
        self._api.headers.update(CALL_HEADERS)

    def query(self, soql: str) -> JsonObject:
        """The first page of what a query finds."""
        return self._request_document("query", lambda api: api.query(soql, headers=_QUERY_HEADERS))

    def query_more(self, locator: str) -> JsonObject:
        """The page of a query that a locator stands for."""
        return self._request_document(
            "query", lambda api: api.query_more(locator, headers=_QUERY_HEADERS)
        )

    def query_several(self, soqls: Sequence[str]) -> Sequence[composite.SubrequestResult | None]:
        """What at most five queries brought that were asked with one call, in their order."""
        body = composite.build_request(
            soqls, version=self.version, headers=CALL_HEADERS | _QUERY_HEADERS
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
            return require_object(where, call(self._api))


def fetch_api_versions(http: httpx.Client, instance_url: str, *, org: str) -> object:
    """The document that lists the API versions of an org; needs no login. Raises as above."""
    where = f"{org}: list of API versions"
    with _translate_errors(where):
        with http.stream("GET", f"{instance_url}/services/data/") as answer:
            content = read_body(answer)
        if answer.status_code != 200:
            raise build_api_error(where, answer.status_code, content.decode("utf-8", "replace"))
        return json.loads(content)


@contextmanager
def _translate_errors(where: str) -> Iterator[None]:
    """Raise what the libraries raise as errors of ours.

    Theirs hold URLs, headers and bodies, so they are not even kept as the cause.
    """
    try:
        yield
    except LibraryError as problem:
        raise build_api_error(where, problem.status, problem.content) from None
    except (ValueError, RecursionError):
        raise UnreachableError(f"{where}: the answer is not JSON") from None
    except (httpx.HTTPError, requests.RequestException) as problem:
        raise build_unreachable_error(where, problem) from None
