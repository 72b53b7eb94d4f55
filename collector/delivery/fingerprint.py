"""Fingerprints of settings: whether these are the ones of before, and nothing else about them."""

from __future__ import annotations

import hashlib
import hmac
import secrets

from collector.settings import Secret

# There are passwords in it, so trying them out has to cost something (RFC 7914; 16 MiB, 40 ms).
_COST, _BLOCK_SIZE = 1 << 14, 8
_SALT_BYTES = 16


def compute_fingerprint(settings_text: Secret, salt: str = "") -> str:
    """The salt and the scrypt hash of settings, in hexadecimal; the salt is new unless given."""
    salt = salt or secrets.token_hex(_SALT_BYTES)
    digest = hashlib.scrypt(
        settings_text.reveal().encode("utf-8", "surrogatepass"),
        salt=salt.encode(),
        n=_COST,
        r=_BLOCK_SIZE,
        p=1,
        dklen=32,
    )
    return f"{salt}:{digest.hex()}"


def matches_fingerprint(settings_text: Secret, fingerprint: str) -> bool:
    """Whether the fingerprint is of these settings; an empty one is of none."""
    salt, colon, _ = fingerprint.partition(":")
    if not colon:
        return False
    return hmac.compare_digest(compute_fingerprint(settings_text, salt), fingerprint)
