"""What people do in a working day: pages, reports, list views, files, failed logins."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from collector.demo.people import Person
from collector.demo.report_activity import run_report
from collector.demo.scenario_day import LoginKind, ScenarioDay, UserSession

_ENTITIES = (
    ("Account", "001"),
    ("Contact", "003"),
    ("Opportunity", "006"),
    ("Case", "500"),
    ("Lead", "00Q"),
    ("Task", "00T"),
)
_ACTIONS = (
    "serviceComponent://ui.force.components.controllers.RecordGvpController/ACTION$getRecord=31",
    "aura://RecordUiController/ACTION$getRecord=18;aura://RecordUiController/ACTION$getLayout=7",
    "serviceComponent://ui.force.components.controllers.lists.ListViewManager/ACTION$getItems=64",
    "apex://CaseTimelineController/ACTION$timeline=120",
)
_FILES = (("PDF", 400_000), ("EXCEL_X", 90_000), ("WORD_X", 60_000), ("PNG", 200_000))


def simulate_working_day(day: ScenarioDay, person: Person) -> None:
    """The sessions of one person, in the office hours that fall into the day."""
    hours = list(_list_office_hours(day, person))
    if not hours or day.rng.random() < 0.08:
        return
    for begin in sorted(day.rng.sample(hours, k=min(len(hours), 2))):
        at = begin + timedelta(seconds=day.rng.random() * 3000)
        if day.rng.random() < 0.06:
            _mistype_password(day, person, at - timedelta(seconds=20))
        _simulate_session(day, person, at)


def _list_office_hours(day: ScenarioDay, person: Person) -> Iterator[datetime]:
    hour = day.start.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    while hour < day.end:
        if 8 <= (hour.hour + person.office.hours_from_utc) % 24 < 17:
            yield hour
        hour += timedelta(hours=1)


def build_browser_login(person: Person) -> LoginKind:
    """An interactive login with the person's own browser."""
    return LoginKind(
        type="A",
        sub_type="uiup",
        application="Browser",
        uri="/index.jsp",
        agent=person.browser.agent,
        browser=person.browser.name,
        platform=person.browser.platform,
    )


def _mistype_password(day: ScenarioDay, person: Person, at: datetime) -> None:
    day.record_login(person, at, build_browser_login(person), status="LOGIN_ERROR_INVALID_PASSWORD")


def _simulate_session(day: ScenarioDay, person: Person, at: datetime) -> None:
    session = day.record_login(person, at, build_browser_login(person))
    for number in range(10 + int(day.rng.random() * 9)):
        at += timedelta(seconds=15 + day.rng.random() * 300)
        _log_page_view(day, session, at, number)
        chance = day.rng.random()
        if chance < 0.08:
            run_report(day, session, at, origin="ReportRunFromLightning")
        elif chance < 0.16:
            store_list_view(day, session, at)
        elif chance < 0.23:
            log_file_transfer(day, session, at)
        elif chance < 0.42 or person.team == "admin":
            _log_classic_page(day, session, at)
    if day.rng.random() < 0.6:
        _log_logout(day, session, at + timedelta(seconds=30))


def _log_page_view(day: ScenarioDay, session: UserSession, at: datetime, number: int) -> None:
    rng = day.rng
    entity, prefix = _ENTITIES[int(rng.random() * len(_ENTITIES))]
    record = day.ids.make_record_id(prefix)
    browser = session.person.browser
    page = {
        "APP_NAME": "one:one",
        "BROWSER_NAME": browser.name.partition(" ")[0].upper(),
        "BROWSER_VERSION": browser.name.partition(" ")[2],
        "DEVICE_PLATFORM": "SFX:BROWSER:DESKTOP",
        "DURATION": day.pick_number(3000),
        "EFFECTIVE_PAGE_TIME": day.pick_number(2000),
        "OS_NAME": browser.platform.partition(" ")[0].upper(),
        "PAGE_APP_NAME": "LightningSales",
        "PAGE_CONTEXT": "force:record",
        "PAGE_ENTITY_ID": record,
        "PAGE_ENTITY_TYPE": entity,
        "PAGE_START_TIME": str(int(at.timestamp() * 1000)),
        "PAGE_URL": f"/lightning/r/{entity}/{record}/view",
        "UI_EVENT_ID": "ltng:pageView",
        "UI_EVENT_SEQUENCE_NUM": str(number),
        "UI_EVENT_TIMESTAMP": str(int(at.timestamp() * 1000)),
        "USER_AGENT": browser.agent,
    }
    day.event_log.add_event("LightningPageView", at, {**session.log_columns, **page})
    _log_aura_request(day, session, at)
    if number % 2:
        _log_aura_request(day, session, at + timedelta(milliseconds=700))
    if number % 3 == 0:
        _store_lightning_uri(day, session, at, entity, record)


