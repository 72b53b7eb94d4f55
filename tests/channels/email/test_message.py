"""A mail has the headers that we gave it, and an HTML part that does nothing."""

from __future__ import annotations

import email
import email.policy
from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given

from collector import escaping
from collector.channels import email as email_channel
from collector.channels.email.message import compose_mail, render_html
from collector.model import Message
from hostile.messages import messages, poison_message
from hostile.strings import HOSTILE_STRINGS

DATE = datetime(2026, 11, 19, 17, 13, 0, tzinfo=UTC)
HEADERS = [
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "References",
    "Auto-Submitted",
    "X-Auto-Response-Suppress",
    "X-Collector-Alert",
    "MIME-Version",
    "Content-Type",
]
TAGS = set(
    "html head meta title body table tr td div span strong p h2 br ol li a".split()  # noqa: SIM905
)
ATTRIBUTES = set(
    "lang charset name content role width cellpadding cellspacing border "  # noqa: SIM905
    "align valign bgcolor colspan style href".split()
)


def sent(message: Message) -> EmailMessage:
    """The mail as a reader's program parses it."""
    mail = compose_mail(
        message,
        sender="collector@acme.com",
        recipients=("soc@acme.com", "ciso@acme.com"),
        date=DATE,
    )
    return email.message_from_bytes(mail.as_bytes(), policy=email.policy.default)


