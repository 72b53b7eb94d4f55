"""Acme's people: staff in three offices, integrations, a guest user of the support site."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from collector.demo.oauth import INTEGRATION_USER_ID
from collector.demo.salesforce_ids import IdGenerator

STAFF_COUNT = 290


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """Where people work: hours from UTC, and the office's public network."""

    city: str
    country: str
    iso: str
    subdivision: str
    hours_from_utc: int
    network: str
    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Browser:
    """A browser by its User-Agent, and as LoginHistory names it."""

    agent: str
    name: str
    platform: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A user of the org. `user_type` is Standard or Guest; `team` decides what the user does."""

    id: str
    username: str
    name: str
    team: str
    profile: str
    user_type: str
    office: Office
    browser: Browser
    ip: str

    def to_row(self, profile_id: str, created: Any) -> dict[str, Any]:
        """The record of User."""
        return {
            "Id": self.id,
            "Username": self.username,
            "Name": self.name,
            "Email": self.username,
            "IsActive": True,
            "UserType": self.user_type,
            "ProfileId": profile_id,
            "Department": self.team.title(),
            "CompanyName": "Acme",
            "CreatedDate": created,
            "LastModifiedDate": created,
            "SystemModstamp": created,
        }


AUSTIN = Office(
    city="Austin",
    country="United States",
    iso="US",
    subdivision="Texas",
    hours_from_utc=-6,
    network="192.0.2",
    latitude=30.2672,
    longitude=-97.7431,
)
DUBLIN = Office(
    city="Dublin",
    country="Ireland",
    iso="IE",
    subdivision="Leinster",
    hours_from_utc=0,
    network="198.51.100",
    latitude=53.3498,
    longitude=-6.2603,
)
SINGAPORE = Office(
    city="Singapore",
    country="Singapore",
    iso="SG",
    subdivision="Singapore",
    hours_from_utc=8,
    network="203.0.113",
    latitude=1.3521,
    longitude=103.8198,
)
_OFFICES = (AUSTIN, AUSTIN, DUBLIN, SINGAPORE)

_GECKO = "(KHTML, like Gecko)"
BROWSERS = (
    Browser(
        agent=f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 {_GECKO}"
        " Chrome/141.0.0.0 Safari/537.36",
        name="Chrome 141",
        platform="Windows 11",
        version="13141000",
    ),
    Browser(
        agent=f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 {_GECKO}"
        " Chrome/141.0.0.0 Safari/537.36",
        name="Chrome 141",
        platform="Mac OSX",
        version="13141000",
    ),
    Browser(
        agent=f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 {_GECKO}"
        " Chrome/141.0.0.0 Safari/537.36 Edg/141.0.0.0",
        name="Edge 141",
        platform="Windows 11",
        version="25141000",
    ),
    Browser(
        agent=f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 {_GECKO}"
        " Version/18.6 Safari/605.1.15",
        name="Safari 18",
        platform="Mac OSX",
        version="14180000",
    ),
)
PROGRAM_BROWSER = Browser(
    agent="Jakarta Commons-HttpClient/3.1", name="Java", platform="Unknown", version="9999"
)

_FIRST_NAMES = (
    "Ada Ben Carla Dev Elena Finn Grace Hugo Ines Jonas Kira Liam Mara Nadia Omar Priya Quinn Rosa"
    " Sam Tara Uma Victor Wen Ximena Yusuf Zoe Aoife Bruno Chen Dara"
)
_LAST_NAMES = (
    "Adler Brennan Castillo Dietrich Eriksen Fischer Gallagher Haddad Ibrahim Jensen Kaur Lindqvist"
    " Moreau Nakamura Okafor Petrov Quintero Rahman Santos Tan Ueda Vargas Weber Xu Yildiz Zeller"
    " Almeida Byrne Costa Doyle"
)
_TEAMS = ("sales", "sales", "sales", "support", "support", "marketing", "finance")
_PROGRAMS = {
    "marketing.sync": "Marketing Sync",
    "erp.connector": "ERP Connector",
    "telephony": "Telephony",
    "data.loader": "Nightly Data Loader",
    "chat.widget": "Chat Widget",
    "backup": "Backup",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """The users. `programs` is keyed by the first part of the username."""

    staff: tuple[Person, ...]
    admins: tuple[Person, ...]
    developer: Person
    programs: dict[str, Person]
    guest: Person

    def list_users(self) -> list[Person]:
        """All users of the org except the collector's own."""
        others = (self.developer, self.guest)
        return [*self.staff, *self.admins, *self.programs.values(), *others]


def build_people(rng: random.Random, ids: IdGenerator) -> People:
    """The users, the same for the same generator."""
    names = [f"{first} {last}" for last in _LAST_NAMES.split() for first in _FIRST_NAMES.split()]
    rng.shuffle(names)
    staff = tuple(
        _build_employee(name, rng.choice(_TEAMS), rng, ids) for name in names[:STAFF_COUNT]
    )
    admins = tuple(
        _build_employee(name, "admin", rng, ids) for name in names[STAFF_COUNT : STAFF_COUNT + 3]
    )
    programs = {
        key: _build_program_user(key, name, 200 + index, ids)
        for index, (key, name) in enumerate(_PROGRAMS.items())
    }
    return People(
        staff=staff,
        admins=admins,
        developer=_build_employee(names[STAFF_COUNT + 3], "developer", rng, ids),
        programs=programs,
        guest=_build_guest(ids),
    )


def build_collector_user(application_username: str) -> Person:
    """The integration user that the collector itself logs in as."""
    return Person(
        id=INTEGRATION_USER_ID,
        username=application_username,
        name="Security Collector",
        team="integration",
        profile="Salesforce API Only System Integrations",
        user_type="Standard",
        office=AUSTIN,
        browser=PROGRAM_BROWSER,
        ip="192.0.2.250",
    )


def _build_employee(name: str, team: str, rng: random.Random, ids: IdGenerator) -> Person:
    office = rng.choice(_OFFICES)
    return Person(
        id=ids.make_record_id("005"),
        username=name.lower().replace(" ", ".") + "@acme.com",
        name=name,
        team=team,
        profile="System Administrator" if team == "admin" else "Standard User",
        user_type="Standard",
        office=office,
        browser=rng.choice(BROWSERS),
        ip=f"{office.network}.{rng.randrange(10, 40)}",
    )


def _build_program_user(key: str, name: str, host: int, ids: IdGenerator) -> Person:
    return Person(
        id=ids.make_record_id("005"),
        username=f"{key}@acme.com",
        name=name,
        team="integration",
        profile="Salesforce API Only System Integrations",
        user_type="Standard",
        office=AUSTIN,
        browser=PROGRAM_BROWSER,
        ip=f"192.0.2.{host}",
    )


def _build_guest(ids: IdGenerator) -> Person:
    return Person(
        id=ids.make_record_id("005"),
        username="support_site@acme.example.com",
        name="Support Site Guest User",
        team="guest",
        profile="Support Site Profile",
        user_type="Guest",
        office=DUBLIN,
        browser=BROWSERS[0],
        ip="2001:db8:5e::1",
    )
