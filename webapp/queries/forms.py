"""Sign-up forms with what became of them. A constant number of statements, however many there are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from automation.models import Form, FormDay, FormVersion, SignUp
from automation.signup.definition import FormDefinition

SPAN = timedelta(days=30)
"""What the figures are of."""
ALARM = timedelta(days=1)
"""How long a flood is told of."""


@dataclass(frozen=True, slots=True)
class FormRow:
    """A form as the list and its page show it."""

    id: int
    public_id: str
    name: str
    state: str
    number: int
    definition: FormDefinition
    is_flooded: bool
    """It turned people away within the last day."""
    updated_at: datetime
    views: int = 0
    refused: int = 0
    submitted: int = 0
    confirmed: int = 0


def rows(session: Session, store_id: int, now: datetime, public_id: str = "") -> list[FormRow]:
    """A store's forms, the newest first and those put away last; or the one with this public id. Three statements."""
    mine = Form.store_id == store_id
    if public_id:
        mine &= Form.public_id == public_id
    found = session.execute(
        select(Form, FormVersion.number, FormVersion.definition)
        .join(FormVersion, FormVersion.id == Form.version_id)
        .where(mine)
        .order_by(Form.state == "archived", Form.id.desc())
    ).all()
    ids = [row.Form.id for row in found]
    since = now - SPAN
    days = {
        row.form_id: row
        for row in session.execute(
            select(
                FormDay.form_id,
                func.sum(FormDay.views).label("views"),
                func.sum(FormDay.refused).label("refused"),
                func.sum(FormDay.unconfirmed).label("unconfirmed"),
            )
            .where(FormDay.form_id.in_(ids), FormDay.on_date > since.astimezone(UTC).date())
            .group_by(FormDay.form_id)
        )
    }
    people = {
        row.form_id: row
        for row in session.execute(
            select(
                SignUp.form_id,
                func.count().label("submitted"),
                func.count(SignUp.confirmed_at).label("confirmed"),
            )
            .where(SignUp.form_id.in_(ids), SignUp.created_at > since)
            .group_by(SignUp.form_id)
        )
    }
    return [_row(row, days.get(row.Form.id), people.get(row.Form.id), now) for row in found]


def _row(found: Any, day: Any, signed: Any, now: datetime) -> FormRow:
    form: Form = found.Form
    return FormRow(
        id=form.id,
        public_id=form.public_id,
        name=form.name,
        state=form.state,
        number=found.number,
        definition=FormDefinition.model_validate(found.definition),
        is_flooded=form.held_at is not None and form.held_at > now - ALARM,
        updated_at=form.updated_at,
        views=int(day.views) if day else 0,
        refused=int(day.refused) if day else 0,
        # Of those that nobody confirmed in time only the count is kept.
        submitted=(signed.submitted if signed else 0) + (int(day.unconfirmed) if day else 0),
        confirmed=signed.confirmed if signed else 0,
    )