def body(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    assert part is not None
    return str(part.get_content())


class Page(HTMLParser):
    """The tags, styles, targets and words of a document."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.styles: set[str] = set()
        self.targets: list[str] = []
        self.words = ""
        self.other: list[str] = []
        self.feed(document)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            self.attributes.add(name)
            if name == "style":
                self.styles.add(value or "")
            if name == "href":
                self.targets.append(value or "")

    def handle_data(self, data: str) -> None:
        self.words += data

    def handle_comment(self, data: str) -> None:
        self.other.append(data)

    def handle_pi(self, data: str) -> None:
        self.other.append(data)

    def unknown_decl(self, data: str) -> None:
        self.other.append(data)


# ---- headers


def test_the_headers_are_ours(message: Message) -> None:
    mail = sent(message)

    assert mail.keys() == HEADERS
    assert mail["From"] == "collector@acme.com"
    assert mail["To"] == "soc@acme.com, ciso@acme.com"
    assert mail["Subject"].strip() == f"[acme] Critical: {message.alert.title}"
    assert mail["Date"] == "Thu, 19 Nov 2026 17:13:00 +0000"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["X-Collector-Alert"] == "3f9c2a7b10d4"


@pytest.mark.slow
def test_a_hostile_text_adds_no_header_and_no_recipient(message: Message) -> None:
    for value in HOSTILE_STRINGS:
        mail = sent(poison_message(message, value))

        assert mail.keys() == HEADERS
        assert mail["To"].addresses == sent(message)["To"].addresses
        assert mail["From"] == "collector@acme.com"
        assert [part.get_content_type() for part in mail.walk()] == [
            "multipart/alternative",
            "text/plain",
            "text/html",
        ]


@given(message=messages)
def test_any_alert_makes_a_mail_that_can_be_parsed(message: Message) -> None:
    mail = sent(message)

    assert set(mail.keys()) == {*HEADERS, *(["In-Reply-To"] if message.is_update else [])}
    assert not mail.defects
    assert not [defect for part in mail.walk() for defect in part.defects]
    assert mail["Subject"].isprintable()
    assert max(map(len, mail.as_bytes().splitlines())) <= 998


# ---- threads


def test_every_attempt_has_the_same_message_id(message: Message) -> None:
    ids = {sent(replace(message, attempt=attempt))["Message-ID"] for attempt in (1, 2, 9)}

    assert ids == {"<3f9c2a7b10d4.1.secops@acme.com>"}


def test_every_revision_has_its_own_message_id_and_the_thread_of_the_alert(
    message: Message, update: Message
) -> None:
    first, second = sent(message), sent(update)

    assert first["Message-ID"] != second["Message-ID"]
    assert first["References"] == second["References"] == "<alert.3f9c2a7b10d4@acme.com>"
    assert first["In-Reply-To"] is None
    assert second["In-Reply-To"] == "<alert.3f9c2a7b10d4@acme.com>"


def test_a_key_that_is_no_id_becomes_one_that_is_its_own(message: Message) -> None:
    ids = [sent(replace(message, key=value))["Message-ID"] for value in HOSTILE_STRINGS]

    assert len(set(ids)) == len(HOSTILE_STRINGS)
    assert all(len(an_id) < 160 and an_id.isascii() and an_id.count("@") == 1 for an_id in ids)


# ---- the HTML part


def test_html_is_inert_whatever_the_text(message: Message) -> None:
    styles = Page(render_html(replace(message, attempt=2))).styles
    for value in HOSTILE_STRINGS:
        page = Page(render_html(replace(poison_message(message, value), attempt=2)))

        assert page.tags <= TAGS
        assert page.attributes <= ATTRIBUTES
        assert page.styles <= styles
        assert not page.other
        assert all(escaping.check_link_target(target) == target for target in page.targets)


@given(message=messages)
def test_html_is_inert_for_any_alert(message: Message) -> None:
    page = Page(render_html(message))

    assert page.tags <= TAGS
    assert page.attributes <= ATTRIBUTES
    assert not page.other
    assert page.words.replace("\n", "").replace("\u00a0", "").isprintable()


def test_html_loads_nothing(message: Message) -> None:
    document = render_html(message)

    assert "url(" not in document
    assert "@import" not in document
    assert "src" not in Page(document).attributes


def test_links_lead_to_the_org_to_attack_and_to_the_references(message: Message) -> None:
    assert Page(render_html(message)).targets == [
        "https://acme.my.salesforce.com/0055f00000HyJSwXXY",
        "https://attack.mitre.org/techniques/T1078/004/",
        "https://attack.mitre.org/techniques/T1530/",
        "https://help.salesforce.com/s/articleView?id=000390044&type=1",
    ]


def test_a_hostile_text_can_be_read(message: Message) -> None:
    for value in HOSTILE_STRINGS:
        if len(shown := escaping.escape_plain(value, 600)) <= 150 and value.strip():
            assert shown in Page(render_html(poison_message(message, value))).words


def test_no_template_switches_the_escape_off() -> None:
    templates = Path(email_channel.__file__).parent / "templates"
    sources = [path.read_text(encoding="utf-8") for path in templates.iterdir()]

    assert len(sources) == 2
    assert not [source for source in sources if "safe" in source or "autoescape" in source]


# ---- what it says


@pytest.mark.parametrize("kind", ["plain", "html"])
def test_both_parts_say_all_that_the_card_says(message: Message, kind: str) -> None:
    document = body(sent(message), kind)
    words = Page(document).words if kind == "html" else document

    for part in (
        "Bulk API query on Contact (150,000 records) by dana@acme.com",
        "A Bulk API job read more records than people usually need. Thieves use it.",
        "dana@acme.com (0055f00000HyJSwXXY)",
        "203.0.113.89 (NL)",
        "12 events, one with 150,000 records",
        "2026-11-19 08:00:12 to 09:10:00 UTC, received 8 h 2 min after it happened",
        "2026-11-19 08:04:40",
        "SELECT Id, Email⏎FROM Account",
        "… 10 more",
        "If not, freeze the user, then revoke the sessions.",
        "ATT&CK T1078.004",
        "bulk-api-exfiltration",
        "3f9c2a7b10d4",
    ):
        assert part in words
    assert "possible repeat" not in words


@pytest.mark.parametrize("kind", ["plain", "html"])
def test_an_update_and_a_repeat_say_so(update: Message, kind: str) -> None:
    words = body(sent(update), kind)

    assert "update: now high, 131 events" in words.lower()
    assert "possible repeat, attempt 2, key 3f9c2a7b10d4.2.secops" in words


def test_a_value_in_the_text_part_stays_on_its_line(message: Message) -> None:
    alert = replace(message.alert, entities={"user_name": "x\nWhen          never"})
    lines = body(sent(replace(message, alert=alert)), "plain").splitlines()

    assert len([line for line in lines if line.startswith("When ")]) == 1
