"""Years of work on one machine: whatever is done to files and state, each event is there once."""

from __future__ import annotations

import json
import os
import tempfile
from collections import Counter
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from collector import completeness
from collector.api import holds
from collector.detect.loader import load_rule_set
from collector.model import Alert, AlertStatus
from collector.retention.selection import is_alert_held
from collector.rules.rule_files import EVENT_SCHEMA
from collector.store import chain_walk, tables
from collector.store.holds import HoldScope
from fakes.pipeline_bench import open_pipeline_bench, render_elf_csv
from fakes.slack import HangUp, WebhookReply, run_slack_receiver
from fakes.years_world import (
    ALERT_TIME,
    RETENTION,
    RULES,
    START,
    ServedEvent,
    build_login,
    name_user,
    open_world,
)

pytestmark = pytest.mark.slow

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
EXAMPLES = int(os.environ.get("COLLECTOR_YEARS_EXAMPLES", "0"))
"""So many long ones, each time others, where somebody wants to search; else the same few."""

MIDNIGHT = timedelta()
"""For a file with events of two days."""
USERS = ("005000000000001AAA", "005000000000002AAA")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 0x40
    path.write_bytes(content)


def delete(path: Path) -> None:
    path.unlink()


DAMAGES = {"cut": cut, "flip": flip, "delete": delete}


