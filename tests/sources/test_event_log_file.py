"""EventLogFile: every file once, whenever it appears, and one kind of files alone."""

from datetime import UTC, datetime, timedelta

import pytest

from collector.demo import Behaviour, Fault, LogFile, Store
from collector.demo.faults import maintenance, refused
from fakes.bench import DAY, HOUR, MINUTE, OrgClock, collecting, log_file, now, serving, uids

ELF = {"event_log_file": {"settle": "0s", "lookback": "10d"}}
SOURCE = "event_log_file"
FREE = Behaviour(hourly_files=False)


def hourly(number, log_date, **fields):
    return log_file(number, log_date + 4 * HOUR, log_date=log_date, **fields)


def daily(number, day, **fields):
    return log_file(number, day + 28 * HOUR, log_date=day, sequence=0, **fields)


def failing_fetch(bench):
    """A poll that must fail, and what it says."""
    polled = bench.poll()["hourly"]
    assert "failed" == polled.state
    return polled.reason


def downloads(bench):
    return [visit for visit in bench.org.journal if visit.path.endswith("/LogFile")]


# ---- daily or hourly


def test_of_daily_and_hourly_copies_only_the_hourly_ones_are_read(tmp_path):
    hours, day = [log_file(n, now() - n * HOUR) for n in (5, 6)], daily(9, now() - 2 * DAY)
    with serving(*hours, day) as org, collecting(tmp_path, org, ELF) as bench:
        assert {"hourly"} == bench.poll().keys()
        bench.poll()

        assert uids(*hours) == bench.stored()


def test_an_org_without_hourly_files_is_never_asked_for_their_field(tmp_path):
    day = daily(9, now() - 2 * DAY)
    with serving(day, behaviour=FREE) as org, collecting(tmp_path, org, ELF) as bench:
        assert {"daily": "ok"} == {name: poll.state for name, poll in bench.poll().items()}
        assert uids(day) == bench.stored()
        assert [] == bench.asked("Interval")


def test_hourly_files_that_the_org_does_not_have_are_unavailable_in_words(tmp_path):
    sources = {SOURCE: {"interval": "hourly"}}
    with serving(behaviour=FREE) as org, collecting(tmp_path, org, sources) as bench:
        polled = bench.poll()["hourly"]

    assert "unavailable" == polled.state
    assert "`interval: auto` reads the daily ones" in polled.reason


def test_from_daily_to_hourly_files_every_event_is_read_once(tmp_path):
    """The change is made at a day's beginning, once hourly files reach back before it."""
    today = datetime(now().year, now().month, now().day, tzinfo=UTC)
    first, second, third = (today - n * DAY for n in (5, 4, 3))
    began = second + 15 * HOUR
    hours = [hourly(100 + n, began + n * HOUR) for n in range(0, 33, 3)]
    days = [daily(n, day) for n, day in enumerate((first, second, third), 1)]
    store = Store()
    store.add_files([days[0]])
    with (
        serving(store=store, behaviour=FREE) as org,
        collecting(tmp_path, org, ELF) as bench,
    ):
        bench.poll()
    store.add_files(hours[:2])
    short = {SOURCE: {"settle": "0s", "lookback": "1h"}}
    with serving(store=store) as org, collecting(tmp_path, org, short) as bench:
        assert {"daily"} == bench.poll().keys(), "hourly files tell only the end of this day"
        store.add_files([days[1]])
        bench.poll()
        store.add_files([*hours[2:], days[2]])
        assert {"hourly"} == bench.poll().keys()
        for hour in hours[:3]:
            store.remove_file(hour.id)
        assert {"hourly"} == bench.poll().keys(), "it stays so when the first ones have expired"

        from_third = [hour for hour in hours if hour.log_date >= third]
        assert uids(*days[:2], *from_third) == bench.stored()


def test_from_hourly_to_daily_files_no_event_is_lost(tmp_path):
    """A day of which hourly files did not tell the end is read as a whole."""
    today = datetime(now().year, now().month, now().day, tzinfo=UTC)
    first, second = today - 4 * DAY, today - 3 * DAY
    hours = [hourly(100 + n, first + n * HOUR) for n in range(0, 30, 3)]
    days = [daily(1, first), daily(2, second)]
    store = Store()
    store.add_files(hours)
    with serving(store=store) as org, collecting(tmp_path, org, ELF) as bench:
        bench.poll()
    store.add_files(days)
    with (
        serving(store=store, behaviour=FREE) as org,
        collecting(tmp_path, org, ELF) as bench,
    ):
        assert {"daily"} == bench.poll().keys()
        assert uids(*hours, days[1]) == bench.stored()


