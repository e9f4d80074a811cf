"""What became of everybody on the whole belt: expected, told by the fake world, recorded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from automation.app import App
from automation.models import (
    AuditEntry,
    Campaign,
    Customer,
    CustomerRhythm,
    Enrolment,
    Event,
    FeedItem,
    Import,
    ImportRefusal,
    InboundWebhook,
    Message,
    OfferCode,
    OfferRefusal,
    Order,
    OutboundWebhook,
    PointsEntry,
)
from tests.crash.belt import FILE, told


def look(app: App, truth: Path) -> tuple[dict[str, Any], list[str]]:
    """What was counted, and what is wrong with it."""
    wrong: list[str] = []
    with app.db.read() as session:
        counts = _visitors(session, wrong) | _hooks(session, truth, wrong) | _pages(session, truth, wrong)
        counts |= _posts(session, truth, wrong) | _files(session, wrong)
        _codes(session, truth, wrong)
        runs = Counter(session.scalars(select(Enrolment.state)))
        pauses = session.scalar(select(func.count()).where(AuditEntry.action == "campaign.paused"))
        annoying = session.scalars(select(Campaign.state).where(Campaign.name == "annoying")).one()
    if set(runs) - {"finished"}:
        wrong.append(f"runs did not all finish: {dict(runs)}")
    if (pauses, annoying) != (1, "paused"):
        wrong.append(f"the campaign that annoys was paused {pauses} times and is {annoying}")
    return counts, wrong


def _visitors(session: Session, wrong: list[str]) -> dict[str, int]:
    """Every webhook was taken in, and every visitor had everything once."""
    webhooks = Counter(session.scalars(select(InboundWebhook.state)))
    who = select(Customer.id, Customer.email_key).where(Customer.email_key.startswith("visit-"))
    people = {row[0]: row[1] for row in session.execute(who)}
    if set(webhooks) - {"processed"}:
        wrong.append(f"webhooks that came in were not all taken in: {dict(webhooks)}")
    if len(people) != webhooks.total():
        wrong.append(f"{webhooks.total()} visitors came, {len(people)} are known")
    for name, (due, got) in _had(session).items():
        odd = {people[i]: got.get(i, 0) for i in people if got.get(i, 0) != due}
        if odd:
            wrong.append(f"{name}: {len(odd)} visitors had not {due}, for example {dict(list(odd.items())[:3])}")
    return {"visitors": len(people)}


def _hooks(session: Session, truth: Path, wrong: list[str]) -> dict[str, int]:
    """Outgoing webhooks: at least once, always with the same body, and known."""
    sent = {row[0]: row[1] for row in session.execute(select(OutboundWebhook.public_id, OutboundWebhook.state))}
    lines = told(truth, "h")
    hooks: dict[str, set[str]] = {}
    for line in lines:
        hooks.setdefault(line[1], set()).add(line[2])
    _compare(wrong, "outgoing webhooks were never received", {i for i, s in sent.items() if s == "sent"} - set(hooks))
    _compare(wrong, "outgoing webhooks did not come to an end", {i for i, s in sent.items() if s != "sent"})
    _compare(wrong, "outgoing webhooks came twice with another body", {i for i, b in hooks.items() if len(b) > 1})
    _compare(wrong, "outgoing webhooks came that nobody knows", set(hooks) - set(sent))
    return {"hooks": len(sent), "hook_calls": len(lines)}


def _pages(session: Session, truth: Path, wrong: list[str]) -> dict[str, int]:
    """Orders that the shop was asked for: each is known, and had its points once."""
    rows = session.execute(
        select(Customer.email_key, func.count(), func.coalesce(func.sum(PointsEntry.points), 0))
        .outerjoin(PointsEntry, PointsEntry.customer_id == Customer.id)
        .where(Customer.email_key.startswith("walk"))
        .group_by(Customer.email_key)
    ).all()
    orders = {line[1] for line in told(truth, "w")}
    known = {str(row[0]).partition("@")[0]: tuple(row[1:]) for row in rows}
    _compare(wrong, "orders were told in pages and are not known", orders - set(known))
    _compare(wrong, "orders from pages had not 30 points once", {name for name, had in known.items() if had != (1, 30)})
    return {"pulled": len(orders)}


def _posts(session: Session, truth: Path, wrong: list[str]) -> dict[str, int]:
    """Items of the feed: each is known, and is told once unless it stood there from the beginning."""
    seen = {row.title: row.is_told for row in session.execute(select(FeedItem.title, FeedItem.is_told))}
    events = session.scalars(select(Event.properties).where(Event.name == "feed.item_published"))
    titles = Counter(str(properties["title"]) for properties in events)
    posts = {line[1] for line in told(truth, "p")}
    _compare(wrong, "items of the feed are not known", posts - set(seen))
    due = {title for title, is_told in seen.items() if is_told}
    _compare(wrong, "items of the feed were not told", due - set(titles))
    _compare(wrong, "items of the feed were told too often", {t for t, n in titles.items() if n > 1 or t not in due})
    return {"posts": len(posts)}


def _files(session: Session, wrong: list[str]) -> dict[str, int]:
    """Files that were handed in: each row was taken in or refused, once."""
    files = session.scalars(select(Import).order_by(Import.id)).all()
    bad = FILE // 10
    for row in files:
        if (row.state, row.rows_done, row.rows_refused) != ("done", FILE, bad) or row.counts != {"applied": FILE - bad}:
            wrong.append(f"file {row.id}: {row.state}, {row.rows_done} done, {row.rows_refused} refused, {row.counts}")
    known = session.scalar(select(func.count()).where(Customer.email_key.startswith("file-"))) or 0
    refused = session.scalar(select(func.count()).select_from(ImportRefusal)) or 0
    if (known, refused) != (len(files) * (FILE - bad), len(files) * bad):
        wrong.append(f"of {len(files)} files {known} people are known and {refused} rows are refused")
    return {"files": len(files)}


def _codes(session: Session, truth: Path, wrong: list[str]) -> None:
    """Codes that are in use were made by the shop. (That none is held twice, the index sees to.)"""
    used = session.scalars(select(OfferCode.code).where(OfferCode.state.in_(("free", "reserved", "given"))))
    _compare(wrong, "codes are in use that the shop never made", set(used) - {line[1] for line in told(truth, "k")})


def _compare(wrong: list[str], what: str, odd: set[str]) -> None:
    if odd:
        wrong.append(f"{len(odd)} {what}, for example {sorted(odd)[:3]}")


def _had(session: Session) -> Mapping[str, tuple[int, dict[int, int]]]:
    """What every visitor must have had: how much, and how much each did have."""

    def count(column: Any, value: Any = None, where: Any = None) -> dict[int, int]:
        statement = select(column, func.count() if value is None else value).group_by(column)
        rows = session.execute(statement if where is None else statement.where(where))
        return {row[0]: int(row[1]) for row in rows}

    promised = Counter(count(OfferCode.customer_id)) + Counter(count(OfferRefusal.customer_id))
    began = Event.name == "began"
    hooked = dict(
        session.execute(
            select(Enrolment.customer_id, func.count())
            .join(OutboundWebhook, OutboundWebhook.enrolment_id == Enrolment.id)
            .group_by(Enrolment.customer_id)
        ).all()
    )
    return {
        "events": (1, count(Event.customer_id, where=began)),
        "orders": (1, count(Order.customer_id)),
        "runs": (1, count(Enrolment.customer_id)),
        "codes": (1, dict(promised)),
        "points": (130, count(PointsEntry.customer_id, func.sum(PointsEntry.points))),
        "webhooks": (1, hooked),
        "mails": (1, count(Message.customer_id, where=Message.campaign_id.is_not(None))),
        "orders in the rhythm": (1, count(CustomerRhythm.customer_id, func.sum(CustomerRhythm.order_count))),
    }
