"""Logs: one JSON object a line on stderr, with stable event names and without secrets."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, MutableMapping
from typing import Any

import structlog

from collector.deferred_modules import call_once_loaded


class JsonLog:
    """Where events are logged. Nothing of a log is loaded before the first event."""

    def info(self, event: str, **values: object) -> None:
        """Log what went as it should."""
        structlog.get_logger().info(event, **values)

    def warning(self, event: str, **values: object) -> None:
        """Log what somebody should know of."""
        structlog.get_logger().warning(event, **values)

    def error(self, event: str, **values: object) -> None:
        """Log what somebody has to see to."""
        structlog.get_logger().error(event, **values)

    def exception(self, event: str, **values: object) -> None:
        """Log an error, with the traceback of the exception that is being handled."""
        structlog.get_logger().exception(event, **values)


log = JsonLog()
"""`log.info("batch_stored", stream=…, rows=…)`: a snake-case event name, the rest as values."""


def configure_logging(level: str = "info", secrets: Iterable[str] = ()) -> None:
    """Send logs of at least this level to stderr; none of the `secrets` ever appears in them."""
    hidden = tuple(secret for secret in secrets if secret)
    call_once_loaded(structlog, lambda: _configure_structlog(level, hidden))


def _configure_structlog(level: str, hidden: tuple[str, ...]) -> None:
    def redact_event(
        _logger: object, _method: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        return {name: _mask_secrets(value, hidden) for name, value in event.items()}

    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            structlog.processors.format_exc_info,
            redact_event,
            structlog.processors.JSONRenderer(ensure_ascii=True),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


def _mask_secrets(value: Any, hidden: tuple[str, ...]) -> Any:
    if not isinstance(value, str):
        return value
    for secret in hidden:
        value = value.replace(secret, "***")
    return value