# ---- which files


def test_files_of_one_created_date_are_all_read_and_none_is_downloaded_again(tmp_path):
    """The list is read again from before the cursor; the ledger knows what was taken in."""
    at = now() - 2 * HOUR
    files = [log_file(n, at) for n in range(5)]
    with serving(*files[1:4]) as org, collecting(tmp_path, org, ELF) as bench:
        bench.poll()
        org.store.add_files([files[0], files[4]])
        bench.poll()
        bench.poll()

        assert uids(*files) == bench.stored()
        assert 5 == len(downloads(bench))


def test_a_supplement_that_comes_days_later_is_read_beside_its_hour(tmp_path):
    hour = now() - 3 * DAY
    first = log_file(1, hour + 4 * HOUR, log_date=hour)
    young = log_file(2, now() - HOUR)
    supplement = log_file(3, now() - MINUTE, log_date=hour, sequence=2)
    with serving(first, young) as org, collecting(tmp_path, org, ELF) as bench:
        bench.poll()
        org.store.add_files([supplement])
        bench.poll()

        assert uids(first, young, supplement) == bench.stored()


def test_a_file_is_left_alone_until_it_has_settled(tmp_path):
    old, young = log_file(1, now() - HOUR), log_file(2, now() - 2 * MINUTE)
    with serving(old, young) as org:
        with collecting(tmp_path, org, {SOURCE: {"settle": "5m"}}) as bench:
            bench.poll()
            assert uids(old) == bench.stored()
        with collecting(tmp_path, org, {SOURCE: {"settle": "1m"}}) as bench:
            bench.poll()
            assert uids(old, young) == bench.stored()


def test_only_the_event_types_that_are_wanted_are_downloaded(tmp_path):
    files = [
        log_file(n, now() - HOUR, event_type=name)
        for n, name in enumerate(("Login", "LoginAs", "URI"))
    ]
    sources = {SOURCE: {"settle": "0s", "event_types": ["Login*"]}}
    with serving(*files) as org, collecting(tmp_path, org, sources) as bench:
        bench.poll()

        assert uids(*files[:2]) == bench.stored()
        assert 2 == len(downloads(bench))


def test_an_event_type_that_is_no_name_is_left_out_and_told_once(tmp_path):
    hostile = ["../../etc", "Lo gin", "x" * 300, "", "\u202elogin\x00", "a'b"]
    strange = [log_file(n, now() - HOUR, event_type=name) for n, name in enumerate(hostile)]
    good = log_file(100, now() - HOUR)
    with serving(*strange, good) as org, collecting(tmp_path, org, ELF) as bench:
        reason = failing_fetch(bench)

        assert "no name of an event type" in reason
        assert "\u202e" not in reason
        assert "\x00" not in reason
        assert uids(good) == bench.stored()
        assert len(hostile) == bench.lost()
        assert 1 == len(downloads(bench))
        assert "ok" == bench.poll()["hourly"].state
        assert ["event_type=Login"] == [
            path.name for path in (bench.places.archive / "org=acme").iterdir()
        ]


# ---- files that cannot be had


def test_a_file_that_fails_is_tried_again_and_the_later_ones_are_not_fetched_twice(tmp_path):
    first, broken, last = (log_file(n, now() - 5 * HOUR + n * HOUR) for n in range(3))
    with serving(first, broken, last) as org, collecting(tmp_path, org, ELF) as bench:
        org.fail(maintenance(broken.id, None, status=200))
        reason = failing_fetch(bench)

        assert f"Login {broken.id}" in reason
        assert "HTML" in reason
        assert uids(first, last) == bench.stored()
        assert first.created == bench.cursor(SOURCE, "hourly").time

        org.recover()
        assert "ok" == bench.poll()["hourly"].state
        assert uids(first, broken, last) == bench.stored()
        fetched = [visit.path.split("/")[-2] for visit in downloads(bench)]
        assert [1, 1] == [fetched.count(first.id), fetched.count(last.id)]


def test_a_first_file_that_fails_does_not_grow_too_old_to_be_looked_for(tmp_path):
    broken = log_file(1, now() - 50 * MINUTE)
    with serving(broken) as org:
        org.fail(maintenance(broken.id, None, status=200))
        with collecting(tmp_path, org, {SOURCE: {"settle": "0s", "lookback": "1h"}}) as bench:
            failing_fetch(bench)
        org.recover()
        with collecting(tmp_path, org, {SOURCE: {"settle": "0s", "lookback": "1m"}}) as bench:
            bench.poll()

            assert uids(broken) == bench.stored()


