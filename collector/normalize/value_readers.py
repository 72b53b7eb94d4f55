"""How the text of a native column becomes the value of a canonical one: SQL from SQL.

Each reader takes a SQL expression (VARCHAR) and returns one; NULL stays NULL, and what cannot be
read becomes NULL.
"""

from __future__ import annotations

from collections.abc import Callable

from collector.escaping import quote_literal
from collector.plain_addresses import ESCAPES, NARROW_CHARACTERS, WIDE_CHARACTERS
from collector.plain_names import REPEATED_ESCAPE

ValueReader = Callable[[str], str]

_ODD_IN_ADDRESSES = "[^ -$&-~]"
"""Anything but printable ASCII, and the beginning of an escape."""


def read_text(native: str) -> str:
    """The text as it is."""
    return native


def read_known_text(native: str) -> str:
    """The text; NULL for `N/A`."""
    return f"nullif({native}, 'N/A')"


def read_address(native: str) -> str:
    """The text, which may hold IP addresses; NULL for `Salesforce.com IP`, an internal caller.

    Wide characters are narrow in it and escapes are read, as `simplify_addresses` has it.
    """
    plain = f"translate({native}, '{WIDE_CHARACTERS}', '{NARROW_CHARACTERS}')"
    for pattern, character in ESCAPES.items():
        plain = f"regexp_replace({plain}, '{pattern}', '{character}', 'g')"
    return (
        f"CASE WHEN regexp_matches({native}, '{_ODD_IN_ADDRESSES}') THEN {plain}"
        f" ELSE nullif({native}, 'Salesforce.com IP') END"
    )


def read_unquoted(native: str) -> str:
    """The text without the one pair of quotes that some producers put around it."""
    return (
        f"CASE WHEN starts_with({native}, '\"') AND ends_with({native}, '\"')"
        f" AND strlen({native}) > 1 THEN nullif({native}[2:-2], '') ELSE {native} END"
    )


def read_before_parenthesis(native: str) -> str:
    """`Standard` of `Standard(db=S,api=Standard)`."""
    return f"split_part({native}, '(', 1)"


def capture_group(pattern: str) -> ValueReader:
    """What the first group of an RE2 pattern finds; NULL where it finds nothing."""
    return lambda native: f"nullif(regexp_extract({native}, {quote_literal(pattern)}, 1), '')"


def capture_record_id(pattern: str) -> ValueReader:
    """Like `capture_group`, for a record id."""
    return lambda native: read_long_id(capture_group(pattern)(native))


def read_single_user_id(native: str) -> str:
    """The id of the only user in a list, or of the user among other records; else NULL."""
    return capture_record_id(r"^\W*(005[0-9A-Za-z]{12}(?:[0-9A-Za-z]{3})?)\W*$")(native)


def read_json_member(name: str) -> ValueReader:
    """The text under a key of a JSON object."""
    path = quote_literal(f"$.{name}")
    return lambda native: f"CASE WHEN json_valid({native}) THEN {native} ->> {path} END"


# ---- ids

_ID_SUFFIX_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_CASE_BITS = 0x20_20_20_20_20
"""In five ASCII letters or digits: the bit of each that only upper-case letters lack."""


def read_long_id(native: str) -> str:
    """A record id with 18 characters; every text that is no id of 15 is kept as it is.

    The suffix has a character for each five of the id: the number whose bit i says that character
    i is upper case. A suffix that came with the id is never computed again.
    """
    suffix = " || ".join(
        _build_id_suffix(f"substring({native}, {start}, 5)") for start in (1, 6, 11)
    )
    return (
        f"CASE WHEN strlen({native}) = 15 AND regexp_full_match({native}, '[0-9A-Za-z]+')"
        f" THEN {native} || {suffix} ELSE {native} END"
    )


def _build_id_suffix(five_characters: str) -> str:
    # Modulo 2^9 - 1, the case bits of the first to the fifth character (bits 36, 28, 20, 12 and 4)
    # are bits 0 to 4: what five comparisons would add up to, in half the time.
    bits = f"(('0x' || hex({five_characters}))::BIGINT & {_CASE_BITS}) >> 1"
    return f"substring('{_ID_SUFFIX_ALPHABET}', 32 - ({bits}) % 511, 1)"


# ---- times and numbers

_COMPACT_TIME_FORMATS = ["%Y%m%d%H%M%S.%f", "%Y%m%d%H%M%S", "%Y%m%d%H%M%S."]


def read_iso_time(native: str) -> str:
    """An ISO 8601 time with `Z`, `+0000` or `+00:00`; without any it is UTC, the engine's zone."""
    return f"try_cast({native} AS TIMESTAMPTZ)"


