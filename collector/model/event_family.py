"""What kind of record the events of a documented type are."""

from __future__ import annotations

from enum import StrEnum


class EventFamily(StrEnum):
    """Where such records come from.

    Of log files, of these as objects (`LoginEventLog`), of Real-Time Event Monitoring, of ordinary
    objects or our own, or computed.
    """

    LOG_FILE = "elf"
    LOG_OBJECT = "elf_object"
    STORED = "stored"
    OBJECT = "object"
    DERIVED = "derived"
