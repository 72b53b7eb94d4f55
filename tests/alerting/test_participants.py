"""An alert that another user, address or app joins is told again, and says who."""

from collector.channels.message_card import build_card
from collector.model import Message, Severity
from collector.store import alerts
from fakes.episode_bench import EpisodeBench
from fakes.model_samples import build_match
from fakes.pipeline_bench import open_pipeline_bench

ADA = {"user_id": "005000000000001AAA", "user_name": "ada@acme.com", "source_ip": "203.0.113.7"}
EVE = {"user_id": "005000000000666AAA", "user_name": "eve@acme.com", "source_ip": "203.0.113.7"}


def describe(alert):
    """The card of an update, as words by label."""
    card = build_card(Message(key="k", alert=alert, is_update=True, attempt=1))
    return {"": card.headline, **{fact.label: fact.value for fact in card.facts}}


def join_each(episodes, *all_entities):
    """How often the alert was told by then, as one after the other joins it."""
    revisions = []
    for number, entities in enumerate(all_entities):
        episodes.ingest_matches(build_match(f"e{number}", number, entities=entities))
        (alert,) = episodes.list_alerts()
        revisions.append(alert.revision)
    return revisions


def test_another_user_is_told_by_name_the_same_one_is_not(episodes):
    assert [1, 1, 2, 2] == join_each(episodes, ADA, ADA, EVE, ADA)

    (alert,) = episodes.list_alerts()
    words = describe(alert)
    assert "ada@acme.com (005000000000001AAA), and 1 other: eve@acme.com" == words["Who"]
    assert "Update: now medium, 4 events, 2 users" == words[""]


def test_so_is_another_address_and_another_app(episodes):
    app = {**ADA, "app_name": "Data Loader"}
    revisions = join_each(
        episodes,
        app,
        {**app, "source_ip": "198.51.100.9"},
        {**app, "app_name": "Drift"},
        {**app, "source_ip": "198.51.100.9", "app_name": "Drift"},
    )

    assert [1, 2, 3, 3] == revisions
    (alert,) = episodes.list_alerts()
    assert "203.0.113.7, and 1 other: 198.51.100.9" == describe(alert)["From where"]
    assert "Data Loader, and 1 other: Drift" == describe(alert)["App"]


def test_an_event_that_says_more_or_less_of_the_same_user_is_no_other_one(episodes):
    by_id, by_name = {"user_id": ADA["user_id"]}, {"user_name": ADA["user_name"]}

    assert [1, 1, 1, 1, 2] == join_each(episodes, by_id, ADA, by_name, {}, {"user_name": "eve"})


def test_those_who_come_with_the_first_match_are_told_with_it(episodes):
    (told,) = episodes.ingest_matches(
        build_match("e1", entities=ADA), build_match("e2", 1, entities=EVE)
    )

    assert 1 == told.revision
    assert "eve@acme.com" in describe(told)["Who"]


def test_a_crowd_is_told_by_its_first_five_and_whenever_it_has_doubled(episodes):
    users = [{"user_name": f"user{number:03}@acme.com"} for number in range(100)]
    revisions = join_each(episodes, *users)

    told_at = [n + 1 for n in range(1, 100) if revisions[n] > revisions[n - 1]]
    assert [2, 3, 4, 5, 10, 20, 40] == told_at
    (alert,) = episodes.list_alerts()
    assert "at least 50 users" in describe(alert)[""]
    assert "at least 49 others: user001@acme.com" in describe(alert)["Who"]


def test_alerts_that_merge_bring_no_other_user_who_was_not_told(episodes):
    episodes.ingest_matches(build_match("e1", 0, entities=ADA))
    episodes.ingest_matches(build_match("e3", 100, entities=EVE))
    told = episodes.ingest_matches(build_match("e2", 50, entities=ADA))

    assert [] == told
    (alert,) = episodes.list_open_alerts()
    assert "eve@acme.com" in describe(alert)["Who"]


def test_who_takes_part_is_the_same_in_any_order(database):
    found = []
    matches = [build_match(f"e{n}", n, entities=[ADA, EVE, {}][n % 3]) for n in range(6)]
    for name, order in (("acme", matches), ("emea", matches[::-1])):
        bench = EpisodeBench(database, org=name)
        for match in order:
            bench.ingest_matches(build_match(**_copy_fields(match), org=name))
        (alert,) = bench.list_alerts()
        found.append(alert.fold_state.participant_origins)

    assert found[0] == found[1]
    assert {"user_id", "user_name", "source_ip"} == found[0].keys()


def _copy_fields(match):
    return {"uid": match.event_uid, "time": match.time, "entities": match.entities}


def test_of_an_alert_of_before_those_are_known_that_it_shows(database, episodes):
    first = build_match("e1", entities=ADA, event={"event_uid": "e1", **ADA})
    episodes.ingest_matches(first)
    with database.begin() as connection:
        connection.exec_driver_sql("UPDATE alerts SET basis = json_remove(basis, '$.participants')")
    (alert,) = episodes.list_alerts()
    assert alert.fold_state.participant_origins is None

    assert [] == episodes.ingest_matches(build_match("e2", 5, entities=ADA))
    (told,) = episodes.ingest_matches(build_match("e3", 6, entities=EVE))
    assert "eve@acme.com" in describe(told)["Who"]


def test_the_second_installer_of_a_package_is_told(tmp_path):
    """The shipped rule makes one alert of a package, whoever installs it."""
    row = {
        "EVENT_TYPE": "PackageInstall",
        "IS_SUCCESSFUL": "1",
        "IS_MANAGED": "0",
        "IS_PUSH": "0",
        "OPERATION_TYPE": "INSTALL",
        "PACKAGE_NAME": "Shadow Exporter",
    }
    with open_pipeline_bench(tmp_path, channels=("chat",)) as bench:
        for number, user in enumerate(("0055f00000Hyy1QAAQ", "0055f00000Hyy2QAAQ"), start=1):
            installed = {
                **row,
                "TIMESTAMP_DERIVED": f"2026-03-01T12:0{number}:00.000Z",
                "REQUEST_ID": f"4exLFFQZ1234xFl1cJNwO{number}",
                "USER_ID_DERIVED": user,
            }
            record_prefix = f"0AT00000000000{number}AAA"
            batch = bench.write_batch(
                "PackageInstall", [installed], key=str(number) * 32, record_prefix=record_prefix
            )
            bench.pipeline.ingest(batch)
        (alert,) = bench.list_alerts()
        with bench.database.read() as connection:
            stored = alerts.find_alert(connection, alert.id)

    assert (2, 2, Severity.HIGH) == (alert.count, alert.revision, alert.severity)
    assert "and 1 other: 0055f00000Hyy2QAAQ" in describe(stored)["Who"]