def test_a_file_that_vanished_after_it_was_listed_is_lost_and_told_once(tmp_path):
    kept, gone = log_file(1, now() - 2 * HOUR), log_file(2, now() - HOUR)
    clock = OrgClock()
    with serving(kept, gone, clock=clock) as org, collecting(tmp_path, org, ELF) as bench:

        def vanish(_readings):
            if downloads(bench):
                org.store.remove_file(gone.id)

        clock.ring = vanish
        reason = failing_fetch(bench)

        assert f"lost: Login {gone.id} was listed and has been deleted since" in reason
        assert 1 == bench.lost()
        assert uids(kept) == bench.stored()
        assert "ok" == bench.poll()["hourly"].state


def test_a_missing_file_that_the_org_still_lists_is_tried_again(tmp_path):
    file = log_file(1, now() - HOUR)
    with serving(file) as org, collecting(tmp_path, org, ELF) as bench:
        org.fail(refused("NOT_FOUND", "gone?", status=404, path="/LogFile"))
        failing_fetch(bench)
        assert 0 == bench.lost()

        bench.poll()
        assert uids(file) == bench.stored()


def test_a_permission_that_is_taken_away_loses_no_file(tmp_path):
    files = [log_file(n, now() - HOUR) for n in range(3)]
    refusal = refused("INSUFFICIENT_ACCESS", "no", status=403, path="/LogFile", times=None)
    with serving(*files) as org, collecting(tmp_path, org, ELF) as bench:
        org.fail(refusal)
        assert "which permission or licence is missing" in failing_fetch(bench)
        assert 0 == bench.lost()

        org.recover()
        bench.poll()
        assert uids(*files) == bench.stored()


def test_an_org_that_breaks_every_download_is_not_asked_for_each_file(tmp_path):
    files = [log_file(n, now() - HOUR) for n in range(19)]
    with serving(*files) as org, collecting(tmp_path, org, ELF) as bench:
        org.fail(maintenance("/LogFile", None))
        failing_fetch(bench)
        # Three that failed, and those that were under way meanwhile, twice each.
        assert len(downloads(bench)) <= 2 * (3 + 3)

        org.recover()
        bench.poll()
        assert uids(*files) == bench.stored()


def test_a_record_that_cannot_be_read_hides_no_other(tmp_path):
    good = log_file(1, now() - HOUR)
    with serving(good) as org, collecting(tmp_path, org, ELF) as bench:
        row = good.row() | {"Id": "0AT000000000099AAA"}
        org.store.add(
            "EventLogFile",
            row | {"LogFileLength": None},
            row | {"Id": "../../../x"},
            row | {"LogDate": None},
        )
        assert 3 == failing_fetch(bench).count("cannot be read")
        assert uids(good) == bench.stored()


class Misannounced(LogFile):
    """A file that has another length than its record says."""

    def row(self):
        return super().row() | {"LogFileLength": float(len(self.content) + 7)}


def misannounced(number, age):
    made = log_file(number, now() - age)
    return Misannounced(**{name: getattr(made, name) for name in LogFile.__dataclass_fields__})


@pytest.mark.parametrize(("age", "taken"), [(10 * MINUTE, False), (2 * HOUR, True)])
def test_a_length_that_does_not_fit_is_waited_for_an_hour_and_then_forgiven(tmp_path, age, taken):
    """It may still be being written; but nobody promises what LogFileLength counts."""
    file = misannounced(1, age)
    with serving(file) as org, collecting(tmp_path, org, ELF) as bench:
        bench.poll()

        assert (uids(file) if taken else []) == bench.stored()


def test_an_old_file_that_is_cut_short_is_not_forgiven(tmp_path):
    file = misannounced(1, 2 * HOUR)
    with serving(file) as org, collecting(tmp_path, org, ELF) as bench:
        org.fail(Fault(path="/LogFile", cut=40, times=None))
        failing_fetch(bench)

        assert [] == bench.stored()


def test_a_clock_of_ours_that_was_set_back_is_told(tmp_path):
    with serving() as org, collecting(tmp_path, org, ELF) as bench:
        org.store.add_files([log_file(1, now() - HOUR)])
        bench.stand(SOURCE, "hourly", now() + timedelta(days=1))

        assert "set the clock by NTP" in failing_fetch(bench)
