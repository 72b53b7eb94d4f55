"""Sixty rules over the RestApi log, of the kinds that teams write: few rows fit any of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import NAMESPACE_DNS, uuid5

import several_events
import yaml

TOOLS = ("python-requests/", "curl/", "Go-http-client/", "sqlmap", "nikto", "PostmanRuntime/")
OBJECTS = ("User", "PermissionSet", "OauthToken", "LoginHistory", "ConnectedApplication")
SECRETS = ("password", "apikey", "secret__c", "token__c", "aws_access_key", "private_key")
PATHS = ("/tooling/", "/metadata/deployRequest", "/jobs/ingest", "/composite/tree", "/limits")
NETWORKS = ("198.51.100.0/24", "192.0.2.0/25", "185.220.100.0/22", "2001:db8:bad::/48")
PATTERNS = (
    r"(?i)select\s+.*\bsocial_security\b",
    r"(?i)from\s+(authsession|setupentityaccess)\b",
    r"(?i)limit\s+[5-9][0-9]{5,}",
)


def write_rules(folder: Path, *, several: bool = False, duplicates: int = 0) -> Path:
    """The rules as one file of Sigma documents in the folder; its path.

    With `several`, twelve of the sixty look at several events; `again` of the others are there
    once more, under other names.
    """
    documents = [_build_document(number, one) for number, one in enumerate(_build_detections())]
    if several:
        documents = [*documents[:48], *several_events.build_documents()]
    documents += [
        _build_document(100 + number, documents[number]["detection"])
        for number in range(duplicates)
    ]
    path = folder / "sixty.yml"
    path.write_text(yaml.safe_dump_all(documents, sort_keys=False), encoding="utf-8")
    return path


def _build_document(number: int, detection: dict[str, Any]) -> dict[str, Any]:
    return {
        "title": f"Bench rule {number}",
        "id": str(uuid5(NAMESPACE_DNS, f"{number}.example.com")),
        "name": f"bench-{number:02d}",
        "level": "medium",
        "logsource": {"product": "salesforce", "service": "RestApi"},
        "detection": detection,
    }


def _build_detections() -> list[dict[str, Any]]:
    detections = [
        *_build_value_detections(),
        *_build_text_detections(),
        *_build_network_detections(),
        *_build_number_detections(),
        *({"s": {"query|re": pattern}, "condition": "s"} for pattern in PATTERNS),
        *_build_filtered_detections(),
        *_build_compound_detections(),
    ]
    assert len(detections) == 60, len(detections)
    return detections


def _build_value_detections() -> list[dict[str, Any]]:
    """Thirteen that compare whole values."""
    return [
        {"s": {"status": ["500", "502", "503"], "METHOD": "DELETE"}, "condition": "s"},
        {"s": {"status": ["401", "403"]}, "condition": "s"},
        {"s": {"METHOD": ["PUT", "TRACE", "CONNECT"]}, "condition": "s"},
        {"s": {"entity": ["Payroll__c", "Salary__c", "Credential__c"]}, "condition": "s"},
        {"s": {"user_type": ["Guest", "CspLitePortal"]}, "condition": "s"},
        {"s": {"outcome": "failure", "METHOD": "PATCH"}, "condition": "s"},
        {"s": {"MEDIA_TYPE": ["application/xml", "text/csv"]}, "condition": "s"},
        {"s": {"CONNECTED_APP_ID": ["0H45f0000000666", "0H45f0000000667"]}, "condition": "s"},
        *({"s": {"entity": name}, "condition": "s"} for name in OBJECTS),
    ]


def _build_text_detections() -> list[dict[str, Any]]:
    """Twenty-three that look for a part of a text."""
    return [
        *({"s": {"user_agent|startswith": tool}, "condition": "s"} for tool in TOOLS),
        *({"s": {"query|contains": secret}, "condition": "s"} for secret in SECRETS),
        *({"s": {"uri|contains": path}, "condition": "s"} for path in PATHS),
        {"s": {"client_name|startswith": ["Salesforce-CLI/", "SF-Fetcher/"]}, "condition": "s"},
        {"s": {"client_name|contains": ["dataloader", "rclone"]}, "condition": "s"},
        {"s": {"uri|endswith": ["/describe.bak", ".env", "/wp-login.php"]}, "condition": "s"},
        {"s": {"query|contains|all": ["from contact", "email", "phone"]}, "condition": "s"},
        {"s": {"query|endswith": "limit 200000"}, "condition": "s"},
        {"s": {"detail|contains": ["insufficient access", "rate limit"]}, "condition": "s"},
    ]


def _build_network_detections() -> list[dict[str, Any]]:
    """Five over addresses."""
    return [
        *({"s": {"source_ip|cidr": network}, "condition": "s"} for network in NETWORKS),
        {"s": {"source_ip|cidr": [f"203.0.113.{n}/32" for n in range(100)]}, "condition": "s"},
    ]


def _build_number_detections() -> list[dict[str, Any]]:
    """Six over numbers, canonical and native."""
    return [
        {"s": {"record_count|gte": 50_000}, "condition": "s"},
        {"s": {"record_count|gt": 10_000, "entity": "Contact"}, "condition": "s"},
        {"s": {"RESPONSE_SIZE|gt": 100_000_000}, "condition": "s"},
        {"s": {"REQUEST_SIZE|gt": 10_000_000}, "condition": "s"},
        {"s": {"RUN_TIME|gte": 120_000}, "condition": "s"},
        {"s": {"NUMBER_FIELDS|gte": 400}, "condition": "s"},
    ]


def _build_filtered_detections() -> list[dict[str, Any]]:
    """Five with what is known taken out."""
    condition = "s and not known"
    return [
        {
            "s": {"METHOD": "DELETE"},
            "known": {"uri|contains": "/sobjects/"},
            "condition": condition,
        },
        {
            "s": {"uri|contains": "/apexrest/"},
            "known": {"client_name": "sync"},
            "condition": condition,
        },
        {"s": {"user_type": "Guest"}, "known": {"entity": "Case"}, "condition": condition},
        {
            "s": {"query|contains": "from user"},
            "known": {"user_agent|startswith": ["SalesforceMobile", "Mozilla/"]},
            "condition": condition,
        },
        {
            "s": {"record_count|gte": 40_000},
            "known": {"source_ip|cidr": ["10.0.0.0/8", "172.16.0.0/12"]},
            "condition": condition,
        },
    ]


def _build_compound_detections() -> list[dict[str, Any]]:
    """Five of several selections."""
    return [
        {
            "tool": {"client_name|contains": "loader"},
            "app": {"user_agent|contains": "loader"},
            "bulk": {"record_count|gte": 20_000},
            "condition": "(tool or app) and bulk",
        },
        {
            "a": {"query|contains": "select fields(all)"},
            "b": {"uri|contains": "fields(all)"},
            "c": {"uri|contains": "fields%28all"},
            "condition": "1 of them",
        },
        {
            "sel_from": {"query|contains": "from account"},
            "sel_many": {"record_count|gte": 45_000},
            "sel_out": {"outcome": "success"},
            "condition": "all of sel_*",
        },
        {
            "tool": {"user_agent|contains": ["selenium", "headless", "phantomjs"]},
            "read": {"METHOD": "GET"},
            "login": {"uri|startswith": "/services/oauth2/"},
            "condition": "tool and (read or login)",
        },
        {
            "denied": {"status": ["401", "403", "429"]},
            "probe": {"uri|re": r"(?i)/(\.git|etc/passwd|actuator)(/|$)"},
            "condition": "denied or probe",
        },
    ]
