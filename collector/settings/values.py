"""The kinds of values that settings consist of: what each accepts, and the message if not.

No message repeats the value, since anything may have been put in the place of anything.
"""

import ipaddress
import re
from collections.abc import Iterable
from datetime import timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import SplitResult, urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ByteSize,
    Field,
    PlainSerializer,
    TypeAdapter,
    ValidationInfo,
)

from collector.loopback import is_loopback
from collector.model import Severity
from collector.named_files import open_regular_file
from collector.settings.secret import Secret


def _check_one_line(text: str) -> str:
    if not text:
        raise ValueError("must not be empty")
    if not text.isprintable():
        raise ValueError("must not hold line breaks or other characters that cannot be seen")
    return text


TextLine = Annotated[str, AfterValidator(_check_one_line)]


_DURATION_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_DURATION_PATTERN = re.compile(r"([0-9]{1,9})([smhd])")
MAX_DURATION = timedelta(days=3650)


def _parse_duration(value: object) -> object:
    if isinstance(value, timedelta):
        return value
    match = _DURATION_PATTERN.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("must be a duration such as 30s, 5m, 24h or 30d")
    return timedelta(**{_DURATION_UNITS[match[2]]: int(match[1])})


def _check_max_duration(value: timedelta) -> timedelta:
    if value > MAX_DURATION:
        raise ValueError(f"must be at most {MAX_DURATION.days}d")
    return value


def _check_min_duration(value: timedelta) -> timedelta:
    if value < timedelta(seconds=1):
        raise ValueError("must be at least 1s")
    return value


Duration = Annotated[
    timedelta, BeforeValidator(_parse_duration), AfterValidator(_check_max_duration)
]
Period = Annotated[Duration, AfterValidator(_check_min_duration)]


def refuse_boolean(value: object) -> object:
    """The value, unless it is true or false, which pydantic would take for 1 and 0."""
    if isinstance(value, bool):
        raise ValueError("must be a whole number")  # noqa: TRY004 - pydantic's contract
    return value


Port = Annotated[int, BeforeValidator(refuse_boolean), Field(ge=1, le=65535)]
SnapshotCount = Annotated[int, BeforeValidator(refuse_boolean), Field(ge=1, le=1_000)]
ThreadCount = Annotated[int, BeforeValidator(refuse_boolean), Field(ge=1, le=256)]

_MEMORY_UNITS = {"MB": 10**6, "GB": 10**9}
_MEMORY_PATTERN = re.compile(r"([0-9]{1,6})(MB|GB)")
MIN_MEMORY = 256 * 10**6


def _parse_memory(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    match = _MEMORY_PATTERN.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("must be a size of memory such as 800MB or 2GB")
    return int(match[1]) * _MEMORY_UNITS[match[2]]


def _check_min_memory(value: int) -> int:
    if value < MIN_MEMORY:
        raise ValueError(f"must be at least {MIN_MEMORY // 10**6}MB")
    return value


MemorySize = Annotated[int, BeforeValidator(_parse_memory), AfterValidator(_check_min_memory)]
"""Bytes."""


def _parse_byte_count(value: object) -> object:
    try:
        return int(_BYTE_SIZE.validate_python(refuse_boolean(value)))
    except ValueError:
        raise ValueError("must be a size, such as 500MB or 2GB") from None


_BYTE_SIZE: TypeAdapter[ByteSize] = TypeAdapter(ByteSize)

ByteCount = Annotated[int, BeforeValidator(_parse_byte_count), Field(ge=0)]


def _resolve_path(path: Path, info: ValidationInfo) -> Path:
    """A path of a file is relative to that file's folder, a path of a program to nothing."""
    return path if info.context is None else info.context / path


def _check_path_text(value: object) -> object:
    return _check_one_line(value) if isinstance(value, str) else value


def _check_readable(path: Path) -> Path:
    try:
        open_regular_file(path).close()
    except OSError as error:
        raise ValueError(f"must be a file that can be read: {error.strerror}") from None
    return path


FilePath = Annotated[Path, BeforeValidator(_check_path_text), AfterValidator(_resolve_path)]
ReadablePath = Annotated[FilePath, AfterValidator(_check_readable)]


def _check_org_name(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9-]{1,40}", text):
        raise ValueError("must consist of 1 to 40 of a-z, 0-9 and '-'")
    return text


def _check_channel_name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,40}", text):
        raise ValueError("a channel's name must consist of 1 to 40 of A-Z, a-z, 0-9, '_' and '-'")
    return text


def _check_type_pattern(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_*?]{1,80}", text):
        raise ValueError("must be a name such as LoginEvent, or '*' for all")
    return text


def is_list_name(text: str) -> bool:
    """Whether rules may know a value list by that name."""
    return re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,59}", text) is not None


def _check_list_name(text: str) -> str:
    if not is_list_name(text):
        raise ValueError("a list's name must consist of 1 to 60 of a-z, 0-9, '_' and '-'")
    return text


