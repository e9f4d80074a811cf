"""Third stage: drafted messages become ready, are put off, or are dropped, and every verdict is kept."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Select, select, text, union_all
from sqlalchemy.orm import Session

from automation import judging, verdicts
from automation.app import App
from automation.faults import declare, fault
from automation.models import CLASSES, Campaign, Customer, Message

declare("decide.before_commit")

# Spelt as the partial index spells it: with a bound parameter SQLite would not see that it fits.
_DRAFT = text("messages.state = 'draft'")

_FURTHER = 4


def decide(app: App, now: datetime, limit: int) -> int:
    """Decide on the due drafts of at most `limit` customers; how many.

    One transaction. Customers are locked while they are decided on, so that two workers cannot both find the gap
    free. What is ready for them and not yet claimed is weighed against their drafts once more: it goes back to
    waiting if something more important has come. The number of statements does not depend on how many there are.
    """
    with app.db.write() as session:
        customers = _claim(app, session, now, limit)
        if not customers:
            return 0
        mails = judging.contending(session, customers, now)
        judged = list(zip(mails, judging.judge(app, session, mails, now), strict=True))
        # What is ready and may still go is left alone.
        changed = [(row, verdict) for row, verdict in judged if row.state == "draft" or verdict.outcome != "go"]
        verdicts.write(session, changed, now)
        fault("decide.before_commit")
    return len(changed)


def _claim(app: App, session: Session, now: datetime, limit: int) -> Sequence[int]:
    """Customers with due drafts, those with the most urgent class first, locked.

    Where others decide too and are at the same ones, a second look reaches further: a batch of what they leave over
    costs as many statements as a whole one.
    """
    found = session.scalars(_free(now, limit, limit)).all()
    if app.db.is_sqlite or len(found) > limit // 2:
        return found
    return session.scalars(_free(now, limit, _FURTHER * limit)).all()


def _free(now: datetime, limit: int, reach: int) -> Select[int]:
    classes = []
    for rank in range(len(CLASSES)):
        of_class = (
            select(Message.customer_id)
            .outerjoin(Campaign, Campaign.id == Message.campaign_id)
            .where(_DRAFT, Message.rank == rank, Message.due_at <= now, judging.is_decided_on())
            .order_by(Message.due_at)
            .limit(reach)
            .subquery()
        )
        classes.append(select(of_class.c.customer_id))
    due = union_all(*classes).limit(reach).subquery()
    return judging.locked(select(Customer.id).where(Customer.id.in_(select(due.c.customer_id))).limit(limit))
