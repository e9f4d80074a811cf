"""Give an offer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import Field
from sqlalchemy import select

from automation.models import Enrolment
from automation.offers import REASONS
from automation.offers.guard import Refusal
from automation.offers.holding import Claim, find, reserve
from automation.step import Desk, Exit, Move, Next, Place, Step, StepSettings


class OfferSettings(StepSettings):
    """Which offer, and what becomes of those who get none."""

    offer: str = Field("", max_length=64, description="Name of the offer.")
    without: Literal["go_on", "exit"] = Field(
        "go_on",
        description="Whoever gets no code, since the guard says no or none is left, goes on without it or exits.",
    )


class GiveOffer(Step):
    """Reserves a code of an offer for the customer; the mails after it can show it.

    The same customer keeps the same code for the whole run. If no mail with it leaves, the code is free again.
    Customers without a code go down the branch `without`, if there is one, and then on.
    """

    label = "Offer"
    icon = "discount"
    Settings = OfferSettings
    branches = ("with", "without")

    def take(self, places: Sequence[Place], step_id: str, settings: OfferSettings, desk: Desk) -> Mapping[int, Move]:
        del step_id
        if not places:
            return {}
        store_id = desk.session.execute(
            select(Enrolment.store_id).where(Enrolment.id == places[0].enrolment_id)
        ).scalar_one()
        offer = find(desk.session, store_id, settings.offer)
        claims = [Claim(f"enrolment:{p.enrolment_id}", p.customer_id, p.enrolment_id) for p in places]
        got = reserve(desk.session, offer, store_id, claims, desk.now)
        return {p.enrolment_id: self._move(got[f"enrolment:{p.enrolment_id}"], settings) for p in places}

    def rehearse(
        self, places: Sequence[Place], step_id: str, settings: OfferSettings, desk: Desk
    ) -> Mapping[int, Move]:
        del step_id, settings, desk  # as if there had been a code for everybody
        return {place.enrolment_id: Next("with") for place in places}

    def _move(self, got: object, settings: OfferSettings) -> Move:
        if not isinstance(got, Refusal):
            return Next("with")
        if settings.without == "exit":
            return Exit(f"no offer: {REASONS[got.reason]}")
        return Next("without")

    def sentence(self, settings: OfferSettings) -> str:
        return f"Offer “{settings.offer}”" if settings.offer else "Offer"
