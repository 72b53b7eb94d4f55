"""Rules judge an event by what the directory knew at its time, whenever that comes to light."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from collector.channels.email.message import compose_mail, render_html
from collector.channels.slack.message import build_payload
from collector.detect.loader import load_rule_set
from collector.model import AlertStatus, DirectoryPage, EntryReading, Message, Severity
from collector.model.event_columns import CANONICAL_COLUMNS
from collector.rules.rule_files import EVENT_SCHEMA
from collector.store.settled_directory import list_unsettled_orgs
from fakes.directories import build_user, store_version
from fakes.model_samples import build_batch
from fakes.pipeline_bench import build_bulk_row, build_login_row, open_pipeline_bench

ADA, GRACE = "005000000000001AAA", "005000000000002AAA"
TEN = datetime(2026, 3, 1, 10, tzinfo=UTC)

ADMIN_RULE = """
title: An admin takes records
id: 00000000-0000-4000-8000-000000000101
name: admin-export
level: medium
logsource: {product: salesforce, service: BulkApi2}
detection: {s: {user.is_admin: true}, condition: s}
collector:
  title: "Export by {user.display|user_name|user_id}"
  severity: [{field: user.profile, eq: System Administrator, level: high}]
  dedup: {key: [user_id], window: 1m}
"""

NAMED_RULE = """
title: Somebody else takes records
id: 00000000-0000-4000-8000-000000000102
name: export
level: low
logsource: {product: salesforce, service: BulkApi2}
detection: {s: {record_count|gte: 1}, etl: {user_name: etl@acme.com}, condition: s and not etl}
collector:
  title: "{user.display|user_id} took {record_count}"
