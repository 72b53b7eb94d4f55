"""The table of what is compared with what was there before: a new source is a row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from collector.demo import BulkJob, OrgStore
from fakes.org_simulation import START
from fakes.polling_bench import DAY, HOUR, MINUTE


@dataclass(frozen=True, slots=True, kw_only=True)
class InventoryCase:
    """A source that tells of changes: the org before, what becomes of it, and what is told.

    `told` counts the events after the change, by type and the value of `column`.
    """

    source: str
    add_initial: Callable[[OrgStore], None]
    apply_change: Callable[[OrgStore], None]
    column: str
    expected_events: Mapping[tuple[str, str], int]

    @property
    def sources(self) -> Mapping[str, object]:
        return {self.source: {}}

    def __str__(self) -> str:
        return self.source


def build_job(number: int, **changes) -> BulkJob:
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


def build_token(number: int) -> Mapping[str, object]:
    return {
        "AppName": f"App {number}",
        "UserId": "005000000000001AAA",
        "CreatedDate": START - DAY,
        "DeleteToken": f"delete-{number}",
    }


def add_jobs(store: OrgStore) -> None:
    ingest = {"kind": "V2Ingest", "operation": "insert"}
    store.add_jobs([build_job(1), build_job(2), build_job(3, **ingest)])


def change_jobs(store: OrgStore) -> None:
    store.add_jobs([build_job(1, deleted=START), build_job(4)])


def add_tokens(store: OrgStore) -> None:
    store.add_rows("OauthToken", build_token(1), build_token(2))


def change_tokens(store: OrgStore) -> None:
    store.remove_rows("OauthToken", lambda row: row["AppName"] == "App 1")
    store.add_rows("OauthToken", build_token(3))


INVENTORY_CASES = [
    InventoryCase(
        source="bulk_jobs",
        add_initial=add_jobs,
        apply_change=change_jobs,
        column="job_id",
        expected_events={
            **{("BulkJobInfo", build_job(number).id): 1 for number in (1, 2, 3, 4)},
            ("BulkJobRemoved", build_job(1).id): 1,
        },
    ),
    InventoryCase(
        source="oauth_tokens",
        add_initial=add_tokens,
        apply_change=change_tokens,
        column="app_name",
        expected_events={("OauthTokenGranted", "App 3"): 1, ("OauthTokenRemoved", "App 1"): 1},
    ),
]

SNAPSHOT_CASES = [
    *INVENTORY_CASES,
    InventoryCase(
        source="org_limits",
        add_initial=lambda _: None,
        apply_change=lambda _: None,
        column="detail",
        expected_events={},
    ),
]
