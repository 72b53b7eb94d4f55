"""The logs that an org keeps: one file for each kind, with its settings, reader and spec."""

from collector.sources.catalog import Catalog
from collector.sources.contract import (
    FetchFailure,
    FetchResult,
    LostBatch,
    SourceContext,
    SourceReader,
    UnavailableStream,
)
from collector.sources.registry import SOURCES, build_sources
from collector.sources.spec import Lane, Source, SourceSpec, select_lane

__all__ = [
    "SOURCES",
    "Catalog",
    "FetchFailure",
    "FetchResult",
    "Lane",
    "LostBatch",
    "Source",
    "SourceContext",
    "SourceReader",
    "SourceSpec",
    "UnavailableStream",
    "build_sources",
    "select_lane",
]
