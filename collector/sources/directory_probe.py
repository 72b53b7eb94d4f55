"""What `collector check` says of the directory: how much there is, and what is kept from us."""

from __future__ import annotations

from collections.abc import Sequence

from collector.errors import NotAvailableError, SalesforceError
from collector.salesforce.soql import check_identifier, render_literal
from collector.sources.contract import SourceContext
from collector.sources.directory_columns import EntryColumn, describe_hidden, read_path
from collector.sources.directory_users import ASSIGNMENT, VIEW_ALL_USERS
from collector.sources.spec import ProbeResult

_VIEW_ALL_USERS_FIELD = "PermissionSet.PermissionsViewAllUsers"


def probe_entries(
    context: SourceContext, object_name: str, hidden: Sequence[EntryColumn]
) -> ProbeResult:
    """How many records an object has, and what is hidden of them. Raises SalesforceError."""
    count = _count_records(context, object_name)
    message = f"readable, {count:,} of them" if count else "readable, no row yet"
    missing = [f"kept from us: {describe_hidden(hidden)}"] if hidden else []
    if object_name == "User" and not _sees_all_users(context):
        missing.append(f"without '{VIEW_ALL_USERS}' those are missing that sharing hides from us")
    return ProbeResult(message="; ".join([message, *missing]), is_warning=bool(missing))


def _count_records(context: SourceContext, name: str) -> int:
    soql = f"SELECT COUNT(Id) total FROM {check_identifier(name)}"
    records = [record for page in context.client.query(soql) for record in page]
    total = records[0].get("total") if records else None
    if not isinstance(total, int):
        raise SalesforceError(f"{context.org}: {name} cannot be counted")
    return total


def _sees_all_users(context: SourceContext) -> bool:
    """Whether our user is shown all users, as far as that can be known."""
    user = context.client.user_id
    if user is None:
        return True
    condition = f"AssigneeId = {render_literal(user)}"
    soql = f"SELECT {_VIEW_ALL_USERS_FIELD} FROM {ASSIGNMENT} WHERE {condition}"
    try:
        records = [record for page in context.client.query(soql) for record in page]
    except NotAvailableError:
        return True
    granted = [read_path(record, _VIEW_ALL_USERS_FIELD) is True for record in records]
    return any(granted) or not granted
