"""Queries of one org: alone, or several with one API call, page by page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from collector.errors import (
    AnswerTooLongError,
    EndlessAnswerError,
    LimitExceededError,
    LoginRefusedError,
    SalesforceError,
    SessionExpiredError,
    TurnOverError,
    UnreachableError,
)
from collector.logs import log
from collector.salesforce import composite
from collector.salesforce.endless_answers import EndlessAnswers, find_object
from collector.salesforce.json_documents import QueryPage
from collector.salesforce.org_session import OrgSession
from collector.salesforce.record_pages import Page, RecordPage, read_pages


class QueryReader:
    """Reads what queries find. Several threads may ask at a time."""

    def __init__(self, org: str, session: OrgSession, endless_answers: EndlessAnswers) -> None:
        self._org = org
        self._where = f"{org}: query"
        self._session = session
        self._composite_gate = composite.CompositeGate()
        self._endless_answers = endless_answers

    @property
    def queries_per_call(self) -> int:
        """How many queries are asked with one API call now; 1 while the org refuses Composite."""
        return composite.MAX_QUERIES if self._composite_gate.is_open() else 1

    def query(self, soql: str) -> Iterator[RecordPage]:
        """The records that a query finds, page by page, each page asked for when it is wanted.

        Raises QueryTooWideError where the org gave up on the query, or its answer is too large, and
        UnreachableError while its object is left alone, as its answers have no end.
        """
        return self._read_pages(soql, None)

    def query_several(self, soqls: Sequence[str]) -> list[Iterator[RecordPage]]:
        """The records that each of at most five queries finds, as `query` gives them.

        They are asked with one API call, through the Composite resource, and singly where the org
        refuses that. What is wrong with one query is raised when its pages are wanted.
        """
        results: Sequence[composite.SubrequestResult | None] = [None] * len(soqls)
        if len(soqls) > 1 and self._composite_gate.is_open():
            results = self._ask_together(soqls)
        return [
            self._read_result(soql, result) for soql, result in zip(soqls, results, strict=True)
        ]

    def _ask_together(self, soqls: Sequence[str]) -> Sequence[composite.SubrequestResult | None]:
        """What the queries brought; nothing where the org does not answer them together."""
        try:
            return self._session.call(lambda connection: connection.query_several(soqls), tries=1)
        except (LoginRefusedError, SessionExpiredError, LimitExceededError):
            raise
        except AnswerTooLongError as error:
            # One of them is; whoever makes it so must not make us ask singly from now on.
            self._log_refusal(error, 0.0)
        except UnreachableError as error:
            self._log_refusal(error, self._composite_gate.record_no_answer())
        except SalesforceError as error:
            # Refused, or one query holds up the others: asked alone each has its own say.
            self._log_refusal(error, self._composite_gate.record_refusal())
        return [None] * len(soqls)

    def _read_result(
        self, soql: str, result: composite.SubrequestResult | None
    ) -> Iterator[RecordPage]:
        yield from self._read_pages(soql, composite.extract_first_page(self._where, result))

    def _read_pages(self, soql: str, first_page: Page | None) -> Iterator[RecordPage]:
        def fetch_page(locator: str, page_size: int) -> QueryPage:
            if locator:
                return self._session.call(
                    lambda connection: connection.query_more(locator, page_size=page_size)
                )
            return self._session.call(
                lambda connection: connection.query(soql, page_size=page_size)
            )

        name = find_object(soql)
        self._endless_answers.check_object(name)
        try:
            yield from read_pages(self._where, fetch_page, first_page=first_page)
        except (EndlessAnswerError, TurnOverError):
            self._endless_answers.record_endless(name)
            raise
        self._endless_answers.record_end(name)

    def _log_refusal(self, error: SalesforceError, seconds: float) -> None:
        log.info("composite_refused", org=self._org, reason=str(error), seconds=seconds)
