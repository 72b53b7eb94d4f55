"""Objects as /sobjects and describe return them."""

from __future__ import annotations

import re
from typing import Any

from collector.demo.sobjects import SOBJECTS, SObject, SObjectField, SObjectKind
from collector.demo.soql_execution import RequestView

_SOAP_TYPES = {
    "id": "tns:ID",
    "reference": "tns:ID",
    "datetime": "xsd:dateTime",
    "double": "xsd:double",
    "int": "xsd:int",
    "boolean": "xsd:boolean",
    "base64": "xsd:base64Binary",
}
_LENGTHS = {"id": 18, "reference": 18, "string": 255, "textarea": 32_000}


def describe_global(view: RequestView) -> dict[str, Any]:
    """The response of /sobjects: the objects that this user has."""
    sobjects = [sobject for sobject in SOBJECTS.values() if sobject.name not in view.missing]
    return {
        "encoding": "UTF-8",
        "maxBatchSize": 200,
        "sobjects": [_summarize_sobject(sobject, view.version) for sobject in sobjects],
    }


def describe_sobject(sobject: SObject, version: str) -> dict[str, Any]:
    """The response of /sobjects/X/describe."""
    is_big = sobject.kind is SObjectKind.BIG
    fields = [_describe_field(field, aggregatable=not is_big) for field in sobject.fields.values()]
    return {**_summarize_sobject(sobject, version), "fields": fields}


def _summarize_sobject(sobject: SObject, version: str) -> dict[str, Any]:
    base = f"/services/data/v{version}/sobjects/{sobject.name}"
    return {
        "name": sobject.name,
        "label": re.sub(r"(?<=[a-z])(?=[A-Z])", " ", sobject.name),
        "keyPrefix": sobject.prefix or None,
        "custom": False,
        "createable": False,
        "deletable": False,
        "updateable": False,
        "queryable": True,
        "retrieveable": sobject.kind is SObjectKind.STANDARD,
        "urls": {
            "sobject": base,
            "describe": base + "/describe",
            "rowTemplate": base + "/{ID}",
        },
    }


def _describe_field(field: SObjectField, *, aggregatable: bool) -> dict[str, Any]:
    return {
        "name": field.name,
        "label": field.name,
        "type": field.type,
        "soapType": _SOAP_TYPES.get(field.type, "xsd:string"),
        "length": _LENGTHS.get(field.type, 0),
        "filterable": field.filterable,
        "sortable": field.sortable,
        "groupable": aggregatable and field.filterable and field.type != "datetime",
        "aggregatable": aggregatable and field.filterable,
        "nillable": field.name not in ("Id", "CreatedDate"),
        "custom": False,
    }
