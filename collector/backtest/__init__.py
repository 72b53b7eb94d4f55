"""How often would each rule have told you: rules over committed events, counted in the engine."""

from collector.backtest.difference import Change, differences
from collector.backtest.hits import Group, Verdict
from collector.backtest.kept import Kept
from collector.backtest.run import BEGINNING, backtest, effort

__all__ = ["BEGINNING", "Change", "Group", "Kept", "Verdict", "backtest", "differences", "effort"]
