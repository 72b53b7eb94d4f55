"""Whether an org shows an object or a resource to the user, and whether anything is in it."""

from __future__ import annotations

from collector.model import Stream
from collector.sources.contract import SourceContext, UnavailableStream
from collector.sources.spec import ProbeResult


def check_object(context: SourceContext, stream: Stream, needs: str) -> Stream | UnavailableStream:
    """The stream, if the org shows the object that it is called by; else what the user needs."""
    if stream.name in context.catalog.list_object_names():
        return stream
    reason = f"the org does not show {stream.name} to this user: it needs {needs}"
    return UnavailableStream(stream=stream, reason=reason)


def check_resource(
    context: SourceContext, stream: Stream, path: str, needs: str
) -> Stream | UnavailableStream:
    """The stream, if the org answers the resource that it is read from; else what is needed."""
    if context.catalog.has_resource(path):
        return stream
    reason = f"the org does not answer {path} for this user: it needs {needs}"
    return UnavailableStream(stream=stream, reason=reason)


def probe_object(context: SourceContext, stream: Stream) -> ProbeResult:
    """Whether the object that a stream is called by has a row. Raises SalesforceError."""
    if has_rows(context, stream):
        return ProbeResult(message="readable, and has rows")
    return ProbeResult(message="readable, no row yet")


def probe_resource(context: SourceContext, stream: Stream, *, folder: str = "") -> ProbeResult:
    """Reads the resource that a stream is called by. Raises SalesforceError."""
    context.client.get_resource(folder + stream.name)
    return ProbeResult(message="readable")


def has_rows(context: SourceContext, stream: Stream) -> bool:
    """Whether the object that a stream is called by has a row. Raises SalesforceError."""
    soql = f"SELECT Id FROM {stream.name} LIMIT 1"
    return any(page for page in context.client.query(soql))
