"""An org, a collector on a state directory of its own, and what must be true of both."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from collector import clock, engine
from collector.api.archive_verification import ArchiveVerification, verify_archive
from collector.api.backup import back_up_state
from collector.api.hunt import run_hunt
from collector.app.adoption import adopt_archive
from collector.app.configuration import read_configuration
from collector.app.restoration import restore_state
from collector.app.wiring import Collector, open_collector
from collector.backup.backups import ArchiveMode
from collector.csv_segments import CsvSegmenter
from collector.demo import EmbeddedOrg, OrgLogFile, OrgStore
from collector.errors import StoppedError
from collector.ingest import compaction, compaction_plan, quarantine
from collector.ingest.state_paths import StatePaths
from collector.model import Alert, ArchiveFile, DamageState, PollState
from collector.settings import Settings
from collector.store import alerts, damaged_files, hash_chain, ledger, retired_files
from fakes.collector_setup import poll_sources, write_config
from fakes.pipeline_bench import build_login_row, render_elf_csv
from fakes.slack import SlackReceiver

START = datetime(2026, 3, 2, 12, tzinfo=UTC)
RETENTION, ALERT_TIME = timedelta(days=5), timedelta(days=20)
POISON = b'"one","two"\n'
"""A line with too few fields."""

RULES = Path(__file__).parents[1] / "laws" / "years_of_work.yml"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedEvent:
    """An event of the org, known by its user's name; `source` is its log file, or empty."""

    name: str
    time: datetime
    event_type: str
    source: str = ""
    visible: datetime = START

    @property
    def is_alarming(self) -> bool:
        return self.name.startswith("mallory")


def name_user(number: int, *, is_alarming: bool) -> str:
    return f"{'mallory' if is_alarming else 'ada'}-{number:05}-x"


