"""The table of what is compared with what was there before: a new source is a row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from collector.demo import BulkJob, Store
from fakes.bench import DAY, HOUR, MINUTE
from fakes.world import START


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """A source that tells of changes: the org before, what becomes of it, and what is told.

    `told` counts the events after the change, by type and the value of `column`.
    """

    source: str
    begin: Callable[[Store], None]
    change: Callable[[Store], None]
    column: str
    told: Mapping[tuple[str, str], int]

    @property
    def sources(self) -> Mapping[str, object]:
        return {self.source: {}}

    def __str__(self) -> str:
        return self.source


def job(number: int, **changes) -> BulkJob:
    return BulkJob(
        **{
            "id": f"750{number:012}AAA",
            "kind": "V2Query",
            "operation": "query",
            "object": "Contact",
            "created_by": "005000000000001AAA",
            "created": START - HOUR,
            "finished": START - HOUR + MINUTE,
            "records": 100,
            **changes,
        }
    )


def token(number: int) -> Mapping[str, object]:
    return {
        "AppName": f"App {number}",
        "UserId": "005000000000001AAA",
        "CreatedDate": START - DAY,
        "DeleteToken": f"delete-{number}",
    }


def add_jobs(store: Store) -> None:
    ingest = {"kind": "V2Ingest", "operation": "insert"}
    store.add_jobs([job(1), job(2), job(3, **ingest)])


def change_jobs(store: Store) -> None:
    store.add_jobs([job(1, deleted=START), job(4)])


def add_tokens(store: Store) -> None:
    store.add("OauthToken", token(1), token(2))


def change_tokens(store: Store) -> None:
    store.remove("OauthToken", lambda row: row["AppName"] == "App 1")
    store.add("OauthToken", token(3))


INVENTORIES = [
    Inventory(
        source="bulk_jobs",
        begin=add_jobs,
        change=change_jobs,
        column="job_id",
        told={
            **{("BulkJobInfo", job(number).id): 1 for number in (1, 2, 3, 4)},
            ("BulkJobRemoved", job(1).id): 1,
        },
    ),
    Inventory(
        source="oauth_tokens",
        begin=add_tokens,
        change=change_tokens,
        column="app_name",
        told={("OauthTokenGranted", "App 3"): 1, ("OauthTokenRemoved", "App 1"): 1},
    ),
]

LOOKS = [
    *INVENTORIES,
    Inventory(
        source="org_limits",
        begin=lambda _: None,
        change=lambda _: None,
        column="detail",
        told={},
    ),
]
