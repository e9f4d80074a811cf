from __future__ import annotations

import pytest
from sqlalchemy import select

from automation.app import App
from automation.models import PointsEntry
from automation.step import Next
from automation.steps.points import GivePoints, PointsSettings
from tests import make
from tests.automation.steps.desk import Desk, place


@pytest.mark.parametrize(("is_on", "given"), [(True, [100]), (False, [])])
def test_a_run_gives_its_points_once_and_only_while_the_programme_is_on(
    app: App, is_on: bool, given: list[int]
) -> None:
    with app.db.write() as session:
        ada = make.customer(session, make.store(session, loyalty={"is_on": is_on}))
        origin = make.about(session, ada, "date_anniversary", ada.id)
        desk = Desk()
        desk.session = session
        here = place(1, enrolment_id=origin["enrolment_id"], customer_id=ada.id)
        for _ in range(2):
            assert GivePoints().take([here], "s1", PointsSettings(), desk) == {here.enrolment_id: Next()}
        assert list(session.scalars(select(PointsEntry.points))) == given
