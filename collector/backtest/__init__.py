"""How many alerts each rule would have raised over committed events, counted in the engine."""

from collector.backtest.archive_events import ArchiveExtent, OrgArchive, merge_extents
from collector.backtest.comparison import RuleDifference, list_differences
from collector.backtest.hits import AlertGroup, BacktestResult
from collector.backtest.missing_types import list_missing_types
from collector.backtest.runner import BEGINNING, MEMORY_LIMIT, estimate_effort, run_backtest

__all__ = [
    "BEGINNING",
    "MEMORY_LIMIT",
    "AlertGroup",
    "ArchiveExtent",
    "BacktestResult",
    "OrgArchive",
    "RuleDifference",
    "estimate_effort",
    "list_differences",
    "list_missing_types",
    "merge_extents",
    "run_backtest",
]
