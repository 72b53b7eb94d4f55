"""Records one day of an org: log files, stored objects, and the sessions that link them."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from collector.demo.event_log import EventLog
from collector.demo.people import Person
from collector.demo.salesforce_ids import IdGenerator
from collector.demo.soql_conditions import SObjectRow

STATUS_LABELS = {
    "LOGIN_NO_ERROR": "Success",
    "LOGIN_ERROR_INVALID_PASSWORD": "Invalid Password",
    "LOGIN_ERROR_PASSWORD_LOCKOUT": "Password Lockout",
    "LOGIN_ERROR_USER_INACTIVE": "User is Inactive",
}
_LOGIN_TYPES = {
    "8": "SAML Sfdc Initiated SSO",
    "A": "Application",
    "I": "Other Apex API",
    "i": "Remote Access 2.0",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class UserSession:
    """A login, with the values that its later events share in files and stored objects."""

    person: Person
    ip: str
    history_id: str
    session_key: str
    login_key: str

    @property
    def log_columns(self) -> dict[str, str]:
        """Columns of log files."""
        return {
            "USER_ID": self.person.id[:15],
            "USER_ID_DERIVED": self.person.id,
            "USER_TYPE": self.person.user_type,
            "SESSION_KEY": self.session_key,
            "LOGIN_KEY": self.login_key,
            "CLIENT_IP": self.ip,
        }

    @property
    def object_fields(self) -> dict[str, Any]:
        """Fields of stored objects."""
        return {
            "UserId": self.person.id,
            "Username": self.person.username,
            "SessionKey": self.session_key,
            "LoginKey": self.login_key,
            "SourceIp": self.ip,
            "SessionLevel": "STANDARD",
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginKind:
    """A kind of login: the code of LOGIN_TYPE, the application, and its user agent."""

    type: str
    sub_type: str
    application: str
    uri: str
    agent: str
    browser: str
    platform: str
    is_relayed: bool = False


class ScenarioDay:
    """The events of one day; those outside of it are dropped."""

    def __init__(
        self, rng: random.Random, ids: IdGenerator, *, start: datetime, end: datetime
    ) -> None:
        self.rng = rng
        self.ids = ids
        self.start = start
        self.end = end
        self.event_log = EventLog(ids, start=start, end=end)
        self.rows: dict[str, list[SObjectRow]] = {}

    def pick_number(self, most: int) -> str:
        """A random whole number below `most`, as a log file writes it."""
        return str(int(self.rng.random() * most))

    def store_event(self, name: str, at: datetime, values: Mapping[str, Any]) -> None:
        """Store an event of a real-time object; it becomes visible some seconds later."""
        if not self.start <= at < self.end:
            return
        at = at.replace(microsecond=at.microsecond // 1000 * 1000)
        created = at + timedelta(milliseconds=3000 + int(self.rng.random() * 7000))
        identity = {
            "EventDate": at,
            "CreatedDate": created,
            "EventIdentifier": self.ids.make_uuid(),
        }
        self.rows.setdefault(name, []).append({**identity, **values})

    def store_record(self, name: str, at: datetime, values: Mapping[str, Any]) -> None:
        """Store a record of a standard object; `values` include its Id and times."""
        if self.start <= at < self.end:
            self.rows.setdefault(name, []).append(values)

    def record_login(
        self,
        person: Person,
        at: datetime,
        kind: LoginKind,
        *,
        status: str = "LOGIN_NO_ERROR",
        ip: str = "",
    ) -> UserSession:
        """Record a login as Login, LoginEvent and LoginHistory; return its session."""
        session = UserSession(
            person=person,
            ip=ip or person.ip,
            history_id=self.ids.make_record_id("0Ya"),
            session_key=self.ids.make_surrogate_key(),
            login_key=self.ids.make_surrogate_key(),
        )
        self._log_login(session, at, kind, status)
        self._store_login(session, at, kind, STATUS_LABELS[status])
        return session

    def _log_login(self, session: UserSession, at: datetime, kind: LoginKind, status: str) -> None:
        columns = {
            "SESSION_KEY": "",
            "CLIENT_IP": "Salesforce.com IP" if kind.is_relayed else session.ip,
            "RUN_TIME": self.pick_number(400),
            "CPU_TIME": self.pick_number(60),
            "URI": kind.uri,
            "DB_TOTAL_TIME": self.pick_number(90_000_000),
            "LOGIN_TYPE": kind.type,
            "LOGIN_SUB_TYPE": kind.sub_type,
            "BROWSER_TYPE": kind.agent,
            "API_VERSION": "9998.0",
            "USER_NAME": session.person.username,
            "TLS_PROTOCOL": "TLSv1.3",
            "CIPHER_SUITE": "TLS_AES_256_GCM_SHA384",
            "LOGIN_URL": "acme.my.salesforce.com",
            "LOGIN_STATUS": status,
            "SOURCE_IP": session.ip,
        }
        self.event_log.add_event("Login", at, {**session.log_columns, **columns})

    def _store_login(self, session: UserSession, at: datetime, kind: LoginKind, label: str) -> None:
        office = session.person.office
        shared = {
            "UserId": session.person.id,
            "LoginType": _LOGIN_TYPES[kind.type],
            "LoginSubType": kind.sub_type or None,
            "Application": kind.application,
            "Browser": kind.browser,
            "Platform": kind.platform,
            "ClientVersion": "N/A",
            "Status": label,
            "SourceIp": session.ip,
            "CountryIso": office.iso,
            "LoginUrl": "acme.my.salesforce.com",
            "TlsProtocol": "TLS 1.3",
            "CipherSuite": "TLS_AES_256_GCM_SHA384",
        }
        event = {
            "Username": session.person.username,
            "UserType": session.person.user_type,
            "LoginKey": session.login_key,
            "LoginHistoryId": session.history_id,
            "City": office.city,
            "Country": office.country,
            "Subdivision": office.subdivision,
            "LoginLatitude": office.latitude,
            "LoginLongitude": office.longitude,
            "HttpMethod": "POST",
            "EvaluationTime": 0.0,
            "AdditionalInfo": "{}",
        }
        self.store_event("LoginEvent", at, {**shared, **event})
        second = at.replace(microsecond=0)
        history = {"Id": session.history_id, "LoginTime": second, "OptionsIsPost": True}
        self.store_record("LoginHistory", second, {**shared, **history, "OptionsIsGet": False})
