"""A card as a mail: headers that nothing can be added to, a text part and an inert HTML part."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from collector import text
from collector.channels.card import Card, card
from collector.model import Message, Severity

_SUBJECT = 160
_VALUE = 600

_COLOURS = {
    Severity.CRITICAL: "#c81e1e",
    Severity.HIGH: "#c2410c",
    Severity.MEDIUM: "#a16207",
    Severity.LOW: "#1d4ed8",
    Severity.INFORMATIONAL: "#475569",
}


def compose(
    message: Message, *, sender: str, recipients: tuple[str, ...], date: datetime
) -> EmailMessage:
    """The whole mail.

    `Message-ID` is a function of the message's key and the sender's domain, so every attempt has
    the same. All mails of an alert refer to one id, made of the alert's: so they form a thread.
    """
    shown = card(message)
    domain = sender.rpartition("@")[2]
    thread = f"<alert.{_id_part(message.alert.id)}@{domain}>"
    subject = f"[{message.alert.org}] {shown.headline}: {shown.title}"
    mail = EmailMessage(policy=SMTP)
    mail["From"] = sender
    mail["To"] = ", ".join(recipients)
    mail["Subject"] = text.header(subject, _SUBJECT)
    mail["Date"] = format_datetime(date)
    mail["Message-ID"] = f"<{_id_part(message.key)}@{domain}>"
    mail["References"] = thread
    if message.update:
        mail["In-Reply-To"] = thread
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    mail["X-Collector-Alert"] = text.header(message.alert.id, _SUBJECT)
    mail.set_content(_render("email.txt.j2", shown), cte="quoted-printable")
    mail.add_alternative(html(message), subtype="html", cte="quoted-printable")
    return mail


def html(message: Message) -> str:
    """The HTML part: one document, no script, no style sheet, nothing loaded from elsewhere."""
    return _render("email.html.j2", card(message))


_ID_PART = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")


def _id_part(value: str) -> str:
    if len(value) <= 120 and _ID_PART.fullmatch(value):
        return value
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()[:32]


# ---- templates


def _printable(value: Any) -> Any:
    return text.plain(value, _VALUE) if isinstance(value, str) else value


_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=select_autoescape(("html.j2",)),
    finalize=_printable,  # every value that a template shows passes `text.plain`, then the escape
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)


def _render(name: str, shown: Card) -> str:
    return _TEMPLATES.get_template(name).render(card=shown, colour=_COLOURS[shown.severity])