"""


@pytest.fixture
def open_bench(tmp_path):
    def open_with(*rules):
        path = tmp_path / "rules.yml"
        path.write_text("---".join(rules), encoding="utf-8")
        return open_pipeline_bench(tmp_path, rules=load_rule_set([path], schema=EVENT_SCHEMA))

    return open_with


def take(bench, moment, user=ADA, records=50, **changes):
    row = build_bulk_row(
        "750000000000001AAA",
        records,
        TIMESTAMP_DERIVED=f"{moment:%Y-%m-%dT%H:%M:%S}.000Z",
        USER_ID=user,
        **changes,
    )
    key = f"{moment:%H%M%S}-{user}"
    batch = bench.write_batch("BulkApi2", [row], key=key, record_prefix=key)
    return bench.pipeline.ingest(batch).notified_alerts


def told(bench):
    return [
        (alert.rule, alert.title, alert.severity, alert.first_time)
        for alert in sorted(bench.list_alerts(), key=lambda alert: alert.first_time)
        if alert.status == AlertStatus.OPEN
    ]


@pytest.mark.parametrize("is_known_first", [True, False])
def test_an_event_is_judged_by_the_version_of_its_time(open_bench, is_known_first):
    """One minute before she became an admin nothing is told, one minute after it is."""
    with open_bench(ADMIN_RULE) as bench:

        def learn():
            store_version(bench.database, ADA, TEN - timedelta(days=9), build_user(is_admin=False))
            values = build_user(is_admin=True, profile="System Administrator")
            store_version(bench.database, ADA, TEN, values)
            bench.pipeline.settle_directory()

        if is_known_first:
            learn()
        take(bench, TEN - timedelta(minutes=1))
        take(bench, TEN + timedelta(minutes=1))
        if not is_known_first:
            assert told(bench) == []
            learn()

        assert told(bench) == [
            (
                "admin-export",
                "Export by Ada Lovelace (ada@acme.com)",
                Severity.HIGH,
                TEN + timedelta(minutes=1),
            )
        ]


AUDIT_RULE = """
title: A password is set
id: 00000000-0000-4000-8000-000000000103
name: password
level: low
logsource: {product: salesforce, service: SetupAuditTrail}
detection: {s: {operation: resetpassword}, condition: s}
collector: {title: "of {target_user_id|nobody that is known}", dedup: {key: [event_uid]}}
"""


def test_whom_an_audit_row_names_in_full_is_found_where_one_user_alone_is_called_so(open_bench):
    def list_titles():
        bench.pipeline.settle_directory()
        return [title for _, title, *_ in told(bench)]

    with open_bench(AUDIT_RULE) as bench:
        row = {"Id": "0Ym000000000001AAA", "Action": "resetpassword", "CreatedById": GRACE}
        row |= {"CreatedDate": f"{TEN:%Y-%m-%dT%H:%M:%S}.000+0000"}
        row |= {"Display": "Reset password for user Bob ROE"}
        bench.pipeline.ingest(bench.write_batch("SetupAuditTrail", [row], key="a" * 32))
        assert ["of nobody that is known"] == list_titles()

        store_version(bench.database, ADA, TEN, build_user("Bob Roe", "bob@acme.com"))
        assert [f"of {ADA}"] == list_titles()
        bob = "005000000000003AAA"
        store_version(bench.database, bob, TEN, build_user("Bob Roe", "robert@acme.com"))
        assert ["of nobody that is known"] == list_titles()
        later = build_user("Robert Roe", "robert@acme.com")
        store_version(bench.database, bob, TEN - timedelta(hours=1), later)
        store_version(bench.database, GRACE, TEN, build_user("Grace", "bob roe"))
        assert [f"of {GRACE}"] == list_titles()


def read_directory(bench, *user_ids):
    """A page of the directory as its source stores it, with these users."""
    readings = tuple(
        EntryReading(kind="user", id=each, values=build_user(), changed=TEN) for each in user_ids
    )
    page = DirectoryPage(read=TEN, readings=readings)
    bench.pipeline.ingest(build_batch(key=f"{len(user_ids):032}", cursor=None, directory=page))


@pytest.mark.slow
def test_the_first_message_has_the_names_that_the_directory_had_before(open_bench):
    with open_bench(NAMED_RULE) as bench:
        take(bench, TEN, GRACE)
        read_directory(bench, ADA)
        notified = take(bench, TEN + timedelta(minutes=1), ADA)

        assert ["Ada Lovelace (ada@acme.com) took 50"] == [each.title for each in notified]
        read_directory(bench, GRACE, *(f"0050000000{number:05}AAA" for number in range(3, 510)))
        with bench.database.read() as connection:
            assert ["acme"] == list_unsettled_orgs(connection)


@pytest.mark.slow
def test_what_is_not_settled_is_not_seen_and_what_it_makes_untrue_is_withdrawn(open_bench):
    with open_bench(ADMIN_RULE) as bench:
        store_version(bench.database, ADA, TEN, build_user(is_admin=True))
        bench.pipeline.settle_directory()
        take(bench, TEN + timedelta(minutes=1))
        assert [rule for rule, *_ in told(bench)] == ["admin-export"]

        store_version(bench.database, ADA, TEN + timedelta(seconds=30), build_user(is_admin=False))
        take(bench, TEN + timedelta(minutes=5))
        assert len(told(bench)) == 2
        bench.pipeline.settle_directory()

        assert told(bench) == []
        assert {alert.reason for alert in bench.list_alerts()} == {
            "What the directory says of a user, app, report or object of that time has changed."
        }


def test_names_that_come_late_are_in_titles_entities_and_exceptions(open_bench):
    with open_bench(NAMED_RULE) as bench:
        take(bench, TEN, ADA)
        take(bench, TEN, GRACE)
        assert {title for _, title, *_ in told(bench)} == {f"{ADA} took 50", f"{GRACE} took 50"}

        store_version(bench.database, ADA, TEN + timedelta(days=1), build_user())
        store_version(bench.database, GRACE, TEN, build_user("Nightly load", "etl@acme.com"))
        bench.pipeline.settle_directory()

        assert [title for _, title, *_ in told(bench)] == ["Ada Lovelace (ada@acme.com) took 50"]
        (alert,) = [each for each in bench.list_alerts() if each.status == AlertStatus.OPEN]
        assert alert.entities["user_name"] == "ada@acme.com"
        assert alert.evidence[0]["user_name"] == "ada@acme.com"


@pytest.mark.slow
def test_a_batch_that_was_matched_before_a_settlement_is_matched_again(open_bench, monkeypatch):
    """What is matched beside the turn is not committed by a directory that is gone meanwhile."""
    with open_bench(ADMIN_RULE) as bench:
        store_version(bench.database, GRACE, TEN, build_user(is_admin=True))
        bench.pipeline.settle_directory()
        context = bench.pipeline._context
        batch = bench.write_batch(
            "BulkApi2", [build_bulk_row("750000000000001AAA", 5, USER_ID=ADA)], key="late"
        )
        inner = context.state_turns.take_turn
        pending = [True]

        def settle_first(lane):
            if pending:
                pending.clear()
                store_version(bench.database, ADA, TEN, build_user(is_admin=True))
                bench.pipeline.settle_directory()
            return inner(lane)

        monkeypatch.setattr(context.state_turns, "take_turn", settle_first)
        bench.pipeline.ingest(batch)

        assert [title for _, title, *_ in told(bench)] == ["Export by Ada Lovelace (ada@acme.com)"]


@pytest.mark.slow
def test_a_polled_login_by_id_alone_gets_its_name_and_hostile_text_stays_text(open_bench):
    rule = NAMED_RULE.replace("BulkApi2", "Login").replace(
        "record_count|gte: 1", "outcome: success"
    )
    hostile = "*<!channel> {user_id} \u202egnp.exe\x1b[31m"
    with open_bench(rule.replace("{record_count}", "a seat")) as bench:
        row = build_login_row(USER_ID=ADA)
        del row["USER_NAME"]
        bench.pipeline.ingest(bench.write_batch("Login", [row], key="login"))
        store_version(bench.database, ADA, TEN, build_user(hostile, "ada@acme.com"))
        bench.pipeline.settle_directory()

        ((_, title, *_),) = told(bench)
        assert title == "*<!channel> {user_id} gnp.exe[31m (ada@acme.com) took a seat"


@pytest.mark.slow
def test_hostile_names_do_nothing_in_messages(open_bench):
    """What a user is called is text in Slack and in a mail, and no mention, link or header."""
    name = "<!channel> *<https://evil.example|Ada>* {user_id}\r\nBcc: all@acme.com \u202emoc"
    with open_bench(NAMED_RULE) as bench:
        store_version(bench.database, ADA, TEN, build_user(name))
        bench.pipeline.settle_directory()
        take(bench, TEN)
        (alert,) = bench.list_alerts()

    message = Message(key="k", alert=alert, is_update=False, attempt=1)
    payload = build_payload(message)
    slack = json.dumps(payload, ensure_ascii=False)
    # Blocks of plain and rich text are not read for mentions and links; the summary is.
    assert ("{user_id}" in alert.title, '"type": "mrkdwn"' in slack) == (True, False)
    assert "<" not in payload["text"]

    mail = compose_mail(message, sender="c@acme.com", recipients=("soc@acme.com",), date=TEN)
    assert mail["Bcc"] is None
    assert "\n" not in mail["Subject"]
    assert "\u202e" not in slack + mail["Subject"] + render_html(message)


@pytest.mark.skipif("target_user_id" not in CANONICAL_COLUMNS, reason="one column has both yet")
def test_whom_it_was_done_to_is_found_by_name_or_by_id(open_bench):
    """A row of the audit trail names a user; id, name and profile come from the directory."""
    rule = ADMIN_RULE.replace("BulkApi2", "SetupAuditTrail").replace("user.", "target_user.")
    rule = rule.replace("[user_id]", "[target_user_id]").replace("|user_name", "")
    with open_bench(rule) as bench:
        row = {
            "Id": "0Ym000000000001AAA",
            "Action": "resetpassword",
            "Section": "Manage Users",
            "Display": "Reset password for user grace@acme.com",
            "CreatedById": ADA,
            "CreatedDate": "2026-03-01T12:00:00.000+0000",
        }
        bench.pipeline.ingest(bench.write_batch("SetupAuditTrail", [row], key="audit"))
        assert bench.list_alerts() == []

        known = build_user("Grace Hopper", "Grace@acme.com", is_admin=True)
        store_version(bench.database, GRACE, TEN, known)
        bench.pipeline.settle_directory()

        (alert,) = bench.list_alerts()
        assert (alert.title, alert.key) == ("Export by Grace Hopper (Grace@acme.com)", (GRACE,))


JOINED_RULE = """
title: Login as somebody
id: 7f3a4d0e-3f58-4f38-a4d7-1d0d5a6d8a01
name: came-as
level: low
logsource: {product: salesforce, service: LoginAsEvent}
detection: {s: {user_name|exists: true}, condition: s}
---
title: Export
id: 7f3a4d0e-3f58-4f38-a4d7-1d0d5a6d8a02
name: took
level: low
logsource: {product: salesforce, service: BulkApi2}
detection: {s: {record_count|gte: 1}, condition: s}
---
title: Export after a login as somebody
id: 7f3a4d0e-3f58-4f38-a4d7-1d0d5a6d8a03
name: came-and-took
level: high
correlation: {type: temporal_ordered, rules: [came-as, took], group-by: [GROUP], timespan: 1h}
collector: {title: "by {user_id} ({user.display})"}
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("group", "name", "key"),
    [("user_id", "Ada@acme.com", ADA), ("user_name", "ada@acme.com", "ada@acme.com")],
)
@pytest.mark.parametrize("is_directory_first", [True, False])
def test_a_name_and_an_id_meet_in_a_correlation(open_bench, group, name, key, is_directory_first):
    """LoginAsEvent says who came by the name alone, the file of exports by the id alone."""
    came = {
        "attributes": {"type": "LoginAsEvent"},
        "EventIdentifier": "e1",
        "EventDate": (TEN - timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "UserId": GRACE,
        "Username": "grace@acme.com",
        "DelegatedUsername": name,
    }
    took = build_bulk_row("750000000000001AAA", 5, USER_ID=ADA)
    took["TIMESTAMP_DERIVED"] = TEN.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    with open_bench(JOINED_RULE.replace("GROUP", group)) as bench:

        def learn():
            store_version(bench.database, ADA, TEN - timedelta(days=1), build_user())
            bench.pipeline.settle_directory()

        if is_directory_first:
            learn()
        bench.pipeline.ingest(bench.write_batch("LoginAsEvent", [came], key="came"))
        bench.pipeline.ingest(bench.write_batch("BulkApi2", [took], key="took"))
        if not is_directory_first:
            assert bench.list_alerts() == []
            learn()

        (alert,) = bench.list_alerts()
        assert (alert.key, alert.title) == ((key,), f"by {ADA} (Ada Lovelace (ada@acme.com))")
