"""How the text of a native column becomes the value of a canonical one: SQL from SQL.

Each reading takes a SQL expression (VARCHAR) and gives one; NULL stays NULL, and what cannot be
read becomes NULL.
"""

from __future__ import annotations

from collections.abc import Callable

from collector.text import sql_literal

Reading = Callable[[str], str]


def text(native: str) -> str:
    """The text as it is."""
    return native


def known(native: str) -> str:
    """The text, unless it is Salesforce's word for nothing, `N/A`."""
    return f"nullif({native}, 'N/A')"


def address(native: str) -> str:
    """An IP address, or other text; NULL for `Salesforce.com IP`, the word for internal callers."""
    return f"nullif({native}, 'Salesforce.com IP')"


def unquoted(native: str) -> str:
    """The text without the one pair of quotes that some producers put around it."""
    return (
        f"CASE WHEN starts_with({native}, '\"') AND ends_with({native}, '\"')"
        f" AND strlen({native}) > 1 THEN nullif({native}[2:-2], '') ELSE {native} END"
    )


def before_parenthesis(native: str) -> str:
    """`Standard` of `Standard(db=S,api=Standard)`."""
    return f"split_part({native}, '(', 1)"


def captured(pattern: str) -> Reading:
    """What the first group of an RE2 pattern finds; NULL where it finds nothing."""
    return lambda native: f"nullif(regexp_extract({native}, {sql_literal(pattern)}, 1), '')"


def captured_id(pattern: str) -> Reading:
    """Like `captured`, for a record id."""
    return lambda native: long_id(captured(pattern)(native))


def user_id_alone(native: str) -> str:
    """The id of the only user in a list, or of the user among other records; else NULL."""
    return captured_id(r"^\W*(005[0-9A-Za-z]{12}(?:[0-9A-Za-z]{3})?)\W*$")(native)


def member(name: str) -> Reading:
    """The text under a key of a JSON object."""
    path = sql_literal(f"$.{name}")
    return lambda native: f"CASE WHEN json_valid({native}) THEN {native} ->> {path} END"


# ---- ids

_SUFFIXES = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_CASE_BITS = 0x20_20_20_20_20
"""In five ASCII letters or digits: the bit of each that only upper-case letters lack."""


def long_id(native: str) -> str:
    """A record id with 18 characters; every text that is no id of 15 is kept as it is.

    The suffix has a character for each five of the id: the number whose bit i says that character
    i is upper case. A suffix that came with the id is never computed again.
    """
    suffix = " || ".join(_suffix(f"substring({native}, {start}, 5)") for start in (1, 6, 11))
    return (
        f"CASE WHEN strlen({native}) = 15 AND regexp_full_match({native}, '[0-9A-Za-z]+')"
        f" THEN {native} || {suffix} ELSE {native} END"
    )


def _suffix(five: str) -> str:
    # Modulo 2^9 - 1, the case bits of the first to the fifth character (bits 36, 28, 20, 12 and 4)
    # are bits 0 to 4: what five comparisons would add up to, in half the time.
    bits = f"(('0x' || hex({five}))::BIGINT & {_CASE_BITS}) >> 1"
    return f"substring('{_SUFFIXES}', 32 - ({bits}) % 511, 1)"


# ---- times and numbers

_STAMPS = ["%Y%m%d%H%M%S.%f", "%Y%m%d%H%M%S", "%Y%m%d%H%M%S."]


def moment(native: str) -> str:
    """An ISO 8601 time with `Z`, `+0000` or `+00:00`; without any it is UTC, the engine's zone."""
    return f"try_cast({native} AS TIMESTAMPTZ)"


def stamp(native: str) -> str:
    """A `yyyyMMddHHmmss.SSS` time in UTC; ISO 8601 passes as well."""
    return f"coalesce(try_strptime({native}, {_STAMPS})::TIMESTAMPTZ, {moment(native)})"


def count(native: str) -> str:
    """A whole number, also as `50000.0` or `1.0E7`; Salesforce writes -1 for unknown."""
    number = f"try_cast({native} AS DOUBLE)"
    return f"CASE WHEN {number} >= 0 AND {number} % 1 = 0 THEN try_cast({native} AS BIGINT) END"


def percent(native: str) -> str:
    """A score that counts from 0 to 100; what is above is 100."""
    return _score(f"try_cast({native} AS DOUBLE)")


def ratio(native: str) -> str:
    """A score that counts from 0 to 1, as one that counts to 100.

    Salesforce keeps six decimals; rounding keeps 0.29 from becoming 28.999999999999996.
    """
    return _score(f"round(try_cast({native} AS DOUBLE) * 100, 6)")


def _score(number: str) -> str:
    return f"CASE WHEN {number} >= 0 AND {number} < 'inf' THEN least({number}, 100) END"


# ---- user agents


def agent(native: str) -> str:
    """What the client called itself, without %-escapes.

    NULL for the numeric codes by which Salesforce shortens it.
    """
    code = f"{native} < ':' AND regexp_full_match({native}, '[0-9.]+')"
    plain = f"coalesce(replace(try(url_decode({native})), chr(0), ''), {native})"
    return f"CASE WHEN {code} THEN NULL WHEN contains({native}, '%') THEN {plain} ELSE {native} END"


def agent_header(native: str) -> str:
    """The user agent in a list of headers, `Name=value,Name=value,`."""
    return captured(r"(?is)(?:^|,)User-Agent=(.*?)(?:,[A-Za-z0-9-]+=|,?$)")(native)


# ---- outcomes


def success_is(word: str) -> Reading:
    """`success` for this word in any case, `failure` for every other."""
    return lambda native: (
        f"CASE WHEN lower({native}) = {sql_literal(word.lower())} THEN 'success'"
        f" WHEN {native} IS NOT NULL THEN 'failure' END"
    )


def means(word: str) -> Reading:
    """`word`, whatever the text says: that there is one is enough."""
    return lambda native: f"CASE WHEN {native} IS NOT NULL THEN {sql_literal(word)} END"


def flag(native: str) -> str:
    """`1` and `true` are success, `0` and `false` are failure."""
    return (
        f"CASE lower({native}) WHEN '1' THEN 'success' WHEN 'true' THEN 'success'"
        " WHEN '0' THEN 'failure' WHEN 'false' THEN 'failure' END"
    )


def request_code(native: str) -> str:
    """REQUEST_STATUS: S is success, F, A and N are failure, U and R say nothing."""
    return (
        f"CASE {native} WHEN 'S' THEN 'success' WHEN 'F' THEN 'failure'"
        " WHEN 'A' THEN 'failure' WHEN 'N' THEN 'failure' END"
    )


def http_code(native: str) -> str:
    """An HTTP status: 2xx and 3xx are success, 4xx and 5xx are failure."""
    return (
        f"CASE WHEN regexp_full_match({native}, '[23][0-9][0-9]') THEN 'success'"
        f" WHEN regexp_full_match({native}, '[45][0-9][0-9]') THEN 'failure' END"
    )


def verdict(native: str) -> str:
    """The last word of a job, an operation, a check or a policy; NULL while it is under way."""
    good = "(?i)(?:job)?completed?|success|succeeded"
    bad = "(?i)fail.*|abort.*|.*denied|(?:metering)?block"
    return (
        f"CASE WHEN regexp_full_match({native}, '{good}') THEN 'success'"
        f" WHEN regexp_full_match({native}, '{bad}') THEN 'failure' END"
    )
