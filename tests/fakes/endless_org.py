"""An org that answers queries about one object with page after page, for ever."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

from collector.salesforce.soql import render_literal
from fakes.salesforce import (
    CLIENT_ID,
    CLIENT_SECRET,
    FakeSalesforce,
    HttpReply,
    HttpRequest,
    build_json_reply,
)

_WINDOW_PATTERN = re.compile(r"> (\S+Z) AND \w+ <= (\S+Z)")
_LOCATOR = "01gRM000004dkEYAQ"


class EndlessOrg(FakeSalesforce):
    """An org with ApiEvent alone.

    Attributes:
        rows: the events that there really are, by their times.
        is_endless: whether every answer is followed by pages of events that nobody has made.
    """

    def __init__(self) -> None:
        super().__init__()
        self.rows: dict[datetime, dict[str, Any]] = {}
        self.is_endless = True
        fields = [("EventIdentifier", "string"), ("EventDate", "datetime")]
        self.objects = {
            "ApiEvent": [
                {"name": name, "type": kind, "filterable": name == "EventDate"}
                for name, kind in fields
            ]
        }
        self.application = SimpleNamespace(client_id=CLIENT_ID, client_secret=CLIENT_SECRET)

    @property
    def base_url(self) -> str:
        return self.url

    @property
    def page_count(self) -> int:
        """How many pages were asked for, first ones included."""
        return sum("/query" in request.path for request in self.request_log)

    def list_windows(self) -> list[timedelta]:
        """The widths of the windows that were asked for, in order."""
        asked = [
            tuple(map(datetime.fromisoformat, _WINDOW_PATTERN.search(request.soql).groups()))
            for request in self.request_log
            if "/query/?q=" in request.path
        ]
        return [end - start for start, end in asked]

    def _build_page(self, path: str, request: HttpRequest) -> HttpReply:
        if _LOCATOR in path:
            number = int(urlsplit(path).path.rpartition("-")[2])
            rows = [{"EventIdentifier": f"made-{number}", "EventDate": None}]
        else:
            number = 0
            start, end = map(datetime.fromisoformat, _WINDOW_PATTERN.search(request.soql).groups())
            rows = [row for time, row in self.rows.items() if start < time <= end]
        version = path.split("/")[3]
        page = {"totalSize": -1, "done": not self.is_endless, "records": rows or [{}]}
        if not self.is_endless:
            page["records"] = rows
        else:
            page["nextRecordsUrl"] = f"/services/data/{version}/query/{_LOCATOR}-{number + 1}"
        return build_json_reply(page)

    def add_event(self, number: int, time: datetime) -> None:
        """Add an event that is really there."""
        self.rows[time] = {
            "EventIdentifier": f"api-{number}",
            "EventDate": render_literal(time),
        }
