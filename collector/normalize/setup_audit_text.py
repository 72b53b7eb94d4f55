"""What the sentences of the setup audit trail name: apps, packages and users.

The words around a name are the platform's, the name is whatever a user typed: every pattern is
anchored to the words that it needs at both ends.
"""

from __future__ import annotations

from collector.escaping import quote_literal
from collector.normalize.value_readers import capture_group, capture_record_id

_APP_PATTERN = (
    r"(?is)^(?:created|deleted|installed|uninstalled|blocked|unblocked) connected app"
    r" (.+?)(?: to salesforce)?\.?$"
)
_CHANGED_APP_PATTERN = (
    r"(?is)^changed connected app (.+?)"
    r" (?:scopes|ip relaxation setting|permitted users setting) from "
)
_GRANTED_APP_PATTERN = (
    r"(?is)^changed (?:permission set|profile) .+?: (.+) connected app is (?:enabled|disabled)\.?$"
)
_PACKAGE_PATTERN = r"(?is)^(?:installed|upgraded|uninstalled) appexchange package: (.+)$"

_USER_ID_PATTERN = r"(?s)^.*\(UserID: \[([0-9A-Za-z]{15}(?:[0-9A-Za-z]{3})?)\]\)"
_RENAMED_USER_ID_PATTERN = (
    r"(?is)^changed username for (005[0-9A-Za-z]{12}(?:[0-9A-Za-z]{3})?) from "
)
_USER_PATTERN = (
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
    r'|security key credential .* with nickname ".*" (?:added|removed) for'
    r"|temporary verification code .*?added for"
    r"|permission set (?:group |license )?.+: (?:assigned to|unassigned from) user"
    r") (.+?)(?: \(userid: .*| from .*|, expiring on .*)?\.?$"
)
_PHONE_OWNER_PATTERN = r"(?is)^for user ([^,]+), the (?:mobile )?phone number .+$"


def read_app_name(sentence: str) -> str:
    """The connected app that was created, installed, changed, blocked or given access."""
    patterns = (_APP_PATTERN, _CHANGED_APP_PATTERN, _GRANTED_APP_PATTERN)
    return f"coalesce({', '.join(capture_group(pattern)(sentence) for pattern in patterns)})"


def read_package_name(sentence: str) -> str:
    """The package that was installed, upgraded or removed."""
    return capture_group(_PACKAGE_PATTERN)(sentence)


def read_target_user_id(sentence: str) -> str:
    """The id of the user that something was done to, where the sentence has it."""
    behind_name = capture_record_id(_USER_ID_PATTERN)(sentence)
    return f"coalesce({behind_name}, {capture_record_id(_RENAMED_USER_ID_PATTERN)(sentence)})"


def read_target_user_name(sentence: str) -> str:
    """The name of the user that something was done to, or the username where that stands there."""
    patterns = (_USER_PATTERN, _PHONE_OWNER_PATTERN)
    name = f"coalesce({', '.join(capture_group(pattern)(sentence) for pattern in patterns)})"
    is_id = f"regexp_matches({sentence}, {quote_literal(_RENAMED_USER_ID_PATTERN)})"
    return f"CASE WHEN NOT {is_id} THEN {name} END"