def read_compact_time(native: str) -> str:
    """A `yyyyMMddHHmmss.SSS` time in UTC; ISO 8601 passes as well."""
    compact = f"try_strptime({native}, {_COMPACT_TIME_FORMATS})::TIMESTAMPTZ"
    return f"coalesce({compact}, {read_iso_time(native)})"


def read_count(native: str) -> str:
    """A whole number, also as `50000.0` or `1.0E7`; Salesforce writes -1 for unknown."""
    number = f"try_cast({native} AS DOUBLE)"
    return f"CASE WHEN {number} >= 0 AND {number} % 1 = 0 THEN try_cast({native} AS BIGINT) END"


def read_percent_score(native: str) -> str:
    """A score that counts from 0 to 100; what is above is 100."""
    return _clamp_score(f"try_cast({native} AS DOUBLE)")


def read_ratio_score(native: str) -> str:
    """A score that counts from 0 to 1, as one that counts to 100.

    Salesforce keeps six decimals; rounding keeps 0.29 from becoming 28.999999999999996.
    """
    return _clamp_score(f"round(try_cast({native} AS DOUBLE) * 100, 6)")


def _clamp_score(number: str) -> str:
    return f"CASE WHEN {number} >= 0 AND {number} < 'inf' THEN least({number}, 100) END"


# ---- names and user agents


def read_name(native: str) -> str:
    """A name without %-escapes; what else differs from its plain form stays."""
    # What was escaped twice, or more often, is read at once.
    once = f"regexp_replace({native}, '{REPEATED_ESCAPE}', '%\\1', 'g')"
    read = f"coalesce(try(url_decode({once})), try(url_decode({native})))"
    plain = f"coalesce(replace({read}, chr(0), ''), {native})"
    return f"CASE WHEN contains({native}, '%') THEN {plain} ELSE {native} END"


def read_known_name(native: str) -> str:
    """A name; NULL for `N/A`."""
    return read_name(read_known_text(native))


def read_user_agent(native: str) -> str:
    """The user agent that the client sent, without %-escapes.

    NULL for the numeric codes by which Salesforce shortens it.
    """
    code = f"{native} < ':' AND regexp_full_match({native}, '[ \"''0-9.]+')"
    return f"CASE WHEN {code} THEN NULL ELSE {read_name(native)} END"


def read_user_agent_header(native: str) -> str:
    """The user agent in a list of headers, `Name=value,Name=value,`."""
    return capture_group(r"(?is)(?:^|,)User-Agent=(.*?)(?:,[A-Za-z0-9-]+=|,?$)")(native)


# ---- outcomes


def match_success_word(word: str) -> ValueReader:
    """`success` for this word in any case, `failure` for every other."""
    return lambda native: (
        f"CASE WHEN lower({native}) = {quote_literal(word.lower())} THEN 'success'"
        f" WHEN {native} IS NOT NULL THEN 'failure' END"
    )


def replace_any_value(word: str) -> ValueReader:
    """`word` for every text."""
    return lambda native: f"CASE WHEN {native} IS NOT NULL THEN {quote_literal(word)} END"


def read_success_flag(native: str) -> str:
    """`1` and `true` are success, `0` and `false` are failure."""
    return (
        f"CASE lower({native}) WHEN '1' THEN 'success' WHEN 'true' THEN 'success'"
        " WHEN '0' THEN 'failure' WHEN 'false' THEN 'failure' END"
    )


def read_request_status(native: str) -> str:
    """REQUEST_STATUS: S is success, F, A and N are failure, U and R say nothing."""
    return (
        f"CASE {native} WHEN 'S' THEN 'success' WHEN 'F' THEN 'failure'"
        " WHEN 'A' THEN 'failure' WHEN 'N' THEN 'failure' END"
    )


def read_http_status(native: str) -> str:
    """An HTTP status: 2xx and 3xx are success, 4xx and 5xx are failure."""
    return (
        f"CASE WHEN regexp_full_match({native}, '[23][0-9][0-9]') THEN 'success'"
        f" WHEN regexp_full_match({native}, '[45][0-9][0-9]') THEN 'failure' END"
    )


def read_final_status(native: str) -> str:
    """The outcome of a job, an operation, a check or a policy; NULL while it is running."""
    good = "(?i)(?:job)?completed?|success|succeeded"
    bad = "(?i)fail.*|abort.*|.*denied|(?:metering)?block"
    return (
        f"CASE WHEN regexp_full_match({native}, '{good}') THEN 'success'"
        f" WHEN regexp_full_match({native}, '{bad}') THEN 'failure' END"
    )
