"""What an alert keeps of its matches, so that further ones join without a look at the earlier."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from collector.clock import from_micros, to_micros
from collector.model.severity import Severity

FORMAT_VERSION = 1
"""Of the JSON form. What was written before there were versions is of the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityOrigin:
    """The value of an entity in the earliest match that has one."""

    time: datetime
    event_uid: str
    value: str

    @property
    def rank(self) -> tuple[datetime, str]:
        """The least rank is the earliest."""
        return self.time, self.event_uid


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceOrigin:
    """Where an event of the evidence comes from: the match that brought it.

    `is_secondary` is False for the event that a match is about, and True for what it shows beside.
    """

    event_uid: str
    match_uid: str
    severity: Severity
    is_secondary: bool
    time: datetime

    @property
    def rank(self) -> tuple[int, bool, datetime, str]:
        """The least ranks are shown."""
        return -self.severity, self.is_secondary, self.time, self.event_uid

    @property
    def owner_rank(self) -> tuple[int, bool, str]:
        """Of several matches that bring the same event, the one with the least rank has it."""
        return -self.severity, self.is_secondary, self.match_uid


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldState:
    """From which of its matches each thing comes that an alert says.

    Attributes:
        identity_uid: the event that opened the alert, of which its id is a function.
        opener_uid, newest_uid: the first and the last of its matches.
        lead_time, lead_uid, lead_weight, lead_entities: of the match that it is named after.
        entity_origins: by entity.
        evidence_origins: of the alert's evidence, in its order.
        participant_origins: by column, of each user, address and app that takes part; None where
            the version that wrote it did not know.
    """

    identity_uid: str
    opener_uid: str
    newest_uid: str
    lead_time: datetime
    lead_uid: str
    lead_weight: float
    lead_entities: Mapping[str, str]
    entity_origins: Mapping[str, EntityOrigin]
    evidence_origins: tuple[EvidenceOrigin, ...]
    participant_origins: Mapping[str, tuple[EntityOrigin, ...]] | None = None

    def to_json(self) -> dict[str, Any]:
        """The same as JSON values; times are microseconds since 1970."""
        return {
            "version": FORMAT_VERSION,
            "opened": self.identity_uid,
            "opener": self.opener_uid,
            "newest": self.newest_uid,
            "lead": [to_micros(self.lead_time), self.lead_uid],
            "weight": self.lead_weight,
            "entities": dict(self.lead_entities),
            "origins": {
                name: [to_micros(origin.time), origin.event_uid, origin.value]
                for name, origin in sorted(self.entity_origins.items())
            },
            "evidence": [
                [
                    origin.event_uid,
                    origin.match_uid,
                    int(origin.severity),
                    origin.is_secondary,
                    to_micros(origin.time),
                ]
                for origin in self.evidence_origins
            ],
            **self._build_participants_json(),
        }

    def _build_participants_json(self) -> dict[str, Any]:
        if self.participant_origins is None:
            return {}
        return {
            "participants": {
                column: [
                    [to_micros(origin.time), origin.event_uid, origin.value] for origin in origins
                ]
                for column, origins in sorted(self.participant_origins.items())
            }
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> FoldState:
        """The inverse of `to_json`, of this version and the ones before.

        Raises:
            ValueError: it was written by a later version of the program.
        """
        version = values.get("version", 1)
        if version > FORMAT_VERSION:
            raise ValueError(f"a fold state of version {version} cannot be read")
        micros, lead_uid = values["lead"]
        participants = values.get("participants")
        return cls(
            identity_uid=values["opened"],
            opener_uid=values["opener"],
            newest_uid=values["newest"],
            lead_time=from_micros(micros),
            lead_uid=lead_uid,
            lead_weight=values["weight"],
            lead_entities=values["entities"],
            entity_origins={
                name: EntityOrigin(time=from_micros(micros), event_uid=uid, value=value)
                for name, (micros, uid, value) in values["origins"].items()
            },
            evidence_origins=tuple(
                EvidenceOrigin(
                    event_uid=uid,
                    match_uid=match_uid,
                    severity=Severity(severity),
                    is_secondary=is_secondary,
                    time=from_micros(micros),
                )
                for uid, match_uid, severity, is_secondary, micros in values["evidence"]
            ),
            participant_origins=None
            if participants is None
            else {
                column: tuple(
                    EntityOrigin(time=from_micros(micros), event_uid=uid, value=value)
                    for micros, uid, value in origins
                )
                for column, origins in participants.items()
            },
        )
