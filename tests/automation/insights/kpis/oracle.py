"""Every key figure once more, in pandas, from plain frames of rows: shares no code with what it checks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pandas as pd


@dataclass(frozen=True, slots=True)
class Frames:
    """Rows by kind; every frame may have further columns, by which figures are told apart."""

    orders: pd.DataFrame
    """id, customer_id (NaN: a guest), placed_at, total, refunded, tax, shipping, is_cancelled, currency"""
    items: pd.DataFrame
    """order_id, quantity, cost (NaN: not known)"""
    carts: pd.DataFrame
    """customer_id, at, total, pieces, is_ordered, currency"""
    mails: pd.DataFrame
    """id, customer_id, accepted_at, is_clicked"""
    credits: pd.DataFrame
    """order_id"""
    consents: pd.DataFrame
    """customer_id, status, at"""


def _between(frame: pd.DataFrame, column: str, since: datetime, until: datetime) -> pd.DataFrame:
    return frame[(frame[column] >= since) & (frame[column] < until)]


def _per(amount: Any, among: Any) -> int | None:
    if not among:
        return None
    return int((Decimal(int(amount)) / Decimal(int(among))).quantize(Decimal(1), ROUND_HALF_UP))


def _of(part: Any, whole: Any) -> float | None:
    return int(part) / int(whole) if whole else None


def _margin(items: pd.DataFrame, orders: pd.DataFrame) -> tuple[pd.DataFrame, Any]:
    """The orders whose goods' costs are all known, and what they left."""
    items = items[items.order_id.isin(orders.id)]
    items = items.assign(worth=items.quantity * items.cost, is_unknown=items.cost.isna())
    known = items.groupby("order_id").agg(worth=("worth", "sum"), unknown=("is_unknown", "any"))
    with_cost = orders.merge(known[~known.unknown.astype(bool)], left_on="id", right_index=True)
    left = with_cost.total - with_cost.refunded - with_cost.tax - with_cost.shipping - with_cost.worth
    return with_cost, left.sum()


def _history(every: pd.DataFrame, orders: pd.DataFrame, until: datetime) -> tuple[pd.DataFrame, Any]:
    """What each buyer had bought by the end, and the median of days to second orders."""
    stands = every[~every.is_cancelled & (every.placed_at < until)].sort_values(["placed_at", "id"], kind="stable")
    stands = stands[stands.customer_id.notna()]
    buyers = orders.customer_id.dropna().unique()
    history = stands[stands.customer_id.isin(buyers)]
    per_buyer = history.groupby("customer_id").agg(n=("id", "size"), total=("total", "sum"), back=("refunded", "sum"))

    second = stands.groupby("customer_id").nth(1)
    first = stands.groupby("customer_id").nth(0).set_index("customer_id").placed_at
    second = second[second.id.isin(orders.id)]
    gaps = second.placed_at - second.customer_id.map(first)
    middle = gaps.median() / pd.Timedelta(days=1) if len(gaps) else None
    return per_buyer, middle


def _list(said: pd.DataFrame) -> dict[str, int]:
    joined, left = (said[said.status == word].customer_id.nunique() for word in ("granted", "withdrawn"))
    return {"joined": joined, "left": left, "growth": joined - left}


def figures(
    frames: Frames, since: datetime, until: datetime, currency: str, column: str = "", value: Any = None
) -> dict[str, Any]:
    """All key figures of the rows whose `column` has a value (all rows without one), by their keys."""

    def mine(frame: pd.DataFrame) -> pd.DataFrame:
        return frame[frame[column] == value] if column and column in frame else frame

    every = frames.orders[(frames.orders.currency == currency)]
    placed = mine(_between(every, "placed_at", since, until))
    orders = placed[~placed.is_cancelled]
    gross, refunded = orders.total.sum(), orders.refunded.sum()

    with_cost, margin = _margin(frames.items, orders)
    per_buyer, middle = _history(every, orders, until)

    carts = mine(_between(frames.carts, "at", since, until))
    carts = carts[(carts.currency == currency) & (carts.pieces > 0)]
    mails = mine(_between(frames.mails, "accepted_at", since, until))
    credited = orders[orders.id.isin(frames.credits.order_id)]
    by_mail = (credited.total - credited.refunded).sum()
    said = mine(_between(frames.consents, "at", since, until))
    return {
        "orders": len(orders),
        "cancelled": int(placed.is_cancelled.sum()),
        "buyers": orders.customer_id.nunique(),
        "gross": int(gross),
        "refunded": int(refunded),
        "net": int(gross - refunded),
        "margin": int(margin) if len(with_cost) else None,
        "margin_orders": len(with_cost),
        "aov": _per(gross, len(orders)),
        "carts": len(carts),
        "cart_value": _per(carts.total.sum(), len(carts)),
        "conversion": _of(carts.is_ordered.sum(), len(carts)),
        "repeat": _of((per_buyer.n > 1).sum(), len(per_buyer)),
        "lifetime": _per((per_buyer.total - per_buyer.back).sum(), len(per_buyer)),
        "second_days": None if middle is None else round(middle, 1),
        "mails": len(mails),
        "recipients": mails.customer_id.nunique(),
        "click_rate": _of(mails.is_clicked.sum(), len(mails)),
        "mail_orders": len(credited),
        "mail_net": int(by_mail),
        "mail_conversion": _of(len(credited), len(mails)),
        "per_mail": _per(by_mail, len(mails)),
        "per_recipient": _per(by_mail, mails.customer_id.nunique()),
        **_list(said),
    }
