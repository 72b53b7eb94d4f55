"""How often would each rule have told you: rules over committed events, counted in the engine."""

from collector.backtest.difference import Change, differences
from collector.backtest.hits import Group, Verdict
from collector.backtest.kept import Kept, Seen, together
from collector.backtest.run import BEGINNING, MEMORY, backtest, effort
from collector.backtest.unseen import unseen

__all__ = [
    "BEGINNING",
    "MEMORY",
    "Change",
    "Group",
    "Kept",
    "Seen",
    "Verdict",
    "backtest",
    "differences",
    "effort",
    "together",
    "unseen",
]
