"""What becomes of codes that are out: their mail left, it never will, they expire."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from automation.app import App
from automation.models import Enrolment, Message, OfferCode
from automation.offers.holding import Claim, Held, reserve
from automation.stages.issue import issue
from tests import make
from tests.automation.offers.test_holding import offer
from tests.automation.rendering.named import message
from tests.conftest import NOW
from tests.webapp.statements import counted

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
FRIDAY_ENDS = NOW.replace(day=13, hour=23)
"""Of the store's Friday: three days after Tuesday."""


def held(app: App, *, mail: str | None = None, names: tuple[str, ...] = ("offer",), **terms: Any) -> int:
    """A code that a run holds, whose mail is in a state; its id."""
    with app.db.write() as session:
        store = make.store(session)
        ada = make.customer(session, store)
        origin = make.about(session, ada, "date_anniversary", ada.id)
        ten = offer(app, session, store, codes=1, **{"valid_days": 3, **terms})
        holder = f"enrolment:{origin['enrolment_id']}"
        got = reserve(session, ten, store.id, [Claim(holder, ada.id, origin["enrolment_id"])], NOW)[holder]
        assert isinstance(got, Held)
        if mail:
            message(
                session,
                ada,
                *names,
                **origin,
                state=mail,
                reason={"dropped": "expired", "parked": "poison"}.get(mail, ""),
            )
        return got.code_id


def seen(app: App, code_id: int) -> tuple[str, datetime | None, str | None]:
    """Its state, when it is looked at next, and its holder."""
    with app.db.read() as session:
        row = session.get_one(OfferCode, code_id)
        return row.state, row.look_at, row.holder


def end(app: App) -> None:
    with app.db.write() as session:
        session.execute(update(Enrolment).values(state="exited"))


@pytest.mark.parametrize("state", ["accepted", "delivered", "unknown", "submitting"])
def test_a_code_whose_mail_left_is_given_and_expires_at_the_end_of_its_last_day(app: App, state: str) -> None:
    code = held(app, mail=state)
    end(app)
    assert issue(app, NOW + 59 * timedelta(minutes=1), 10) == 0
    assert issue(app, NOW + HOUR, 10) == 1
    assert seen(app, code)[:2] == ("given", FRIDAY_ENDS)
    with app.db.read() as session:
        assert session.get_one(OfferCode, code).message_id == session.scalar(select(Message.id))
    assert issue(app, FRIDAY_ENDS - timedelta(seconds=1), 10) == 0
    assert issue(app, FRIDAY_ENDS, 10) == 1
    assert seen(app, code)[:2] == ("expired", None)
    assert issue(app, FRIDAY_ENDS + 9 * DAY, 10) == 0


@pytest.mark.parametrize("state", ["draft", "ready", "claimed", "retry", "parked"])
def test_a_code_whose_mail_may_still_leave_is_kept_though_the_run_is_over(app: App, state: str) -> None:
    code = held(app, mail=state)
    end(app)
    issue(app, NOW + HOUR, 10)
    assert seen(app, code)[:2] == ("reserved", NOW + 2 * HOUR)


def test_a_code_of_a_run_that_goes_on_is_kept(app: App) -> None:
    code = held(app)
    issue(app, NOW + HOUR, 10)
    assert seen(app, code)[0] == "reserved"


@pytest.mark.parametrize(("mail", "names"), [(None, ()), ("dropped", ("offer",)), ("accepted", ("customer",))], ids=str)
def test_a_code_that_no_mail_showed_is_free_again(app: App, mail: str | None, names: tuple[str, ...]) -> None:
    code = held(app, mail=mail, names=names)
    end(app)
    issue(app, NOW + HOUR, 10)
    assert seen(app, code) == ("free", None, None)


def test_a_hold_on_a_shared_code_ends_instead(app: App) -> None:
    code = held(app, supply="shared", shared_code="SPRING")
    end(app)
    issue(app, NOW + HOUR, 10)
    assert seen(app, code) == ("void", None, None)


def test_a_code_without_an_end_is_never_looked_at_again(app: App) -> None:
    code = held(app, mail="accepted", valid_days=None)
    issue(app, NOW + HOUR, 10)
    assert seen(app, code)[:2] == ("given", None)
    assert issue(app, NOW + 999 * DAY, 10) == 0


def test_many_codes_are_followed_in_as_many_statements_as_few(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        ten = offer(app, session, store, codes=220)
        people = [make.customer(session, store, f"n{n}", consent=False) for n in range(220)]
        runs = [make.about(session, who, "date_anniversary", who.id)["enrolment_id"] for who in people]
        claims = [Claim(f"enrolment:{run}", who.id, run) for run, who in zip(runs, people, strict=True)]
        reserve(session, ten, store.id, claims, NOW)
        session.execute(update(Enrolment).values(state="exited"))
    assert issue(app, NOW + HOUR, 1) == 1
    with counted(app) as few:
        assert issue(app, NOW + HOUR, 20) == 20
    with counted(app) as many:
        assert issue(app, NOW + HOUR, 200) == 199
    assert len(many) == len(few)
