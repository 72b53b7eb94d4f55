"""Sums of whole numbers, which are whole numbers in every database."""

from __future__ import annotations

import sqlalchemy as sa


def sum_as_int(amount: sa.ColumnElement[int]) -> sa.ColumnElement[int]:
    """The sum; PostgreSQL's own is a decimal number."""
    return sa.cast(sa.func.sum(amount), sa.BigInteger)
