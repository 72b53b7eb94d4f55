"""How somebody logged in, in one vocabulary: the labels of LoginEvent and LoginHistory.

Log files have codes in place of them, in which case matters (`i` is OAuth, `I` the SOAP API), and
rules are compared without regard to case. Source: Object Reference, LoginEventLog and LoginHistory.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from collector.escaping import quote_literal

LOGIN_TYPE_LABELS: Mapping[str, str] = MappingProxyType(
    {
        "3": "Customer Service Portal",
        "5": "SAML Idp Initiated SSO",
        "6": "Remote Access Client",
        "7": "AppExchange",
        "8": "SAML Sfdc Initiated SSO",
        "9": "Partner Portal",
        "A": "Application",
        "E": "SelfService",
        "I": "Other Apex API",
        "R": "Partner Product",
        "b": "SAML Customer Service Portal SSO",
        "c": "SAML Partner Portal SSO",
        "h": "SAML Site SSO",
        "i": "Remote Access 2.0",
        "j": "Third Party SSO",
        "k": "Chatter Communities External User",
        "l": "Networks Portal API Only",
        "m": "SAML Chatter Communities External User SSO",
        "n": "Chatter Communities External User Third Party SSO",
        "q": "Partner Portal Third-Party SSO",
        "r": "Employee Login to Community",
        "s": "Certificate-based login",
        "w": "Passwordless Login",
        "x": "Cross Tenant Login",
        "z": "Lightning Login",
    }
)
"""By code of LOGIN_TYPE."""

LOGIN_SUB_TYPE_LABELS: Mapping[str, str] = MappingProxyType(
    {
        "oauthclientcredential": "OAuth Client Credentials",
        "oauthcode": "OAuth Web Server",
        "oauthhybridauthcode": "OAuth Web Server for Hybrid Apps",
        "oauthhybridtoken": "OAuth User-Agent for Hybrid Apps",
        "oauthpassword": "OAuth Username-Password",
        "oauthtoken": "OAuth User-Agent",
        "oauthtokenidtoken": "OAuth User-Agent with ID Token",
        "uipwdrst": "UI Password Reset",
        "uiup": "UI Username-Password",
    }
)
"""By code of LOGIN_SUB_TYPE."""


def read_login_type(native: str) -> str:
    """The label for a code of LOGIN_TYPE; every other text as it is."""
    return _read_label(native, LOGIN_TYPE_LABELS)


def read_login_sub_type(native: str) -> str:
    """The label for a code of LOGIN_SUB_TYPE; every other text as it is."""
    return _read_label(native, LOGIN_SUB_TYPE_LABELS)


def _read_label(native: str, labels: Mapping[str, str]) -> str:
    cases = " ".join(
        f"WHEN {quote_literal(code)} THEN {quote_literal(label)}" for code, label in labels.items()
    )
    return f"CASE {native} {cases} ELSE {native} END"
