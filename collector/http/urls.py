"""Which addresses may be called at all."""

from __future__ import annotations

import re

import httpx

from collector.errors import CollectorError
from collector.loopback import is_loopback

_HOST_PATTERN = re.compile(rb"[a-z0-9._:-]+")


def check_url(url: str, *, what: str) -> str:
    """The URL as it is, if it may be called: https, or http on this machine alone.

    Raises:
        CollectorError: a sentence about `what`; the URL, which may be a secret, is not in it.
    """
    try:
        parts = httpx.URL(url)
    except (httpx.InvalidURL, UnicodeError):
        raise CollectorError(f"{what} is not a URL") from None
    if parts.userinfo:
        raise CollectorError(f"{what} must not contain a user name or password")
    if not _HOST_PATTERN.fullmatch(parts.raw_host) or (parts.port or 443) > 65535:
        raise CollectorError(f"{what} must be a whole URL such as https://example.com")
    if parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.host)):
        return url
    raise CollectorError(f"{what} must start with https:// (http:// is for this machine alone)")
