"""The errors of the embedded org's REST API."""

from __future__ import annotations


class ApiError(Exception):
    """An error of Salesforce's REST API: answered as `[{"errorCode": …, "message": …}]`."""

    def __init__(self, code: str, message: str, *, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status

    def render_body(self) -> list[dict[str, str]]:
        """The JSON array that Salesforce answers with."""
        return [{"message": self.message, "errorCode": self.code}]


def build_malformed_query(message: str) -> ApiError:
    """The error for a text that is not SOQL, or not the SOQL that this object supports."""
    return ApiError("MALFORMED_QUERY", message)


def build_not_found() -> ApiError:
    """The error for an address without a resource."""
    return ApiError("NOT_FOUND", "The requested resource does not exist", status=404)
