"""Whatever happens to an org, its network and our process: nothing twice, nothing lost unsaid."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from collector import completeness
from collector.demo import InjectedFault, OrgLogFile
from collector.demo.faults import build_expired_fault, build_maintenance_fault, build_timeout_fault
from collector.errors import StoppedError
from collector.model import LogFileFacts
from collector.store import batch_inventory
from fakes.org_simulation import MAX_TRIES, START, VisibleRecord, open_simulation
from fakes.polling_bench import DAY, HOUR, MINUTE, SECOND, build_log_file, list_event_uids

pytestmark = pytest.mark.slow

SOURCES = {
    "event_log_file": {"interval": "hourly", "settle": "5m"},
    "stored_events": {"objects": ["ApiEvent"]},
    "setup_audit_trail": {},
}
STREAMS = (
    ("event_log_file", "hourly"),
    ("stored_events", "ApiEvent"),
    ("setup_audit_trail", "SetupAuditTrail"),
)
SETTLE = 5 * MINUTE
OVERLAP = 10 * MINUTE
RELIST = 50 * MINUTE
"""How long after its CreatedDate a file may become visible; a poll looks back for an hour."""

POISON = b'"one","two"\n'
"""A line with too few fields: no reader makes anything of the file."""

EPOCH, FAR = START - 99 * DAY, START + 99 * DAY
"""Between them lies all that happens."""

FAULTS = st.sampled_from(
    [
        build_expired_fault(times=1),
        build_expired_fault(times=2),
        build_maintenance_fault("", MAX_TRIES),
        build_maintenance_fault("", None),
        build_maintenance_fault("", MAX_TRIES, status=200),
        build_maintenance_fault("/LogFile", 2 * MAX_TRIES, status=200),
        InjectedFault(address_pattern="/LogFile", cut_after=40, times=MAX_TRIES),
        InjectedFault(address_pattern="FROM", cut_after=20, times=MAX_TRIES),
        build_timeout_fault("FROM", times=1),
        build_timeout_fault("FROM", times=6),
    ]
)
SECONDS = st.sampled_from((1, 61, 420, 3_600, 5 * 3_600, 13 * 3_600))
AHEAD = st.sampled_from((0, -2 * 3_600, -30, 30, 3 * 3_600))
READINGS = st.integers(min_value=1, max_value=24)


class Collecting(RuleBasedStateMachine):
    """An org that fills up, a collector that is polled and killed, and what we know of both."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.directory = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        self.world = self.stack.enter_context(open_simulation())
        self.process = self.stack.enter_context(ExitStack())
        self.number = 0
        self.files: dict[str, OrgLogFile] = {}
        self.poisoned: set[str] = set()
        self.deleted: set[str] = set()
        self.records: dict[str, tuple[str, datetime, datetime]] = {}
        self.cursors: dict[tuple[str, str], datetime] = {}
        self.knows_the_time = True
        self.start()

    @initialize()
    def begin(self) -> None:
        """There is something, and it has been read: from here on all has to arrive."""
        self.files_appear(count=1, back=HOUR, late=0, ending=b"")
        self.records_appear(name="ApiEvent", count=1, age=HOUR, delay=timedelta())
        self.poll()
        assert 3 == len(self.archive())

    # ---- the org

    @rule(seconds=SECONDS)
    def time_passes(self, seconds: int) -> None:
        self.world.advance_time(seconds=seconds)

    @rule(
        count=st.integers(min_value=1, max_value=3),
        back=st.sampled_from((timedelta(), MINUTE, SETTLE, RELIST)),
        late=st.sampled_from((0, 0, 1, 3 * 24)),
        ending=st.sampled_from((b"", b"", b"", POISON)),
    )
    def files_appear(self, count: int, back: timedelta, late: int, ending: bytes) -> None:
        """All with one CreatedDate, which may lie back; for hours that are long past."""
        created = self.world.time - back
        for _ in range(count):
            self.number += 1
            hour = created.replace(minute=0, second=0) - (1 + late) * HOUR
            kind = ("Login", "URI")[self.number % 2]
            made = build_log_file(self.number, created, log_date=hour, event_type=kind)
            made = replace(made, content=made.content + ending)
            if ending:
                self.poisoned.add(made.id)
            self.files[made.id] = made
            self.world.serve_items([made])

    @rule(data=st.data())
    def a_supplement_appears(self, data: st.DataObject) -> None:
        """For an hour that has files already."""
        first = data.draw(st.sampled_from(sorted(self.files)), "of")
        self.number += 1
        of = self.files[first]
        made = build_log_file(
            self.number,
            self.world.time,
            log_date=of.log_date,
            event_type=of.event_type,
            sequence=1 + sum(f.log_date == of.log_date for f in self.files.values()),
        )
        self.files[made.id] = made
        self.world.serve_items([made])

    @rule(
        name=st.sampled_from(("ApiEvent", "SetupAuditTrail")),
        count=st.integers(min_value=1, max_value=4),
        age=st.sampled_from((0, 1, 240, 599)).map(lambda seconds: seconds * SECOND),
        delay=st.sampled_from((0, 0, 90, 500)).map(lambda seconds: seconds * SECOND),
    )
    def records_appear(self, name: str, count: int, age: timedelta, delay: timedelta) -> None:
        """Now or later, but while the windows still overlap; all of one time."""
        time = self.world.time - age
        visible = max(self.world.time, min(self.world.time + delay, time + OVERLAP - SECOND))
        for _ in range(count):
            self.number += 1
            uid = f"{name}-{self.number}"
            row = {"EventIdentifier": uid, "EventDate": time, "CreatedDate": time}
            if name == "SetupAuditTrail":
                uid = f"0Ym{self.number:012}AAA"
                row = {"Id": uid, "CreatedDate": time, "Action": "createduser"}
            self.records[uid] = (name, time, visible)
            self.world.serve_items([VisibleRecord(name=name, row=row, visible_from=visible)])

    @rule(data=st.data())
    def a_file_is_deleted(self, data: st.DataObject) -> None:
        """The newest ones are those that may not have been fetched."""
        if left := sorted(set(self.files) - self.deleted)[-4:]:
            self.delete(data.draw(st.sampled_from(left), "file"))

    # ---- the collector

    @rule()
    def poll(self) -> None:
        """No two polls are of one moment."""
        self.world.advance_time(seconds=1)
        before = len(self.world.org.request_log)
        self.check(self.polled())
        self.knows_the_time |= before < len(self.world.org.request_log)

    @rule(fault=FAULTS, after=st.integers(min_value=0, max_value=12))
    def poll_with_a_fault(self, fault: InjectedFault, after: int) -> None:
        """The fault strikes after some requests."""
        if after:
            self.world.org.inject_faults(InjectedFault(times=after))
        self.world.org.inject_faults(fault)
        self.poll()
        self.world.org.clear_faults()

    @rule(reading=READINGS)
    def poll_and_die(self, reading: int) -> None:
        """Asked to end in the middle, the process is gone afterwards."""
        self.world.schedule_at_reading(reading, self.bench.stop.set)
        self.poll()
        self.start()

    @rule(reading=READINGS, data=st.data())
    def poll_while_a_file_is_deleted(self, reading: int, data: st.DataObject) -> None:
        if left := sorted(set(self.files) - self.deleted)[-4:]:
            chosen = data.draw(st.sampled_from(left), "file")
            self.world.schedule_at_reading(reading, lambda: self.delete(chosen))
            self.poll()

    @rule(reading=READINGS)
    def poll_while_sessions_end(self, reading: int) -> None:
        self.world.schedule_at_reading(reading, self.world.org.expire_tokens)
        self.poll()

    @rule()
    def start(self) -> None:
        """A new process on the same state."""
        self.process.close()
        self.bench = self.process.enter_context(
            self.world.open_polling_bench(self.directory, SOURCES)
        )

    @rule(seconds=AHEAD)
    def our_clock_is_set(self, seconds: int) -> None:
        self.knows_the_time = False
        self.world.clock_lead = timedelta(seconds=seconds)

    # ---- what always holds

    @invariant()
    def nothing_is_stored_twice_and_nothing_that_was_not_served(self) -> None:
        stored = self.archive()
        assert len(stored) == len(set(stored))
        assert set(stored) <= self.readable()

    @invariant()
    def no_cursor_goes_back(self) -> None:
        for stream in STREAMS:
            cursor = self.bench.read_cursor(*stream)
            assert cursor.time >= self.cursors.get(stream, EPOCH), stream
            self.cursors[stream] = cursor.time

    @invariant()
    def the_account_adds_up(self) -> None:
        """By the product's own proof, too: what is missing is lost or set aside, and said to be."""
        proof = self.proof()
        assert [] == [count for count in proof.balances if count.unaccounted]
        assert [] == [
            problem for part in proof.archive_comparisons for problem in part.list_problems()
        ]
        assert [] == [problem for part in proof.window_coverage for problem in part.list_problems()]
        assert len(self.archive()) == sum(count.rows for count in proof.balances)

    def teardown(self) -> None:
        try:
            self.end_well()
        finally:
            self.stack.close()

    def end_well(self) -> None:
        """After two polls that nothing disturbs, all that was served and not deleted is there."""
        self.world.clock_lead = timedelta()
        self.start()
        for _ in range(2):
            self.world.advance_time(hours=1)
            self.poll()
            assert self.account_of_files().keys() >= self.files.keys() - self.deleted
        self.nothing_is_stored_twice_and_nothing_that_was_not_served()
        self.no_cursor_goes_back()
        self.the_account_adds_up()
        states = self.account_of_files()
        for id_ in self.files.keys() - self.deleted:
            assert states[id_] == ("quarantined" if id_ in self.poisoned else "stored"), id_
        read = {"stored", "quarantined"}
        files = [file for id_, file in self.files.items() if states.get(id_) in read]
        assert self.archive() == sorted([*self.list_good_uids(files), *self.records])

    # ---- how it is done

    def delete(self, file_id: str) -> None:
        self.deleted.add(file_id)
        self.world.org.store.remove_file(file_id)

    def polled(self) -> dict[str, str]:
        """The states of the streams, empty for a poll that was stopped."""
        with suppress(StoppedError):
            return {name: one.state for name, one in self.bench.poll_sources().items()}
        return {}

    def check(self, polled: dict[str, str]) -> None:
        """A poll that says ok has read all that was there to be read."""
        if not self.knows_the_time:
            return
        now = min(self.world.time, self.world.read_our_time())
        states, stored = self.account_of_files(), set(self.archive())
        if polled.get("hourly") == "ok":
            settled = [one.id for one in self.files.values() if one.created <= now - SETTLE]
            missing = set(settled) - self.deleted - states.keys()
            assert not missing, missing
            assert "pending" not in {states.get(id_) for id_ in set(settled) - self.deleted}
        for uid, (name, time, visible) in self.records.items():
            if polled.get(name) == "ok" and visible <= self.world.time and time <= now:
                assert uid in stored, uid

    def archive(self) -> list[str]:
        return self.bench.list_stored_values()

    def readable(self) -> set[str]:
        """All that may be in the archive."""
        now = self.world.time
        visible = {uid for uid, (_, _, visible) in self.records.items() if visible <= now}
        return {*self.list_good_uids(self.files.values()), *visible}

    def list_good_uids(self, files: Iterable[OrgLogFile]) -> list[str]:
        """The uids of the records of files; a bad one at the end of a file is none."""
        good = [
            replace(file, content=file.content.removesuffix(POISON))
            if file.id in self.poisoned
            else file
            for file in files
        ]
        return list_event_uids(*good)

    def account_of_files(self) -> dict[str, str]:
        """By the id of a file what became of it, as far as it was ever listed."""
        with self.bench.poller._database.read() as connection:
            items = batch_inventory.list_inventory_items(
                connection, org="acme", since=EPOCH, until=FAR
            )
        return {
            item.facts.file_id: item.state for item in items if isinstance(item.facts, LogFileFacts)
        }

    def proof(self) -> completeness.CompletenessReport:
        with self.bench.poller._database.read() as connection:
            return completeness.build_completeness_report(
                connection,
                org="acme",
                since=EPOCH,
                until=FAR,
                archive=self.bench.places.archive,
            )


TestCollecting = Collecting.TestCase
TestCollecting.settings = settings(
    max_examples=8,
    stateful_step_count=12,
    deadline=None,
    derandomize=True,
    # Every step is a process with a database: making an example smaller takes minutes.
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
