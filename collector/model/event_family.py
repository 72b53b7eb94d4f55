"""What kind of record the events of a documented type are."""

from __future__ import annotations

from enum import StrEnum


class EventFamily(StrEnum):
    """Of log files, of Real-Time Event Monitoring, of ordinary objects or our own, or computed."""

    LOG_FILE = "elf"
    STORED = "stored"
    OBJECT = "object"
    DERIVED = "derived"
