"""Every escape, one function per output: text from an org is hostile until it has passed one."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import urlsplit

from collector.loopback import is_loopback

# ---- SQL and files


def quote_literal(value: str) -> str:
    """A string as a SQL literal (DuckDB, Spark and the standard agree on doubled quotes)."""
    return "'" + value.replace("'", "''").replace("\0", "") + "'"


def quote_identifier(name: str) -> str:
    """A column or view name as a quoted SQL identifier."""
    return '"' + name.replace('"', '""').replace("\0", "") + '"'


_FILE_NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,79}")


def is_file_name(name: str) -> bool:
    """Whether a name from outside may become a part of a path as it is."""
    return _FILE_NAME_PATTERN.fullmatch(name) is not None


# ---- what every reader of text needs

_MARKS_PER_LETTER = 4
_BLANK_LETTERS = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0"
)
_LOOK_ALIKE_SCRIPTS = frozenset(
    {"ARMENIAN", "CHEROKEE", "COPTIC", "CYRILLIC", "FULLWIDTH", "GREEK", "LISU", "MATHEMATICAL"}
)
_WORD_PATTERN = re.compile(r"[^\W\d_]+")
_ASCII_LETTER = re.compile(r"[A-Za-z]")


def escape_invisible(value: str) -> str:
    r"""One line on which everything can be seen and nothing acts.

    Controls, ESC, text direction, zero-width and unassigned characters and lone surrogates become
    escapes such as `\x1b` and `\u202e`, a line break becomes `⏎`, any other white space a blank.
    So do letters of other scripts inside a word of Latin ones (UTS 39 calls such words spoofs) and
    the marks of a letter beyond its fourth.
    """
    if value.isascii() and value.isprintable():
        return value
    visible: list[str] = []
    marks = 0
    for character in value.replace("\r\n", "\n"):
        marks = marks + 1 if _is_combining(character) else 0
        visible.append(
            _escape_character(character)
            if marks > _MARKS_PER_LETTER
            else _render_character(character)
        )
    # The letters of an escape stand in one word with what follows it.
    return _WORD_PATTERN.sub(_escape_look_alikes, "".join(visible))


def collapse_whitespace(value: str) -> str:
    """Prose as one line: every run of white space, line breaks too, is one blank."""
    return " ".join(value.split())


def truncate_text(value: str, limit: int) -> str:
    """At most `limit` UTF-16 units (what Slack counts; never fewer than characters).

    What is cut ends with `…`, and never inside a letter and its marks.
    """
    if _count_utf16_units(value) <= limit:
        return value
    prefix = value.encode("utf-16-le", "surrogatepass")[: 2 * (limit - 1)]
    end = len(prefix.decode("utf-16-le", "ignore"))
    while end and _is_combining(value[end]):
        end -= 1
    return value[:end].rstrip() + "…"


def _escape_and_truncate(value: str, limit: int) -> str:
    # `\r\n` alone gets shorter by being shown, so twice the limit decides whether to cut.
    return truncate_text(escape_invisible(value[: 2 * limit + 2]), limit)


def _count_utf16_units(value: str) -> int:
    return len(value) if value.isascii() else len(value.encode("utf-16-le", "surrogatepass")) // 2


def _is_combining(character: str) -> bool:
    return unicodedata.category(character)[0] == "M" or "\U0001f3fb" <= character <= "\U0001f3ff"


def _render_character(character: str) -> str:
    if character == "\n":
        return "⏎"
    if character == "\t" or unicodedata.category(character) == "Zs":
        return " "
    is_invisible = (
        not character.isprintable() or character in _BLANK_LETTERS or _is_selector(character)
    )
    return _escape_character(character) if is_invisible else character


def _is_selector(character: str) -> bool:
    # U+FE0F alone is common: it makes an emoji of a sign.
    return "\ufe00" <= character <= "\ufe0e" or "\U000e0100" <= character <= "\U000e01ef"


def _escape_character(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def _escape_look_alikes(word: re.Match[str]) -> str:
    letters = word[0]
    if letters.isascii() or not _ASCII_LETTER.search(letters):
        return letters
    return "".join(_escape_character(c) if _is_look_alike(c) else c for c in letters)


def _is_look_alike(letter: str) -> bool:
    return unicodedata.name(letter, "").partition(" ")[0] in _LOOK_ALIKE_SCRIPTS


# ---- one function per output


def escape_terminal(value: str, limit: int) -> str:
    """For a terminal and for files that people `cat`: one line, no escape sequence."""
    return _escape_and_truncate(value, limit)


def escape_plain(value: str, limit: int) -> str:
    """For text bodies of mails: one line, so that a value cannot pretend to be the next one."""
    return _escape_and_truncate(value, limit)


def escape_header(value: str, limit: int) -> str:
    """For a mail header or a reason in a log: one line of printable text.

    Nothing in it is an encoded word (RFC 2047): Python decodes those when a header is set, and
    before 3.11.10 and 3.12.5 a line break out of one became a header of its own.
    """
    return _escape_and_truncate(collapse_whitespace(value[: 4 * limit]).replace("=?", "= ?"), limit)


def escape_slack_plain(value: str, limit: int) -> str:
    """For Slack's `plain_text` and rich text `text` elements, which interpret nothing.

    Never empty, because Slack refuses the whole message for an empty element.
    """
    escaped = _escape_and_truncate(value, limit)
    return escaped if escaped.strip() else "-"


_FORMULA_PATTERN = re.compile(
    r"\A(?=\s*[\t\r])|(?:\A|(?<=[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]))(?=[^\S\n\r]*[=+@\t＝＋－＠-])"
)


def escape_csv_cell(value: str) -> str:
    """For a CSV cell: a line of it that a spreadsheet would run as a formula begins with `'`.

    That is one which begins, after white space, with `=`, `+`, `-`, `@` or their full-width forms,
    or with a tab or a carriage return. The text is otherwise as it was; quoting is the writer's.
    """
    return _FORMULA_PATTERN.sub("'", value)


_FORMAT_LOOK_ALIKES = str.maketrans({"*": "∗", "_": "ˍ", "~": "∼", "`": "ˋ"})
_FORMAT_EDGE_PATTERN = re.compile(r"(?<![^\W_])[*_~`]+|[*_~`]+(?![^\W_])")
_EMOJI_PATTERN = re.compile(r":(?=[\w+'-]*[^\W\d][\w+'-]*:)")


def escape_slack_mrkdwn(value: str, limit: int) -> str:
    """For Slack's mrkdwn, where nothing else is possible: at most `limit` characters.

    `& < >` are escaped (Slack, "Formatting message text"), so there are no mentions and no hidden
    links; signs that would start or end a format, emoji codes and `://` become look-alikes.
    """
    unformatted = _FORMAT_EDGE_PATTERN.sub(
        lambda signs: signs[0].translate(_FORMAT_LOOK_ALIKES), _escape_and_truncate(value, limit)
    )
    inert = _EMOJI_PATTERN.sub("∶", unformatted).replace("://", "[:]//").replace("@", "＠")
    length = limit
    while _count_utf16_units(escaped := _escape_ampersands(truncate_text(inert, length))) > limit:
        length -= max(1, (_count_utf16_units(escaped) - limit) // 5)
    return escaped if escaped.strip() else "-"


def _escape_ampersands(value: str) -> str:
    return value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


# ---- links: built by us, never copied from an event

_RECORD_ID_PATTERN = re.compile(r"[A-Za-z0-9]{15,18}")
_URL_PATTERN = re.compile(r"https?://[A-Za-z0-9._~:/?#@!$&()*+,;=%\[\]-]{1,500}")


def check_record_id(value: str) -> str | None:
    """A Salesforce record id as the part of a link's path; None for anything else."""
    return value if _RECORD_ID_PATTERN.fullmatch(value) else None


def check_link_target(url: str) -> str | None:
    """A URL as the target of a link: https (http on loopback), plain ASCII, no user name.

    None for anything else, so that `javascript:` and the like have no way in.
    """
    if not _URL_PATTERN.fullmatch(url):
        return None
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return None
    if not host or "@" in parts.netloc:
        return None
    return url if parts.scheme == "https" or is_loopback(host) else None
