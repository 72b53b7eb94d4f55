"""A card as a mail: headers that nothing can be added to, a text part and an inert HTML part."""

from __future__ import annotations

import re
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from collector import escaping
from collector.channels.card import Card
from collector.channels.email.subject_header import fold_subject
from collector.channels.message_card import build_card
from collector.model import ChannelMessage, Severity
from collector.stable_ids import hash_text

_HEADER_LIMIT = 160
_VALUE_LIMIT = 600

_COLOURS = {
    Severity.CRITICAL: "#c81e1e",
    Severity.HIGH: "#c2410c",
    Severity.MEDIUM: "#a16207",
    Severity.LOW: "#1d4ed8",
    Severity.INFORMATIONAL: "#475569",
}


def compose_mail(
    message: ChannelMessage, *, sender: str, recipients: tuple[str, ...], date: datetime
) -> EmailMessage:
    """The whole mail.

    `Message-ID` is a function of the message's key and the sender's domain, so every attempt has
    the same. All mails of an alert, or of a storm, refer to
    one id, made of its own: so they form a thread.
    """
    card = build_card(message)
    domain = sender.rpartition("@")[2]
    thread = f"<{_build_id_part(card.thread)}@{domain}>"
    subject = f"[{card.org}] {card.headline}: {card.title}"
    mail = EmailMessage(policy=SMTP)
    mail["From"] = sender
    mail["To"] = ", ".join(recipients)
    mail.set_raw("Subject", fold_subject(escaping.escape_header(subject, _HEADER_LIMIT)))
    mail["Date"] = format_datetime(date)
    mail["Message-ID"] = f"<{_build_id_part(message.key)}@{domain}>"
    mail["References"] = thread
    if message.is_update:
        mail["In-Reply-To"] = thread
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    if card.alert_id is not None:
        mail["X-Collector-Alert"] = escaping.escape_header(card.alert_id, _HEADER_LIMIT)
    mail.set_content(_render_template("email.txt.j2", card), cte="quoted-printable")
    mail.add_alternative(render_html(message), subtype="html", cte="quoted-printable")
    return mail


def render_html(message: ChannelMessage) -> str:
    """The HTML part: one document, no script, no style sheet, nothing loaded from elsewhere."""
    return _render_template("email.html.j2", build_card(message))


_ID_PART_PATTERN = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")


def _build_id_part(value: str) -> str:
    if len(value) <= 120 and _ID_PART_PATTERN.fullmatch(value):
        return value
    return hash_text(value)


# ---- templates


def _make_printable(value: Any) -> Any:
    return escaping.escape_plain(value, _VALUE_LIMIT) if isinstance(value, str) else value


_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=select_autoescape(("html.j2",)),
    finalize=_make_printable,  # of every value that a template shows, before autoescape
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)


def _render_template(name: str, card: Card) -> str:
    return _TEMPLATES.get_template(name).render(card=card, colour=_COLOURS[card.severity])
