"""When something first happened after an instant that differs from row to row: since a step, since the entry."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import FromClause, ScalarSelect, func

from automation.rules.families import family
from automation.rules.language import Filter
from automation.rules.tallies import rows_of
from automation.rules.windows import Span


def first_since(
    event: str,
    where: Sequence[Filter],
    now: datetime,
    of: FromClause,
    *,
    customer_id: Any,
    since: Any,
    until: Any = None,
) -> ScalarSelect[Any]:
    """The first instant in (since, until], no later than `now`, at which `event` happened; NULL where it did not.

    `customer_id`, `since` and `until` are columns of `of`, the row it is asked for; each is looked up along an index.
    """
    found = family(event)
    rows = rows_of(found, where, now, Span(), each=True).where(found.customer_id == customer_id, found.at > since)
    if until is not None:
        rows = rows.where(found.at <= until)
    return rows.with_only_columns(func.min(found.at)).correlate(of).scalar_subquery()
