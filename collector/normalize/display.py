"""What the sentences of the setup audit trail name: apps, packages and users.

The words around a name are the platform's, the name is whatever a user typed: every pattern is
anchored to the words that it needs at both ends.
"""

from __future__ import annotations

from collector.normalize.readings import captured, captured_id

_APP = (
    r"(?is)^(?:created|deleted|installed|uninstalled|blocked|unblocked) connected app"
    r" (.+?)(?: to salesforce)?\.?$"
)
_CHANGED_APP = (
    r"(?is)^changed connected app (.+?)"
    r" (?:scopes|ip relaxation setting|permitted users setting) from "
)
_GRANTED_APP = (
    r"(?is)^changed (?:permission set|profile) .+?: (.+) connected app is (?:enabled|disabled)\.?$"
)
_PACKAGE = r"(?is)^(?:installed|upgraded|uninstalled) appexchange package: (.+)$"

_USER_ID = r"(?s)^.*\(UserID: \[([0-9A-Za-z]{15}(?:[0-9A-Za-z]{3})?)\]\)"
_USER = (
    r"(?is)^(?:"
    r"created new (?:[a-z]+ )*?user"
    r"|(?:activated|deactivated|unlocked) user"
    r"|(?:froze|unfroze) user account for"
    r"|(?:set new|reset) password for user"
    r"|logged (?:in|out) using login-as access for"
    r"|(?:changed (?:email|federation id|profile|role)|email change attempted) for user"
    r"|changed username for"
    r"|generated session id for"
    r"|time-based token (?:added|removed) for"
    r'|salesforce authenticator pairing ".*" (?:added|removed) for'
    r"|temporary verification code .*?added for"
    r"|permission set (?:group |license )?.+: (?:assigned to|unassigned from) user"
    r") (.+?)(?: \(userid: .*| from .*|, expiring on .*)?\.?$"
)


def app_name(sentence: str) -> str:
    """The connected app that was created, installed, changed, blocked or given access."""
    patterns = (_APP, _CHANGED_APP, _GRANTED_APP)
    return f"coalesce({', '.join(captured(pattern)(sentence) for pattern in patterns)})"


def package_name(sentence: str) -> str:
    """The package that was installed, upgraded or removed."""
    return captured(_PACKAGE)(sentence)


def target_user(sentence: str) -> str:
    """The user that something was done to: the id where there is one, else the name."""
    return f"coalesce({captured_id(_USER_ID)(sentence)}, {captured(_USER)(sentence)})"
