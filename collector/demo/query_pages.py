"""Query results in pages, by 18-character locators that live until they are expired."""

from __future__ import annotations

import re
import secrets
import string
import threading
from typing import Any

from collector.demo.api_errors import ApiError
from collector.demo.soql_execution import JsonRecord, QueryResult

MAX_BATCH = 2000
MIN_BATCH = 200
_ALPHABET = string.ascii_letters + string.digits
_LOCATOR = re.compile(r"(01g[A-Za-z0-9]{15})-(\d{1,9})")
_BATCH_SIZE = re.compile(r"\bbatchSize\s*=\s*(\d{1,6})\b", re.IGNORECASE)


def parse_batch_size(header: str | None) -> int:
    """The page size that a Sforce-Query-Options header asks for, within what Salesforce allows."""
    match = _BATCH_SIZE.search(header or "")
    return MAX_BATCH if match is None else max(MIN_BATCH, min(MAX_BATCH, int(match[1])))


class QueryPager:
    """Results that are being read page by page."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open_results: dict[str, tuple[QueryResult, int]] = {}

    def open_first_page(self, result: QueryResult, size: int, version: str) -> JsonRecord:
        """The first page of a result, as the query resource answers."""
        if len(result.records) <= size:
            return {"totalSize": result.total, "done": True, "records": result.records}
        locator = "01g" + "".join(secrets.choice(_ALPHABET) for _ in range(15))
        with self._lock:
            self._open_results[locator] = (result, size)
        return _render_page(locator, 0, result, size, version)

    def read_next_page(self, position: str, version: str) -> JsonRecord:
        """The page at `locator-offset`. Raises ApiError (INVALID_QUERY_LOCATOR)."""
        match = _LOCATOR.fullmatch(position)
        with self._lock:
            open_result = self._open_results.get(match[1]) if match else None
        if match is None or open_result is None or int(match[2]) >= len(open_result[0].records):
            raise ApiError("INVALID_QUERY_LOCATOR", "invalid query locator")
        return _render_page(match[1], int(match[2]), *open_result, version)

    def expire_locators(self) -> None:
        """End every locator."""
        with self._lock:
            self._open_results.clear()


def _render_page(
    locator: str, start: int, result: QueryResult, size: int, version: str
) -> dict[str, Any]:
    end = start + size
    page: JsonRecord = {"totalSize": result.total, "done": end >= len(result.records)}
    if not page["done"]:
        page["nextRecordsUrl"] = f"/services/data/v{version}/query/{locator}-{end}"
    return {**page, "records": result.records[start:end]}
