"""First stage: customers for whom a live campaign's trigger is due become enrolments."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, case, exists, func, literal, select, true, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session, aliased
from sqlalchemy.sql.elements import False_
from sqlalchemy.sql.util import find_tables

from automation import versions
from automation.app import App
from automation.dice import drawn_below
from automation.faults import declare, fault
from automation.holdouts import lots
from automation.models import Campaign, ConsentState, Customer, Enrolment, Message
from automation.rules.scope import Scope
from automation.rules.sql import predicate
from automation.trigger import Occurrences
from automation.upsert import table_of
from automation.versions import Version

declare("enrol.before_commit")

_customers, _enrolments, _states = (table_of(model).c for model in (Customer, Enrolment, ConsentState))
_COLUMNS = (
    "store_id",
    "campaign_id",
    "version_id",
    "customer_id",
    "key",
    "subject_id",
    "anchor_at",
    "state",
    "due_at",
    "visits",
    "entered_at",
    "exit_reason",
)
MANY = 1000
"""So many enrolments at once change what the database should expect of a campaign."""
_OPEN = ("draft", "ready", "claimed", "submitting", "retry")


def enrol(app: App, now: datetime, limit: int) -> int:
    """Enrol whoever is due, at most `limit` per campaign; the number of new enrolments.

    One INSERT … SELECT per live campaign. It asks for everything due within the catch-up span and leaves out what
    is enrolled already, so it may run as often as it likes and needs no memory of where it was.
    """
    found: list[_Look] = []
    try:
        _look(app, now, found)
    finally:
        # Also where a campaign could not be asked: those before it need not wait until it is mended.
        total = sum(_sweep(app, look, now, limit) for look in found)
    with app.db.read() as session:
        ended = session.scalars(_ended()).all()
    if ended:
        with app.db.write() as session:
            session.execute(update(Campaign).where(Campaign.id.in_(_ended())).values(state="finished", updated_at=now))
    return total


class _Look(NamedTuple):
    """A campaign for which somebody is due, or what is due can be settled for good."""

    version: Version
    wanted: Select[Any]
    is_last: bool


def _look(app: App, now: datetime, found: list[_Look]) -> None:
    """Ask each live campaign whether anybody is due; those that say yes are added to `found`.

    Most sweeps find nothing: one reader asks for all, and does not stand in a writer's way.
    """
    with app.db.read() as session:
        live = versions.of_live_campaigns(app, session)
        scopes = {store_id: versions.segments_of(session, store_id) for store_id in {v.store_id for v in live}}
        for version in live:
            occurrences = version.occurrences(now)
            is_last = occurrences.last_at is not None and occurrences.last_at <= now
            if isinstance(occurrences.within, False_) and not is_last:
                continue  # the clock alone says that nothing is due
            wanted = _wanted(scopes[version.store_id], version, occurrences, now)
            # By the connection: nothing here is an object that a session would look after.
            if is_last or occurrences.is_settling or session.connection().execute(_any_of(wanted)).first() is not None:
                found.append(_Look(version, wanted, is_last))


def _any_of(wanted: Select[Any]) -> Select[Any]:
    """One of those who are due. Planned as if all were wanted: mostly there is none, and then all are looked at."""
    some = (
        wanted.with_only_columns(literal(1))
        .order_by(None)
        .cte("wanted")
        .prefix_with("MATERIALIZED", dialect="postgresql")
    )
    return select(literal(1)).select_from(some).limit(1)


def _sweep(app: App, look: _Look, now: datetime, limit: int) -> int:
    version = look.version
    with app.db.write() as session:
        if _spaces_entries(version):
            # What two workers enrol at once could break "once" and "not within": one after the other.
            session.execute(select(Campaign.id).where(Campaign.id == version.campaign_id).with_for_update())
        added = _insert(app, session, look.wanted.limit(limit))
        if added < limit and (look.is_last or version.trigger.mailable_only):
            done = {"enrolled_at": now} if look.is_last else {"swept_at": now}
            session.execute(update(Campaign).where(Campaign.id == version.campaign_id).values(done))
        fault("enrol.before_commit")
    if added >= MANY:
        app.db.analyse(Enrolment.__tablename__)
    return added


def _insert(app: App, session: Session, wanted: Select[Any]) -> int:
    dialect: Any = sqlite if app.db.is_sqlite else postgresql
    statement = dialect.insert(Enrolment).from_select(_COLUMNS, wanted).on_conflict_do_nothing()
    # Without the option an INSERT does not say how many rows went in.
    count: int = session.connection().execute(statement, execution_options={"preserve_rowcount": True}).rowcount
    return max(count, 0)


def due(session: Session, version: Version, found: Occurrences, now: datetime) -> Select[Any]:
    """The rows that enrolling inserts: due in the window, every condition true, in the audience, not yet enrolled."""
    return _wanted(versions.segments_of(session, version.store_id), version, found, now)


def _wanted(scope: Scope, version: Version, found: Occurrences, now: datetime) -> Select[Any]:
    definition = version.definition
    where = [
        found.store_id == version.store_id,
        found.within,
        *found.conditions.values(),
        *found.entry.values(),
        _customers.erased_at.is_(None),
        # What falls due for a few is asked of each; what is due for everybody is asked of all at once.
        predicate(
            version.audience,
            now,
            scope,
            each=found.source is not Customer.__table__,
        ),
        ~_enrolled(version, _enrolments.key == found.key),
    ]
    if version.trigger.mailable_only and definition.mail_class != "transactional":
        where.append(agreed(definition.topic))
    source = found.source
    if Customer.__table__ not in find_tables(source, include_joins=False):
        source = source.join(Customer.__table__, _customers.id == found.customer_id)
    columns = _columns(version, found, now)
    if not _spaces_entries(version):
        return select(*columns).select_from(source).where(*where).order_by(*_order(version, found))
    if definition.entry == "once":
        where.append(~_enrolled(version, true()))
    else:
        where.append(~_enrolled(version, _enrolments.entered_at > now - timedelta(days=definition.cooldown_days)))
    # Two carts of one customer may fall due together: only the newest of them starts.
    newest = func.row_number().over(partition_by=found.customer_id, order_by=(found.at.desc(), found.subject_id.desc()))
    ranked = select(*columns, newest.label("place")).select_from(source).where(*where).subquery()
    return select(*(ranked.c[name] for name in _COLUMNS)).where(ranked.c.place == 1).order_by(ranked.c.anchor_at)


def _spaces_entries(version: Version) -> bool:
    """Whether an entry depends on when the customer entered before."""
    return version.definition.entry == "once" or version.definition.cooldown_days > 0


def _order(version: Version, found: Occurrences) -> list[ColumnElement[Any]]:
    if version.trigger.mailable_only:
        # Everybody at once: in the order of the key, which no batch has to sort for.
        return [_customers.id]
    return [found.at]


def _columns(version: Version, found: Occurrences, now: datetime) -> list[ColumnElement[Any]]:
    instant = _enrolments.due_at.type
    due_at = literal(now, type_=instant) if found.due_at is None else found.due_at
    values: dict[str, Any] = {
        "store_id": literal(version.store_id),
        "campaign_id": literal(version.campaign_id),
        "version_id": literal(version.id),
        "customer_id": found.customer_id,
        "key": found.key,
        "subject_id": found.subject_id,
        "anchor_at": found.at,
        "state": _state(version, found),
        "due_at": due_at,
        "visits": literal(0),
        "entered_at": literal(now, type_=instant),
        "exit_reason": _exit_reason(version, found),
    }
    return [values[name].label(name) for name in _COLUMNS]


def _state(version: Version, found: Occurrences) -> ColumnElement[str]:
    arms = [(drawn_below(lot, found.customer_id, percent / 100), "held") for lot, percent, _ in lots(version)]
    return case(*arms, else_="active") if arms else literal("active")


def _exit_reason(version: Version, found: Occurrences) -> ColumnElement[str]:
    arms = [(drawn_below(lot, found.customer_id, percent / 100), words) for lot, percent, words in lots(version)]
    return case(*arms, else_="") if arms else literal("")


def _enrolled(version: Version, which: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists(
        select(1).where(_enrolments.campaign_id == version.campaign_id, _enrolments.customer_id == _customers.id, which)
    )


def agreed(topic: str) -> ColumnElement[bool]:
    """True where the customer's consent to a topic stands."""
    return exists(
        select(1).where(_states.customer_id == _customers.id, _states.topic == topic, _states.status == "granted")
    )


@cache
def _ended() -> Select[int]:
    campaign = aliased(Campaign)
    return select(campaign.id).where(
        campaign.state.in_(("live", "stopping")),
        (campaign.enrolled_at.is_not(None)) | (campaign.state == "stopping"),
        ~exists(select(1).where(Enrolment.campaign_id == campaign.id, Enrolment.state == "active")),
        ~exists(select(1).where(Message.campaign_id == campaign.id, Message.state.in_(_OPEN))),
    )
