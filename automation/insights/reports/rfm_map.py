"""Buyers by how lately and how often they bought."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from automation.insights.report import Asked, Column, Report, Table
from automation.insights.value.rfm import BEST, GRID, GROUPS
from automation.models import CustomerRhythm, CustomerScore


class RfmMap(Report):
    """Buyers by recency and frequency, 5 the best, with the group that each field of the map is."""

    title = "RFM map"
    has_period = False

    def table(self, session: Session, asked: Asked) -> Table:
        """One row for each of the 25 fields."""
        query = (
            select(
                CustomerScore.recency,
                CustomerScore.frequency,
                func.count().label("customers"),
                func.sum(CustomerRhythm.spent).label("spent"),
                func.sum(CustomerScore.lifetime_value).label("lifetime_value"),
            )
            .join(CustomerRhythm, CustomerRhythm.customer_id == CustomerScore.customer_id)
            .where(CustomerScore.store_id == asked.store_id, CustomerScore.rfm_group.is_not(None))
            .group_by(CustomerScore.recency, CustomerScore.frequency)
        )
        customers = asked.customers(session)
        if customers is not None:
            query = query.where(CustomerScore.customer_id.in_(customers))
        found = {(row.recency, row.frequency): row for row in session.execute(query)}
        rows = [_row(r, f, found.get((r, f))) for r in range(BEST, 0, -1) for f in range(1, BEST + 1)]
        return Table(
            (
                Column("recency", "Recency", "count", "5 bought most lately; by the thresholds of the store."),
                Column("frequency", "Frequency", "count", "5 bought most often."),
                Column("group", "Group"),
                Column("customers", "Customers", "count", "Who bought at least once."),
                Column(
                    "spent", "Spent", "money", "What they paid so far, net of refunds; cancelled orders do not count."
                ),
                Column(
                    "lifetime_value",
                    "Expected lifetime value",
                    "money",
                    "What all of them are expected to pay within the horizon.",
                ),
            ),
            rows if found else [],
            asked.currency,
        )

    def chart(self, table: Table) -> dict[str, Any]:
        """The map: recency upwards, frequency to the right."""
        return heat(table, "customers")


def heat(table: Table, show: str) -> dict[str, Any]:
    """The map of one of the columns: customers, spent or lifetime_value."""
    title = next(column.title for column in table.columns if column.key == show)
    cells = zip(
        table.column("recency"), table.column("frequency"), table.column(show), table.column("group"), strict=True
    )
    return {
        "kind": "heat",
        "unit": "count" if show == "customers" else "money",
        "x": [str(n) for n in range(1, BEST + 1)],
        "y": [str(n) for n in range(1, BEST + 1)],
        "x_title": "Frequency",
        "y_title": "Recency",
        "series": [{"name": title, "tone": "primary"}],
        "cells": [[f - 1, r - 1, value or 0, group] for r, f, value, group in cells],
    }


def _row(recency: int, frequency: int, row: Any) -> tuple[Any, ...]:
    group = GROUPS[GRID[recency - 1][frequency - 1]].words
    if row is None:
        return recency, frequency, group, 0, 0, None
    value = None if row.lifetime_value is None else int(row.lifetime_value)
    return recency, frequency, group, row.customers, int(row.spent), value
