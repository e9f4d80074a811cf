from __future__ import annotations

from datetime import timedelta
from itertools import permutations

from sqlalchemy import delete, select

from automation.app import App
from automation.models import Suppression
from automation.suppressions import WEIGHTS, Suppressed, listed, suppress, take_back
from tests import make
from tests.conftest import NOW

HOUR = timedelta(hours=1)


def test_the_weightiest_and_then_the_earliest_reason_stands(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        found = [
            Suppressed(store_id=store.id, email_key="ada@example.com", reason=reason, at=NOW + hours * HOUR)
            for reason, hours in (("soft_bounces", 0), ("complaint", 3), ("complaint", 2), ("hard_bounce", 1))
        ]
        for order in permutations(found):
            for grouped in (False, True):
                session.execute(delete(Suppression))
                for batch in [order] if grouped else [[one] for one in order]:
                    suppress(session, batch)
                rows = session.execute(select(Suppression.reason, Suppression.at)).all()
                assert rows == [("complaint", NOW + 2 * HOUR)]


def test_every_reason_of_the_table_has_a_weight(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        suppress(
            session,
            [Suppressed(store_id=store.id, email_key=f"{r}@example.com", reason=r, at=NOW) for r in WEIGHTS],
        )
        assert set(session.scalars(select(Suppression.reason))) == set(WEIGHTS)


def test_only_what_stands_there_for_that_reason_is_taken_back(app: App) -> None:
    with app.db.write() as session:
        store, other = make.store(session), make.store(session)
        for store_id, email, reason in (
            (store.id, "a@example.com", "soft_bounces"),
            (store.id, "b@example.com", "complaint"),
            (other.id, "a@example.com", "soft_bounces"),
        ):
            suppress(session, [Suppressed(store_id=store_id, email_key=email, reason=reason, at=NOW)])
        both = ["a@example.com", "b@example.com"]
        assert listed(session, store.id, both, "soft_bounces") == {"a@example.com"}
        take_back(session, store.id, both, "soft_bounces")
        left = session.execute(select(Suppression.store_id, Suppression.email_key).order_by(Suppression.id)).all()
        assert left == [(store.id, "b@example.com"), (other.id, "a@example.com")]