def _log_aura_request(day: ScenarioDay, session: UserSession, at: datetime) -> None:
    rng = day.rng
    is_shortened = rng.random() < 0.1
    browser = session.person.browser
    request = {
        "RUN_TIME": day.pick_number(300),
        "CPU_TIME": day.pick_number(90),
        "URI": "/aura",
        "DB_TOTAL_TIME": day.pick_number(40_000_000),
        "ACTION_MESSAGE": _ACTIONS[int(rng.random() * len(_ACTIONS))],
        "REQUEST_METHOD": "POST",
        "USER_AGENT": browser.version if is_shortened else browser.agent,
    }
    if rng.random() < 0.03:
        request["TIMESTAMP_DERIVED"] = ""
    day.event_log.add_event("AuraRequest", at, {**session.log_columns, **request})


def _store_lightning_uri(
    day: ScenarioDay, session: UserSession, at: datetime, entity: str, record: str
) -> None:
    event = {
        "AppName": "one:one",
        "DevicePlatform": "SFX:BROWSER:DESKTOP",
        "Duration": 0.0,
        "EffectivePageTime": float(day.pick_number(2000)),
        "Operation": "Read",
        "OsName": session.person.browser.platform.partition(" ")[0].upper(),
        "PageStartTime": at.replace(microsecond=0),
        "PageUrl": f"/lightning/r/{entity}/{record}/view",
        "QueriedEntities": entity,
        "RecordId": record,
        "UserAgent": session.person.browser.agent,
        "UserType": session.person.user_type,
    }
    day.store_event(
        "LightningUriEvent", at + timedelta(seconds=4), {**session.object_fields, **event}
    )


def _log_classic_page(day: ScenarioDay, session: UserSession, at: datetime) -> None:
    is_setup = session.person.team == "admin"
    page = {
        "RUN_TIME": day.pick_number(900),
        "CPU_TIME": day.pick_number(200),
        "URI": "/setup/forcecomHomepage.apexp" if is_setup else "/home/home.jsp",
        "DB_TOTAL_TIME": day.pick_number(60_000_000),
        "DB_BLOCKS": day.pick_number(4000),
        "DB_CPU_TIME": day.pick_number(60),
        "REFERRER_URI": "https://acme.my.salesforce.com/lightning/page/home",
    }
    day.event_log.add_event("URI", at + timedelta(seconds=2), {**session.log_columns, **page})


def store_list_view(day: ScenarioDay, session: UserSession, at: datetime) -> None:
    """A list view of the person's own records, as a stored event."""
    entity, _ = _ENTITIES[int(day.rng.random() * len(_ENTITIES))]
    event = {
        "Name": f"My {entity}s",
        "DeveloperName": f"My_{entity}s",
        "EventSource": "Lightning",
        "ExecutionIdentifier": day.ids.make_uuid(),
        "ColumnHeaders": "Name,Owner.Alias,LastModifiedDate",
        "FilterCriteria": '{"whereCondition":{"type":"soqlCondition","field":"OwnerId"}}',
        "ListViewId": day.ids.make_record_id("00B"),
        "NumberOfColumns": 3,
        "OrderBy": "[LastModifiedDate DESC NULLS LAST, Id ASC NULLS FIRST]",
        "QueriedEntities": entity,
        "RowsProcessed": 1.0 + float(day.pick_number(180)),
        "Scope": "mine",
        "Sequence": 1,
        "OwnerId": session.person.id,
        "LoginHistoryId": session.history_id,
        "EvaluationTime": 0.0,
    }
    day.store_event("ListViewEvent", at, {**session.object_fields, **event})


def log_file_transfer(day: ScenarioDay, session: UserSession, at: datetime) -> None:
    """A file that is read, or now and then written, in its log file."""
    kind, size = _FILES[int(day.rng.random() * len(_FILES))]
    document, version = day.ids.make_record_id("069"), day.ids.make_record_id("068")
    is_upload = day.rng.random() < 0.3
    transfer = {
        "USER_ID": session.person.id[:15],
        "USER_ID_DERIVED": session.person.id,
        "TRANSACTION_TYPE": "saveVersion" if is_upload else "VersionDownloadAction",
        "DOCUMENT_ID": document[:15],
        "DOCUMENT_ID_DERIVED": document,
        "VERSION_ID": version[:15],
        "VERSION_ID_DERIVED": version,
        "FILE_TYPE": kind,
        "SIZE_BYTES": day.pick_number(size),
    }
    day.event_log.add_event("ContentTransfer", at, transfer)


def _log_logout(day: ScenarioDay, session: UserSession, at: datetime) -> None:
    is_manual = day.rng.random() < 0.7
    logout = {
        "SESSION_TYPE": "UI",
        "SESSION_LEVEL": "STANDARD(db=1,api=STANDARD)",
        "USER_TYPE": "Standard(db=S,api=Standard)",
        "BROWSER_TYPE": session.person.browser.agent,
        "PLATFORM_TYPE": "1015",
        "RESOLUTION_TYPE": "9999",
        "APP_TYPE": "1000",
        "CLIENT_VERSION": "9998.0",
        "USER_INITIATED_LOGOUT": "1" if is_manual else "0",
    }
    day.event_log.add_event("Logout", at, {**session.log_columns, **logout})
    if is_manual:
        day.store_event("LogoutEvent", at, session.object_fields)
