"""Keeps portraits up to date: each persona's once a day, one at a time."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import or_, select

from automation.app import App
from automation.errors import RuleBroken
from automation.insights.personas.portrait import portray
from automation.models import Persona, Segment, Store

EVERY = timedelta(days=1)


def refresh(app: App, now: datetime) -> int:
    """Portray the persona that has waited longest, if it is a day; 1 when there was one.

    The cost is that of a segment's members, once a day for each persona.
    """
    due = or_(Persona.portrayed_at.is_(None), Persona.portrayed_at <= now - EVERY)
    with app.db.read() as session:
        row = session.scalars(select(Persona).where(due).order_by(Persona.portrayed_at, Persona.id).limit(1)).first()
        if row is None:
            return 0
        store, segment = session.get_one(Store, row.store_id), session.get_one(Segment, row.segment_id)
        try:
            found = portray(session, store, segment, now).model_dump(mode="json")
        except RuleBroken:
            # The segment refers to one that is gone; its own page says so.
            found = {}
    with app.db.write() as session:
        stored = session.get(Persona, row.id)
        if stored is not None:
            stored.portrait, stored.portrayed_at = found, now
    return 1
