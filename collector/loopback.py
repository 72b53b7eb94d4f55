"""What "this machine" means wherever plain text is allowed on it alone."""

from __future__ import annotations

import ipaddress

_NETWORKS = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))


def is_loopback(host: str) -> bool:
    """Whether a host can be nothing but this machine, whatever a name server says.

    True for `localhost` and for addresses of 127.0.0.0/8 and ::1 (without brackets).
    """
    if host.lower() == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return any(address in network for network in _NETWORKS)
