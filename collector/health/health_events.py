"""The events that the collector reports of itself: their type, source and columns."""

from __future__ import annotations

HEALTH_EVENT_TYPE = "CollectorHealth"
HEALTH_SOURCE = "health"

HEALTH_COLUMNS = ("EventIdentifier", "EventDate", "Subject", "Part", "State", "Reason", "Since")
