"""Which certificates are trusted."""

from __future__ import annotations

import functools
import ssl
from pathlib import Path

import httpx

from collector.errors import CollectorError
from collector.named_files import open_regular_file


def load_trust(ca_file: Path | None) -> ssl.SSLContext:
    """A context that trusts the public certificates and those of a file (PEM), if one is given.

    Clients share it: to read the public certificates takes as long as a request. Raises as
    `trust_certificates` does.
    """
    try:
        stamp = ca_file.stat().st_mtime_ns if ca_file else 0
    except OSError:
        stamp = 0
    return _load_trust_once(ca_file, stamp)


@functools.lru_cache(maxsize=16)
def _load_trust_once(ca_file: Path | None, _stamp: int) -> ssl.SSLContext:
    return trust_certificates(httpx.create_ssl_context(trust_env=False), ca_file)


def trust_certificates(context: ssl.SSLContext, ca_file: Path | None) -> ssl.SSLContext:
    """The same context, trusting the certificates (PEM) of a file, if one is given, as well.

    Raises:
        CollectorError: the file cannot be read as certificates; the sentence names it.
    """
    if ca_file is not None:
        try:
            open_regular_file(ca_file).close()  # a pipe would be waited for
            context.load_verify_locations(cafile=ca_file)
        except OSError as problem:  # ssl.SSLError is one
            raise CollectorError(f"{ca_file} cannot be read as certificates: {problem}") from None
    return context
