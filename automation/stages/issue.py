"""Between enrolling and sending: codes are kept in stock, and those that are out are followed to where they end."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from automation.app import App
from automation.faults import declare, fault
from automation.models import OfferCode
from automation.offers.following import follow
from automation.offers.holding import LIVE
from automation.offers.stocking import stock

declare("issue.before_commit")

_OFFERS = 100
"""Offers whose stock is looked at in one call: shops are asked one after the other."""


def issue(app: App, now: datetime, limit: int) -> int:
    """Have shops make the codes that are missing, and look at up to `limit` codes that are due for it.

    Those whose mail left are given, those whose mail never will are free again, the others expire. The answer is how
    many codes were looked at or came.
    """
    return stock(app, now, _OFFERS) + _follow(app, now, limit)


def _follow(app: App, now: datetime, limit: int) -> int:
    due = select(OfferCode.id).where(OfferCode.state.in_(LIVE), OfferCode.look_at <= now).limit(1)
    with app.db.read() as session:
        if session.scalar(due) is None:
            return 0
    with app.db.write() as session:
        looked = follow(session, now, limit)
        fault("issue.before_commit")
    return looked
