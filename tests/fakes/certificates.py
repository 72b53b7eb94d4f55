"""Certificates that sign themselves."""

from __future__ import annotations

import ipaddress
import ssl
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from collector import clock
from fakes.salesforce import create_private_key, render_private_pem


def render_certificate(*, address: str = "127.0.0.1") -> bytes:
    """A certificate (PEM) of the fakes' key for an IP address."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "acme")])
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
    day = timedelta(days=1)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(create_private_key().public_key())
        .serial_number(1)
        .not_valid_before(clock.now() - day)
        .not_valid_after(clock.now() + day)
        .add_extension(here, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(create_private_key(), hashes.SHA256())
    )
    return built.public_bytes(serialization.Encoding.PEM)


def show_certificate(context: ssl.SSLContext, file: Path, *, address: str = "127.0.0.1") -> None:
    """Write a certificate to a file, and let a server's context show it from now on."""
    file.write_bytes(render_certificate(address=address))
    key_file = file.with_suffix(".key")
    key_file.write_text(render_private_pem())
    context.load_cert_chain(file, key_file)
