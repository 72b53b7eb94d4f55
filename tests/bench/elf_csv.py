"""Makes an event log file like those of RestApi: 40 columns, quoted, with hostile corners."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

COLUMNS = """
EVENT_TYPE TIMESTAMP REQUEST_ID ORGANIZATION_ID USER_ID RUN_TIME CPU_TIME URI SESSION_KEY
LOGIN_KEY USER_TYPE REQUEST_STATUS DB_TOTAL_TIME API_TYPE API_VERSION USER_AGENT CLIENT_IP
METHOD MEDIA_TYPE STATUS_CODE ROWS_PROCESSED NUMBER_FIELDS REQUEST_SIZE RESPONSE_SIZE DB_BLOCKS
DB_CPU_TIME ENTITY_NAME CONNECTED_APP_ID CONNECTED_APP_NAME CLIENT_NAME API_FAMILY API_RESOURCE
COUNTS_AGAINST_API_LIMIT EXCEPTION_MESSAGE QUERY USER_NAME TIMESTAMP_DERIVED USER_ID_DERIVED
URI_ID_DERIVED SESSION_LEVEL
""".split()  # noqa: SIM905 - forty names read best as a text
ENTITIES = ("Account", "Contact", "Opportunity", "Case", "Lead", "Task", "Order__c", "Invoice__c")
AGENTS = ("9999", "9998", "5238", "10121", "8204")
NESTED_QUERY = (
    'SELECT Id, ""Email"",\n  (SELECT Id FROM Contacts)\nFROM {entity}\nWHERE Name LIKE \'%,a%\''
)
ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789"
DAY_START = datetime(2026, 11, 10, tzinfo=UTC)
SUSPICIOUS_CLIENT = "Salesforce-CLI/1.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class RowTemplates:
    """The long texts of a row, four of each, filled with its `entity`, time `at` and `number`."""

    queries: tuple[str, ...]
    uris: tuple[str, ...]


USUAL_TEMPLATES = RowTemplates(
    queries=(
        "",
        "",
        "SELECT Id, Name FROM {entity} WHERE LastModifiedDate > 2026-11-01T00:00:00Z LIMIT 2000",
        NESTED_QUERY,
    ),
    uris=("/services/data/v66.0/query",) * 4,
)
"""Integrations that ask the same all day."""

VARIED_TEMPLATES = RowTemplates(
    queries=(
        "",
        "",
        "SELECT Id, Name FROM {entity} WHERE LastModifiedDate > {at} LIMIT 2000",
        NESTED_QUERY + " AND OwnerId = '005{number:012}'",
    ),
    uris=(
        "/services/data/v66.0/sobjects/{entity}/001{number:012}",
        "/services/data/v66.0/sobjects/{entity}/003{number:012}/Contacts",
        *("/services/data/v66.0/query",) * 2,
    ),
)
"""No two queries or records alike."""


def write_log_file(
    path: Path,
    rows: int,
    *,
    hits: int = 20,
    seed: int = 7,
    templates: RowTemplates = USUAL_TEMPLATES,
    start: datetime = DAY_START,
    span: timedelta = timedelta(days=1),
) -> int:
    """Write `rows` events of a span, `hits` of them by a client that a rule knows. Its bytes."""
    rng = random.Random(seed)
    people = [_build_person(rng, number) for number in range(4_000)]
    suspicious = set(rng.sample(range(rows), hits))
    with path.open("w", encoding="utf-8", newline="", buffering=1 << 20) as file:
        file.write(",".join(f'"{column}"' for column in COLUMNS) + "\n")
        for number in range(rows):
            at = start + span * number / rows
            client = SUSPICIOUS_CLIENT if number in suspicious else ""
            person = people[int(rng.random() ** 2 * 4_000)]
            file.write(_render_row(rng, person, number, at, client=client, templates=templates))
    return path.stat().st_size


def _build_person(rng: random.Random, number: int) -> tuple[str, str, str, str, str, str, str]:
    user = "005" + "".join(rng.choices(ALPHABET, k=12))
    address = f"{rng.choice((13, 34, 52, 84, 101))}.{rng.randrange(256)}.{rng.randrange(256)}.7"
    if number % 50 == 0:
        address = f"2001:db8:{rng.randrange(65536):x}::{rng.randrange(65536):x}"
    if number % 33 == 0:
        address = "Salesforce.com IP"
    session, login = ("".join(rng.choices(ALPHABET, k=16)) for _ in range(2))
    app = rng.choice((("", ""), ("0H45f0000000001", "Data Loader"), ("0H45f0000000002", "Sync")))
    return user, f"user{number}@example.com", address, session, login, *app


def _render_row(
    rng: random.Random,
    person: tuple[str, str, str, str, str, str, str],
    number: int,
    at: datetime,
    *,
    client: str,
    templates: RowTemplates,
) -> str:
    user, name, address, session, login, app_id, app = person
    chance = rng.random()
    entity = ENTITIES[number % 8]
    status = "200" if chance < 0.97 else "404"
    kind, run = int(chance * 4), int(chance * 3_000)
    stamp = at.strftime("%Y%m%d%H%M%S.") + f"{at.microsecond // 1000:03d}"
    derived = at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"
    query = templates.queries[kind].format(entity=entity, at=derived, number=number)
    uri = templates.uris[kind].format(entity=entity, number=number)
    cells = (
        *("RestApi", stamp, f"4x{number:020x}", "00D5f000005uVo7", user, run, run // 3),
        *(uri, session, login, "Standard"),
        *("S" if status == "200" else "F", run * 1000, "", "66.0", AGENTS[number % 5], address),
        *("GET", "application/json", status, int(chance * 2_000), number % 40, number % 3_000),
        *(run * 7, number % 200, number % 900, entity, app_id, app, client, "REST"),
        *("/v66.0/query", "true", "", query, name, derived, f"{user}AAA", "", "STANDARD"),
    )
    return '"' + '","'.join(map(str, cells)) + '"\n'
