"""Which campaign and which customer a command is about, by what a person would type."""

from __future__ import annotations

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from automation.errors import SetupError
from automation.lookup import customer_called
from automation.models import Campaign, Customer


def campaign_called(session: Session, text: str) -> Campaign:
    """A campaign by its id or name, or by a part of the name that only one has. Raises SetupError for none or many."""
    wanted = text.strip().lower()
    for where in (
        or_(Campaign.public_id == text.strip(), func.lower(Campaign.name) == wanted),
        func.lower(Campaign.name).contains(wanted, autoescape=True),
    ):
        found = session.scalars(select(Campaign).where(where).order_by(Campaign.name)).all()
        if len(found) == 1:
            return found[0]
        if found:
            listed = ", ".join(f"{row.name} ({row.public_id})" for row in found[:10])
            raise SetupError(f"Several campaigns are called like {text!r}: {listed}.")
    names = session.scalars(select(Campaign.name).order_by(Campaign.name).limit(20)).all()
    raise SetupError(f"There is no campaign {text!r}. There are: {', '.join(names) or 'none yet'}.")


def customer_at(session: Session, store_id: int, address: str) -> Customer:
    """A store's customer by mail address or public id. Raises SetupError for nobody."""
    row = customer_called(session, store_id, address)
    if row is None:
        raise SetupError("The campaign's store knows no customer of that address.")
    return row
