"""What the embedded org's REST API says instead of an answer."""

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
    """A text that is not SOQL, or not the SOQL that this object takes."""
    return ApiError("MALFORMED_QUERY", message)


def build_not_found() -> ApiError:
    """Nothing lives under this address."""
    return ApiError("NOT_FOUND", "The requested resource does not exist", status=404)