class YearsOfWork(RuleBasedStateMachine):
    """What an org served and what became of it, by the names of the events' users."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        directory = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        receiver = self.stack.enter_context(run_slack_receiver())
        self.world = self.stack.enter_context(open_world(directory, receiver))
        self.number = 0
        self.files: dict[str, tuple[str, list[ServedEvent]]] = {}
        self.poisoned: set[str] = set()
        self.served: dict[str, ServedEvent] = {}
        self.collected: set[str] = set()
        self.may_be_gone: set[str] = set()
        self.forgotten: set[str] = set()
        self.mended: set[str] = set()
        self.quiet: set[str] = set()
        self.uids: dict[str, str] = {}
        self.wounds: dict[str, set[str]] = {}
        self.is_settled = True
        self.backups: list[tuple[Path | None, str]] = []
        self.chain_head = None
        self.alerts_may_be_gone: set[str] = set()
        self.alerts_gone: set[str] = set()

    @initialize()
    def begin(self) -> None:
        self.a_file_appears(rows=3, back=HOUR, alarms=2, poison=None, user=0)
        self.calls_appear(count=2, age=5, delay=0, alarms=1)
        self.poll()
        assert self.collected

    # ---- the org

    @rule(seconds=st.sampled_from((61, 3_700, 26 * 3_600)))
    def time_passes(self, seconds: int) -> None:
        self.world.time += timedelta(seconds=seconds)

    @rule(days=st.sampled_from((2, 6, 8)))
    def days_pass(self, days: int) -> None:
        """With polls, as a daemon has them."""
        for _ in range(days // 2):
            self.world.time += 2 * DAY
            self.poll()

    @rule(
        rows=st.sampled_from((1, 2, 4, 12)),
        back=st.sampled_from((HOUR, HOUR, 3 * HOUR, 26 * HOUR, 50 * HOUR, MIDNIGHT)),
        alarms=st.integers(0, 4),
        poison=st.sampled_from((None, None, None, 0, 1)),
        user=st.integers(0, 1),
    )
    def a_file_appears(self, rows, back, alarms, poison, user) -> None:
        """For an hour that may be long past."""
        self.number += 1
        number = self.number
        begin = self.world.time - back
        if back == MIDNIGHT:
            begin = self.world.time.replace(hour=0, minute=0, second=0) - 2 * MINUTE
        events = [
            ServedEvent(
                name=name_user(1000 * number + row, is_alarming=row < alarms),
                time=(begin + row * MINUTE).replace(microsecond=0),
                event_type="Login",
                source=f"0AT{number:012}AAA",
            )
            for row in range(rows)
        ]
        hour = begin.replace(minute=0, second=0)
        self.world.serve_file(number, events, user=USERS[user], hour=hour, poison_at=poison)
        self.files[f"0AT{number:012}AAA"] = (USERS[user], events)
        if poison is not None:
            self.poisoned.add(f"0AT{number:012}AAA")
        self.served |= {event.name: event for event in events}

    @rule(
        count=st.integers(1, 4),
        age=st.sampled_from((0, 1, 240, 599)),
        delay=st.sampled_from((0, 0, 90, 500)),
        alarms=st.integers(0, 2),
    )
    def calls_appear(self, count, age, delay, alarms) -> None:
        """Now or later, but while the windows still overlap."""
        time = self.world.time - age * timedelta(seconds=1)
        visible = max(
            self.world.time,
            min(self.world.time + delay * timedelta(seconds=1), time + 599 * timedelta(seconds=1)),
        )
        for row in range(count):
            self.number += 1
            event = ServedEvent(
                name=name_user(1000 * self.number, is_alarming=row < alarms),
                time=time,
                event_type="ApiEvent",
                visible=visible,
            )
            self.world.serve_call(self.number, event)
            self.served[event.name] = event

    @rule(days=st.sampled_from((1, 3)))
    def the_org_forgets(self, days: int) -> None:
        """What is as old as that cannot be asked for again."""
        until = self.world.time - days * DAY
        names = {
            name
            for name, event in self.served.items()
            if event.time < until and event.visible <= self.world.time
        } - self.forgotten
        sources = {self.served[name].source for name in names} - {""}
        # A file goes as a whole.
        names |= {name for name, event in self.served.items() if event.source in sources}
        for source in sources:
            self.world.org.store.remove_file(source)
        self.world.org.store.remove_rows("ApiEvent", lambda row: row["Username"] in names)
        self.forgotten |= names
        for wounded in self.wounds.values():
            self.may_be_gone |= wounded & names
        self.may_be_gone |= names - self.collected

    # ---- the collector

    @rule()
    def poll(self) -> None:
        self.world.time += timedelta(seconds=1)
        assert self.world.poll()
        self.note_collected()

    def note_collected(self) -> None:
        now = self.world.time
        self.collected |= {
            name
            for name, event in self.served.items()
            if event.visible <= now and event.time <= now and name not in self.forgotten
        }
        self.is_settled = True
        self.settle_wounds()

    @rule(reading=st.integers(1, 30))
    def poll_and_die(self, reading: int) -> None:
        self.world.time += timedelta(seconds=1)
        if self.world.poll(dies_after=reading):
            self.note_collected()
        self.restart()

    @rule()
    def restart(self) -> None:
        self.world.close()
        self.world.open()

    @rule()
    def compact(self) -> None:
        result = self.world.compact()
        assert () == result.problems or self.wounds

    @rule()
    def delete_retired_files(self) -> None:
        self.world.time += HOUR + MINUTE
        self.world.compact()

    @rule(later=st.sampled_from((0, 1, 3, 6, 6, 30, 45, 410)))
    def prune(self, later: int) -> None:
        """Some days later, all of which are polled through."""
        self.world.time += later * DAY
        if later:
            self.poll()
        now = self.world.time
        active = holds.list_holds(self.world.settings)
        first_day = (now - RETENTION).date()
        for name, event in self.served.items():
            held = any(
                hold.scope.covers("acme", event.event_type, event.time, event.time)
                for hold in active
            )
            if event.time.date() < first_day and not held:
                self.may_be_gone.add(name)
        for alert in self.world.list_alerts():
            if alert.last_time < now - ALERT_TIME and not is_alert_held(alert, active):
                self.alerts_may_be_gone.add(alert.title)
        self.alerts_gone |= {
            name for name, event in self.served.items() if event.time < now - ALERT_TIME + HOUR
        }
        before = self.list_undelivered()
        self.world.collector.pruner.prune(now)
        assert before == self.list_undelivered()
        first = first_day.isoformat()
        for file in self.world.list_files():
            held = any(
                hold.scope.covers("acme", file.event_type, file.first_time, file.last_time)
                for hold in active
            )
            assert file.date >= first or held, file

    @rule(back=st.sampled_from((0, 2, 4)), kind=st.sampled_from(("", "Login", "Api*")))
    def place_a_hold(self, back: int, kind: str) -> None:
        start = self.world.time - back * DAY
        scope = HoldScope(org="acme", event_type=kind, start=start - DAY, until=start)
        holds.place_hold(self.world.settings, scope, reason="case 7", placed_by="ada")

    @rule()
    def release_a_hold(self) -> None:
        if active := holds.list_holds(self.world.settings):
            holds.release_hold(self.world.settings, active[0].id, released_by="bob")

    @rule(damage=st.sampled_from(sorted(DAMAGES)), data=st.data())
    def damage_a_file(self, damage: str, data) -> None:
        paths = sorted({file.path for file in self.world.list_files()} - self.wounds.keys())
        if not paths:
            return
        path = data.draw(st.sampled_from(paths), "path")
        names = set(self.world.read_names(path))
        self.wounds[path] = names | self.wounds.get(path, set())
        self.may_be_gone |= names & (self.forgotten | self.mended)
        DAMAGES[damage](self.world.archive_root / path)

    @rule()
    def verify(self) -> None:
        report = self.world.verify()
        assert {each.path for each in report.altered} <= self.wounds.keys()
        assert report.chain.fault == "", report.chain

    @rule()
    def reload_rules(self) -> None:
        self.world.reload_rules()

    @rule(reaction=st.sampled_from(("take", "take", "busy", "hang")))
    def deliver(self, reaction: str) -> None:
        reactions = {"busy": WebhookReply(status=503), "hang": HangUp()}
        if reaction in reactions:
            self.world.receiver.script.append(reactions[reaction])
        self.world.collector.deliverer.drain_channels()
        self.world.receiver.script.clear()

    @rule()
    def mend_what_is_quarantined(self) -> None:
        """By hand, as a user would, and it is read again."""
        for found in self.world.list_quarantined():
            if "Login" != found.batch.event_type:
                continue
            for path in found.batch.segments:
                records = [json.loads(line) for line in path.read_text().splitlines()]
                for record in records:
                    self.number += 1
                    event = ServedEvent(
                        name=name_user(1000 * self.number, is_alarming=True),
                        time=found.batch.log_time,
                        event_type="Login",
                    )
                    self.served[event.name] = event
                    self.mended.add(event.name)
                    self.collected.add(event.name)
                    self.forgotten.add(event.name)
                    line = render_elf_csv([build_login(event, USERS[0])]).splitlines()[1]
                    record["content"] = line.decode() + "\n"
                path.write_text("".join(json.dumps(record) + "\n" for record in records))
            result = self.world.collector.pipeline.retry_quarantined(found)
            assert () == result.quarantine_reasons

    # ---- copies of the state

    @precondition(lambda self: len(self.backups) < 4)
    @rule()
    def back_up(self) -> None:
        self.world.time += MINUTE
        name = self.world.back_up()
        self.backups.append((self.world.directory / "backup", name))

    @precondition(lambda self: len(self.backups) < 4)
    @rule()
    def take_a_snapshot(self) -> None:
        self.world.time += MINUTE
        self.world.collector.snapshot_keeper.keep_snapshots()
        folder = self.world.directory / "state" / "snapshots"
        for path in folder.glob("2*"):
            if path.name not in {name for _, name in self.backups}:
                self.backups.append((None, path.name))

    @precondition(lambda self: self.backups)
    @rule(data=st.data())
    def restore(self, data) -> None:
        self.world.time += MINUTE
        number = data.draw(st.integers(0, len(self.backups) - 1), "backup")
        folder, name = self.backups[number]
        root = folder / "states" if folder else self.world.paths.snapshots
        if not (root / name).exists():
            return
        self.note_quiet()
        self.free_outstanding()
        self.world.restore(folder, name)
        self.is_settled = False
        self.chain_head = None

    @rule()
    def lose_the_state(self) -> None:
        self.world.time += MINUTE
        self.note_quiet()
        self.free_outstanding()
        self.world.lose_state()
        self.is_settled = False
        self.chain_head = None

    def note_quiet(self) -> None:
        """What is not told yet may stay so, where nobody knows."""
        told = self.count_told()
        self.quiet |= {name for name in self.served if name not in told}

    def free_outstanding(self) -> None:
        """What is damaged, and not fetched again yet, is forgotten with the state."""
        for names in self.wounds.values():
            self.may_be_gone |= names

    # ---- what always holds

    def settle_wounds(self) -> None:
        files = {file.path: file for file in self.world.list_files()}
        waiting = {damaged.file.path for damaged in self.world.list_waiting()}
        archive = self.world.paths.archive
        for path in list(self.wounds):
            if path in files and archive.describe_alteration(files[path]) is not None:
                continue
            if path not in waiting:
                del self.wounds[path]

    @invariant()
    def each_event_is_there_once(self) -> None:
        if any(self.is_in_place(path) for path in self.wounds):
            return
        found = self.world.hunt()
        counts = Counter(name for name, *_ in found)
        assert not [name for name, count in counts.items() if count > 1], counts
        for name, time, uid, event_type in found:
            event = self.served[name]
            assert (event.time, event.event_type) == (time, event_type), (event, time)
            assert uid == self.uids.setdefault(name, uid)
        if not self.is_settled:
            return
        excused = self.may_be_gone.union(*self.wounds.values())
        missing = self.collected - counts.keys() - excused
        assert not missing, (missing, self.world.list_places())

    def is_in_place(self, path: str) -> bool:
        place = self.world.archive_root / path
        return place.exists()

    @invariant()
    def the_ledger_is_what_the_files_are(self) -> None:
        files = self.world.list_files()
        archive = self.world.paths.archive
        for file in files:
            if file.path not in self.wounds:
                reason = archive.describe_alteration(file)
                assert reason is None, (file.path, reason)
        with self.world.read_state() as connection:
            rows = dict(
                connection.exec_driver_sql("SELECT key, rows FROM batches WHERE rows").fetchall()
            )
            own = connection.exec_driver_sql(
                "SELECT batch, rows FROM files WHERE batch IS NOT NULL"
                " UNION ALL SELECT batch, rows FROM members"
            ).fetchall()
            shared = connection.exec_driver_sql(
                "SELECT f.path, f.rows, (SELECT sum(rows) FROM members m WHERE m.path = f.path)"
                " FROM files f WHERE batch IS NULL"
            ).fetchall()
        counted: Counter[str] = Counter()
        for key, count in own:
            counted[key] += count
        assert rows == dict(counted)
        with self.world.read_state() as connection:
            for row in connection.execute(sa.select(tables.batches)):
                if file_id := row.facts.get("file_id"):
                    events = len(self.files[file_id][1]) + (file_id in self.poisoned)
                    assert row.rows + row.pruned <= events, row
        assert not [row for row in shared if row[1] != row[2]]
        if self.is_settled:
            with self.world.read_state() as connection:
                proof = completeness.build_completeness_report(
                    connection,
                    org="acme",
                    since=START - 99 * DAY,
                    until=START + 3000 * DAY,
                    archive=archive,
                )
            assert not [one for one in proof.balances if one.unaccounted > 0 and not self.wounds], (
                proof.balances
            )
            if not self.wounds:
                assert [] == [
                    problem
                    for part in proof.archive_comparisons
                    for problem in part.list_problems()
                ]

    @invariant()
    def nothing_else_lies_in_the_archive(self) -> None:
        known = {file.path for file in (*self.world.list_files(), *self.world.list_retired())}
        left = set(self.world.list_places()) - known
        assert not left, left

    @invariant()
    def the_chain_holds(self) -> None:
        with self.world.read_state() as connection:
            report = chain_walk.walk_chain(connection, self.chain_head)
        assert "" == report.fault, report
        self.chain_head = report.head

    @invariant()
    def each_alert_is_there_once_and_told_once(self) -> None:
        told = self.count_told()
        assert not [name for name, count in told.items() if count > 1], told
        titles = Counter(
            alert.title for alert in self.world.list_alerts() if alert.title.startswith("told")
        )
        assert not [title for title, count in titles.items() if count > 1], titles
        if not self.is_settled:
            return
        excused = self.may_be_gone.union(*self.wounds.values())
        wanted = {
            f"told {name} so" for name in self.collected - excused if self.served[name].is_alarming
        } - self.alerts_may_be_gone
        assert not wanted - titles.keys(), wanted - titles.keys()

    def count_told(self) -> Counter[str]:
        """How often each event was told without a word about repeats."""
        texts = [json.dumps(body) for body in self.world.receiver.bodies]
        return Counter(
            text.partition("told ")[2].partition(" so")[0]
            for text in texts
            if "told " in text and "possible repeat" not in text
        )

    def list_undelivered(self) -> list[str]:
        with self.world.read_state() as connection:
            return sorted(
                row[0]
                for row in connection.exec_driver_sql(
                    "SELECT key FROM deliveries WHERE state IN ('ready', 'leased')"
                )
            )

    def teardown(self) -> None:
        try:
            if self.collected:
                self.end_well()
        finally:
            self.stack.close()

    def end_well(self) -> None:
        """What was damaged is found, fetched again or said to be lost; all is told."""
        self.world.verify()
        for _ in range(3):
            self.world.time += HOUR
            self.poll()
            self.world.collector.deliverer.drain_channels()
        assert not self.wounds, (self.wounds, self.world.list_waiting())
        for check in (
            self.each_event_is_there_once,
            self.the_ledger_is_what_the_files_are,
            self.nothing_else_lies_in_the_archive,
            self.the_chain_holds,
            self.each_alert_is_there_once_and_told_once,
        ):
            check()
        assert [] == self.list_undelivered()
        self.bursts_are_those_of_a_work_without_disturbance()
        report = self.world.verify()
        assert report.is_sound, report
        all_told = {
            json.dumps(body).partition("told ")[2].partition(" so")[0]
            for body in self.world.receiver.bodies
        }
        untold = {
            name
            for name in self.collected - self.may_be_gone - self.quiet
            if self.served[name].is_alarming
        } - all_told
        assert not untold, untold

    def bursts_are_those_of_a_work_without_disturbance(self) -> None:
        rules = load_rule_set([RULES], schema=EVENT_SCHEMA)
        with (
            tempfile.TemporaryDirectory() as folder,
            open_pipeline_bench(Path(folder), rules=rules) as bench,
        ):
            for number, (file_id, (user, events)) in enumerate(self.files.items()):
                batch = bench.write_batch(
                    "Login",
                    [build_login(event, user) for event in events],
                    key=f"{number:032}",
                    record_prefix=file_id,
                    log_time=events[0].time,
                    received=events[0].time + HOUR,
                )
                bench.pipeline.ingest(batch)
            expected = self.describe_bursts(bench.list_alerts())
        assert expected == self.describe_bursts(self.world.list_alerts())

    def describe_bursts(self, alerts: list[Alert]) -> list[tuple[object, ...]]:
        """Those about events all of which are there, and were whenever a state was built again."""
        gone: dict[str, list[datetime]] = {user: [] for user in USERS}
        for user, events in self.files.values():
            gone[user] += [
                event.time
                for event in events
                if event.name in self.may_be_gone | self.alerts_gone
                or event.name not in self.collected
            ]
        for name in self.mended:
            gone[USERS[0]].append(self.served[name].time)
        return sorted(
            (alert.title, alert.first_time, alert.last_time, alert.count)
            for alert in alerts
            if alert.rule == "y-burst"
            and alert.status != AlertStatus.WITHDRAWN
            and not any(
                alert.first_time - HOUR <= time <= alert.last_time + HOUR
                for user in USERS
                if user in alert.title
                for time in gone[user]
            )
        )


TestYearsOfWork = YearsOfWork.TestCase
TestYearsOfWork.settings = settings(
    max_examples=EXAMPLES or 2,
    stateful_step_count=25 if EXAMPLES else 12,
    deadline=None,
    derandomize=not EXAMPLES,
    database=None,
    # Every step is a process with a database: making an example smaller takes minutes.
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)
