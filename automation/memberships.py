"""Who is in which segment, kept for the segments that a live campaign waits on.

A segment is a rule, and a rule may come true by the mere passing of time ("ordered nothing in 90 days"). So there is
no event to wait for: every `EVERY` the rule is asked again, with one INSERT … SELECT for who came and one UPDATE for
who went.

**The cost** is one evaluation of the rule over the store's customers for each, per watched segment and interval:
O(customers), whoever moved. It is the only work in the belt that is; the sweep itself reads only who came or went.
Segments that no live campaign watches cost nothing.

Whoever is in a segment when watching begins, or when its rule was edited, is written down without a date: nobody
enters a campaign because an admin did something.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from sqlalchemy import Insert, Select, Update, delete, exists, literal, select, update
from sqlalchemy.orm import Session

from automation import cursors, versions
from automation.app import App
from automation.models import Cursor, Customer, Segment, SegmentMember
from automation.rules.language import Rule
from automation.rules.sql import predicate
from automation.upsert import insert_into, table_of

EVERY = timedelta(minutes=5)
UNSEEN = datetime(1970, 1, 1, tzinfo=UTC)
"""When a stay ended that an edit of the rule ended: before any window."""
_ROUND = "segments"
_PREFIX = "segment:"


def refresh(app: App, now: datetime) -> int:
    """Bring the members of every watched segment up to `now`, at most once in `EVERY`; how many came and went."""
    with app.db.read() as session:
        last = session.get(Cursor, _ROUND)
        if last is not None and now - EVERY < last.at <= now:
            return 0
        watched = _watched(app, session)
    moved = 0
    for segment_id in sorted(watched):
        with app.db.write() as session:
            moved += _bring_up(session, segment_id, now)
    with app.db.write() as session:
        _let_go(session, watched)
        cursors.move(session, _ROUND, 0, now)
    return moved


def _watched(app: App, session: Session) -> set[int]:
    live = versions.of_live_campaigns(app, session)
    return {i for version in live for i in version.trigger.watched_segments(version.settings)}


def _bring_up(session: Session, segment_id: int, now: datetime) -> int:
    segment = session.get(Segment, segment_id)
    if segment is None:
        return 0
    name = f"{_PREFIX}{segment_id}"
    cursor = session.get(Cursor, name)
    rules = versions.segments_of(session, segment.store_id)
    is_silent = cursor is None or segment.updated_at > cursor.at
    went = session.connection().execute(_leave(segment, rules, now, is_silent=is_silent)).rowcount
    statement = _enter(session, segment, rules, now, is_silent=is_silent)
    came = session.connection().execute(statement, execution_options={"preserve_rowcount": True}).rowcount
    cursors.move(session, name, segment_id, now)
    return max(came, 0) + max(went, 0)


def _inside(segment: Segment, rules: Mapping[int, Rule], now: datetime) -> Select[int]:
    return select(Customer.id).where(
        Customer.store_id == segment.store_id, Customer.erased_at.is_(None), predicate(rules[segment.id], now, rules)
    )


def _enter(session: Session, segment: Segment, rules: Mapping[int, Rule], now: datetime, *, is_silent: bool) -> Insert:
    staying = exists(
        select(1).where(
            SegmentMember.segment_id == segment.id,
            SegmentMember.customer_id == Customer.id,
            SegmentMember.left_at.is_(None),
        )
    )
    at = literal(None if is_silent else now, type_=SegmentMember.entered_at.type)
    rows = (
        _inside(segment, rules, now)
        .where(~staying)
        .with_only_columns(literal(segment.store_id), literal(segment.id), Customer.id, at)
    )
    statement: Insert = insert_into(session, SegmentMember).from_select(
        ["store_id", "segment_id", "customer_id", "entered_at"], rows
    )
    return statement


def _leave(segment: Segment, rules: Mapping[int, Rule], now: datetime, *, is_silent: bool) -> Update:
    ended = UNSEEN if is_silent else now
    return (
        update(table_of(SegmentMember))
        .where(
            SegmentMember.segment_id == segment.id,
            SegmentMember.left_at.is_(None),
            SegmentMember.customer_id.not_in(_inside(segment, rules, now)),
        )
        .values(left_at=ended)
    )


def _let_go(session: Session, watched: set[int]) -> None:
    """Forget the members of segments that nobody watches any more: what they do meanwhile must not look like news."""
    known = session.scalars(select(Cursor.position).where(Cursor.name.startswith(_PREFIX, autoescape=True))).all()
    idle = [segment_id for segment_id in known if segment_id not in watched]
    if idle:
        session.execute(delete(table_of(SegmentMember)).where(SegmentMember.segment_id.in_(idle)))
        session.execute(delete(table_of(Cursor)).where(Cursor.name.in_([f"{_PREFIX}{i}" for i in idle])))