def parse_network(text: str) -> str | None:
    """The network that a text is; None for one that is no address with a slash behind it.

    Raises ValueError for an address with a slash that is no network.
    """
    address, slash, _ = text.partition("/")
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return None
    if not slash:
        return None
    try:
        return str(ipaddress.ip_network(text))
    except ValueError:
        pass
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError("must be a network such as 10.0.0.0/8 or 2001:db8::/32") from None
    raise ValueError(f"must be a network: {network} is the one around it")


def _check_list_value(text: str) -> str:
    parse_network(text)
    return text


OrgName = Annotated[str, AfterValidator(_check_org_name)]
ChannelName = Annotated[str, AfterValidator(_check_channel_name)]
TypePattern = Annotated[str, AfterValidator(_check_type_pattern)]
ListName = Annotated[str, AfterValidator(_check_list_name)]
ListValue = Annotated[TextLine, AfterValidator(_check_list_value)]


def matches_any(name: str, patterns: Iterable[str]) -> bool:
    """Whether a name is one of these, or fits one of the globs among them; case matters."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _parse_api_version(value: object) -> object:
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(float(value))
    match = re.fullmatch(r"([0-9]{2,3})(\.0)?", value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("must be a version such as 67.0")
    return f"{match[1]}.0"


ApiVersion = Annotated[str, BeforeValidator(_parse_api_version)]


def _parse_severity(value: Any) -> Severity:
    if isinstance(value, Severity):
        return value
    try:
        return Severity.parse(value)
    except (AttributeError, ValueError):
        pass
    raise ValueError(f"must be one of {', '.join(map(str, Severity))}")


SeverityName = Annotated[
    Severity, BeforeValidator(_parse_severity), PlainSerializer(str, when_used="json")
]


def _check_safe_url(text: str) -> SplitResult:
    if not re.fullmatch(r"[!-~]+", text) or "\\" in text:
        raise ValueError("must be a URL without spaces or special characters")
    try:
        url = urlsplit(text)
        host, _ = url.hostname, url.port
    except ValueError:
        raise ValueError("must be a URL such as https://acme.example.com") from None
    if url.scheme not in {"http", "https"} or not host:
        raise ValueError("must be a URL that begins with https://")
    if "@" in url.netloc:
        raise ValueError("must not hold a user name or password")
    if url.scheme == "http" and not is_loopback(host):
        raise ValueError("must begin with https:// (http:// is for this machine's own addresses)")
    return url


_PAGE_HOST_PATTERN = re.compile(
    r".*\.(lightning\.(force\.com|force\.mil|crmforce\.mil)|salesforce-setup\.(com|mil))"
)


def _parse_login_url(text: str) -> str:
    url = _check_safe_url(text)
    if _PAGE_HOST_PATTERN.fullmatch((url.hostname or "").lower()):
        raise ValueError(
            "must be the org's My Domain, as in https://acme.my.salesforce.com, not where its"
            " pages are"
        )
    if url.path not in {"", "/"} or "?" in text or "#" in text:
        raise ValueError("must end after the host name, as in https://acme.my.salesforce.com")
    return f"{url.scheme}://{url.netloc.lower()}"


def _check_secret_url(secret: Secret) -> Secret:
    _check_safe_url(secret.reveal())
    return secret


_PROXY_MESSAGE = "must be the URL of an HTTP proxy, such as http://proxy.acme.com:3128"


def _check_proxy_url(secret: Secret) -> Secret:
    text = secret.reveal()
    if not re.fullmatch(r"[!-~]+", text):
        raise ValueError("must be a URL without spaces or special characters")
    try:
        url = urlsplit(text)
        _check_host(url.hostname or "")
        _ = url.port
    except ValueError:
        raise ValueError(
            f"{_PROXY_MESSAGE}; in its user name and password write % codes for special characters"
        ) from None
    if url.scheme not in {"http", "https"}:
        raise ValueError(_PROXY_MESSAGE)
    if url.path not in {"", "/"} or url.query or url.fragment:
        raise ValueError("must end after the host name and port, as in http://proxy.acme.com:3128")
    return secret


LoginUrl = Annotated[str, AfterValidator(_parse_login_url)]
SecretUrl = Annotated[Secret, AfterValidator(_check_secret_url)]
ProxyUrl = Annotated[Secret, AfterValidator(_check_proxy_url)]


def _check_host(text: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?", text):
        return text
    try:
        return str(ipaddress.IPv6Address(text))
    except ValueError:
        raise ValueError("must be a host name or address alone, such as smtp.acme.com") from None


def _check_address(text: str) -> str:
    is_plain = text.isprintable() and len(text) <= 254
    if not is_plain or not re.fullmatch(r"""[^\s@,;:<>()\[\]"\\]+@[^\s@,;:<>()\[\]"\\]+""", text):
        raise ValueError("must be one plain address such as soc@acme.com")
    return text


Host = Annotated[str, AfterValidator(_check_host)]
EmailAddress = Annotated[str, AfterValidator(_check_address)]