def render_time(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def build_login(event: ServedEvent, user: str) -> dict[str, str]:
    return build_login_row(
        TIMESTAMP_DERIVED=render_time(event.time),
        USER_NAME=event.name,
        USER_ID=user,
        LOGIN_STATUS="LOGIN_ERROR_INVALID_PASSWORD" if event.is_alarming else "LOGIN_NO_ERROR",
    )


@contextmanager
def open_small_limits(directory: Path) -> Iterator[None]:
    """Two files of a day are enough to become one, and a few rows make a part of a file.

    The rules are those of this law alone: to load the shipped ones takes longer than all else.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("collector.rules.rule_files.find_shipped_folder", directory.joinpath)
        for module in (compaction_plan, compaction):
            patch.setattr(module, "MAX_SETTLED_FILES", 1, raising=False)
            patch.setattr(module, "MAX_SMALL_FILES", 1, raising=False)
        defaults = CsvSegmenter.__init__.__kwdefaults__
        patch.setitem(defaults, "segment_bytes", 700)
        yield


@dataclass(slots=True, kw_only=True)
class World:
    """The org with its time, and a collector that comes and goes."""

    directory: Path
    receiver: SlackReceiver
    time: datetime = START
    org: EmbeddedOrg = field(init=False)
    config: Path = field(init=False)
    collector: Collector = field(init=False)
    stop_event: threading.Event = field(init=False)
    _process: ExitStack = field(default_factory=ExitStack)
    _planned: tuple[int, threading.Event] | None = None
    _readings: int = 0

    def __post_init__(self) -> None:
        self.org = EmbeddedOrg(OrgStore(), clock=self._read_org_clock)
        self.org.start()
        slack = {"type": "slack", "webhook_url": self.receiver.url, "storm": {"messages": 9999}}
        self.config = write_config(
            self.directory,
            self.org,
            channels={"desk": slack},
            event_log_file={"settle": "0s", "lookback": "4d"},
            stored_events={"objects": ["ApiEvent"], "lookback": "4d"},
        )
        self.rules = self.directory / "rules" / "rules.yml"
        self.rules.parent.mkdir()
        shutil.copyfile(RULES, self.rules)
        document = json.loads(self.config.read_text())
        document["orgs"][0]["api_budget_percent"] = 100
        document["archive"] = {
            "retention": f"{RETENTION.days}d",
            "alerts": f"{ALERT_TIME.days}d",
            "hash_chain": True,
        }
        self.config.write_text(json.dumps(document))
        self.settings = read_configuration(self.config, {}).settings
        self.open()

    rules: Path = field(init=False)
    settings: Settings = field(init=False)

    def read_time(self) -> datetime:
        return self.time

    def _read_org_clock(self) -> datetime:
        self._readings += 1
        if self._planned is not None and self._readings >= self._planned[0]:
            self._planned[1].set()
        return self.time

    @property
    def paths(self) -> StatePaths:
        return StatePaths(state_dir=self.directory / "state")

    @property
    def archive_root(self) -> Path:
        return self.directory / "state" / "archive"

    # ---- the process

    def open(self) -> None:
        self.stop_event = threading.Event()
        self.collector = self._process.enter_context(
            open_collector(self.settings, stop_event=self.stop_event)
        )
        self.collector.rule_reloader.begin()
        self.collector.pipeline.set_absent_files_aside(clock.now())
        self.collector.pipeline.fold_unfolded_matches()

    def close(self) -> None:
        self._process.close()

    def end(self) -> None:
        self.close()
        threading.Thread(target=self.org.stop).start()

    def poll(self, *, dies_after: int | None = None) -> bool:
        """One pass over all sources; whether all of it went well."""
        if dies_after is not None:
            self._planned = (self._readings + dies_after, self.stop_event)
        polled = []
        self.collector.pipeline.set_absent_files_aside(clock.now())
        with suppress(StoppedError):
            polled = poll_sources(self.collector)
        self._planned = None
        if self.stop_event.is_set():
            return False
        bad = [
            one
            for one in polled
            if one.state is not PollState.OK and not one.reason.startswith("segment ")
        ]
        assert not bad, bad
        return True

    def reload_rules(self) -> None:
        self.rules.write_text(self.rules.read_text() + "# again\n")
        assert self.collector.rule_reloader.reload_rules()

    def compact(self):
        return self.collector.pipeline.compactor.compact_days()

    def back_up(self) -> str:
        report = back_up_state(
            self.settings,
            str(self.directory / "backup"),
            mode=ArchiveMode.COPY,
            keep=None,
            report_progress=lambda _: None,
        )
        return report.state.name

    def restore(self, folder: Path | None, name: str):
        self.close()
        report = restore_state(self.settings, folder, name=name, report_progress=lambda _: None)
        self.open()
        return report

    def lose_state(self):
        self.close()
        for path in (self.directory / "state").glob("state.db*"):
            path.unlink()
        report = adopt_archive(self.settings, lambda _: None)
        self.open()
        return report

    def verify(self) -> ArchiveVerification:
        report = verify_archive(self.settings, lambda _: None)
        self.collector.pipeline.set_absent_files_aside(clock.now())
        return report

    # ---- what there is

    def read_state(self):
        return self.collector.database.read()

    def list_files(self) -> list[ArchiveFile]:
        with self.read_state() as connection:
            return ledger.list_archive_files(connection)

    def list_retired(self) -> list[ArchiveFile]:
        with self.read_state() as connection:
            return [one.file for one in retired_files.list_retired_files(connection)]

    def list_waiting(self):
        with self.read_state() as connection:
            return damaged_files.list_damaged_files(connection, state=DamageState.WAITING)

    def list_alerts(self) -> list[Alert]:
        with self.read_state() as connection:
            return alerts.list_alerts(connection)

    def list_places(self) -> list[str]:
        return sorted(
            str(path.relative_to(self.archive_root))
            for path in self.archive_root.rglob("*.parquet")
        )

    def hunt(self) -> list[tuple[str, datetime, str, str]]:
        """Name, time, uid and type of every event that a hunt finds."""
        if not self.list_files():
            return []
        result = run_hunt(
            self.settings,
            "SELECT user_name, time, event_uid, event_type FROM events",
            timeout_seconds=60,
            limit=100_000,
        )
        return [tuple(row) for row in result.rows]

    def read_names(self, path: str) -> list[str]:
        with engine.open_engine() as connection:
            query = "SELECT user_name FROM read_parquet(?)"
            rows = connection.execute(query, [str(self.archive_root / path)]).fetchall()
        return [row[0] for row in rows]

    def list_quarantined(self):
        return list(quarantine.list_batches(self.paths.quarantine))

    def read_chain_head(self):
        with self.read_state() as connection:
            return hash_chain.read_chain_head(connection)

    # ---- the org

    def serve_file(
        self,
        number: int,
        events: Iterable[ServedEvent],
        *,
        user: str,
        hour: datetime,
        poison_at: int | None = None,
    ) -> OrgLogFile:
        lines = render_elf_csv([build_login(event, user) for event in events]).splitlines(
            keepends=True
        )
        if poison_at is not None:
            lines.insert(1 + poison_at, POISON)
        file = OrgLogFile(
            id=f"0AT{number:012}AAA",
            event_type="Login",
            log_date=hour,
            created=self.time,
            sequence=1,
            content=b"".join(lines),
        )
        self.org.store.add_files([file])
        return file

    def serve_call(self, number: int, event: ServedEvent) -> None:
        self.org.store.add_rows(
            "ApiEvent",
            {
                "EventIdentifier": f"api-{number}",
                "EventDate": event.time,
                "CreatedDate": event.time,
                "Username": event.name,
            },
            visible_from=event.visible,
        )


@contextmanager
def open_world(directory: Path, receiver: SlackReceiver) -> Iterator[World]:
    with ExitStack() as stack:
        stack.enter_context(open_small_limits(directory))
        holder: list[World] = []
        stack.enter_context(clock.simulate_time(lambda: holder[0].time if holder else START))
        world = World(directory=directory, receiver=receiver)
        holder.append(world)
        try:
            yield world
        finally:
            world.end()
