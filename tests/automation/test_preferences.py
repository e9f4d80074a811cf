from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from automation.app import App
from automation.consents import ConsentLine, note
from automation.errors import NotAllowed
from automation.models import Consent, Customer
from automation.preferences import Evidence, Preferences, preferences_of, set_preferences
from tests import make
from tests.conftest import NOW

FORM = Evidence(source="form", wording="Send me news of tea.", ip="2001:db8::1", agent="Firefox")
DAY = timedelta(days=1)


def test_wishes_are_kept_with_their_evidence_and_read_back(app: App) -> None:
    with app.db.write() as session:
        ada = make.customer(session, make.store(session))
        wish = Preferences({"tea": "granted", "marketing": "withdrawn"}, 2, NOW + 30 * DAY)
        assert set_preferences(session, ada.id, wish, FORM, NOW) == wish
        assert preferences_of(session, ada.id) == wish
        lines = session.scalars(select(Consent).where(Consent.at == NOW).order_by(Consent.id)).all()
        assert [(line.topic, line.status, line.wording, line.ip) for line in lines] == [
            ("marketing", "withdrawn", FORM.wording, FORM.ip),
            ("tea", "granted", FORM.wording, FORM.ip),
        ]


def test_what_holds_already_leaves_no_new_line_and_unnamed_topics_stay(app: App) -> None:
    with app.db.write() as session:
        ada = make.customer(session, make.store(session))
        for _ in range(2):
            after = set_preferences(session, ada.id, Preferences({"marketing": "granted"}, 1), FORM, NOW)
        assert after == Preferences({"marketing": "granted"}, 1)
        assert set_preferences(session, ada.id, Preferences(), FORM, NOW).topics == {"marketing": "granted"}
        assert len(session.scalars(select(Consent)).all()) == 1


def test_their_own_no_holds_where_a_sync_had_said_it_before(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        ada = make.customer(session, store, consent=False)

        def sync(status: str, at: int) -> None:
            line = ConsentLine(
                store_id=store.id,
                customer_id=ada.id,
                status=status,  # type: ignore[arg-type]  # one of the three
                source="platform",
                at=NOW + at * DAY,
            )
            note(session, [line], NOW + at * DAY)

        sync("withdrawn", 0)
        set_preferences(session, ada.id, Preferences({"marketing": "withdrawn"}), FORM, NOW + DAY)
        sync("granted", 2)
        assert preferences_of(session, ada.id).topics == {"marketing": "withdrawn"}


def test_a_rest_that_is_over_is_none_and_what_cannot_be_is_refused(app: App) -> None:
    with app.db.write() as session:
        ada = make.customer(session, make.store(session))
        assert set_preferences(session, ada.id, Preferences(paused_until=NOW), FORM, NOW).paused_until is None
        for wrong in (Preferences(frequency=0), Preferences(paused_until=NOW + 400 * DAY)):
            with pytest.raises(NotAllowed):
                set_preferences(session, ada.id, wrong, FORM, NOW)
        session.get_one(Customer, ada.id).erased_at = NOW
        with pytest.raises(NotAllowed):
            set_preferences(session, ada.id, Preferences(), FORM, NOW)
