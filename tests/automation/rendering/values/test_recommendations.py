from datetime import timedelta

from sqlalchemy import select

from automation.app import App
from automation.insights.recommendations.refreshing import refresh
from automation.models import Message, OrderItem
from automation.rendering.context import load
from tests import make
from tests.automation.rendering.named import message, value
from tests.conftest import NOW
from tests.webapp.statements import counted

DAY = timedelta(days=1)


def scene(app: App, customers: int) -> list[Message]:
    """Mails about orders of a cup, with which a saucer goes; each customer has a spoon."""
    with app.db.write() as session:
        store = make.store(session)
        cup, saucer, spoon = (make.product(session, store, f"p{n}") for n in range(3))
        for n in range(2):
            make.order(session, store, None, NOW - 9 * DAY, f"o{n}", products=(cup, saucer))
        rows = []
        for n in range(customers):
            who = make.customer(session, store, f"Ada{n}")
            make.order(session, store, who, NOW - 20 * DAY, f"spoon{n}", products=(spoon,))
            order = make.order(session, store, who, NOW - 5 * DAY, f"cup{n}", products=(cup,))
            origin = make.about(session, who, "order_placed", order.id, key=str(n), anchor_at=NOW)
            rows.append(message(session, who, "recommendations", **origin))
    while refresh(app, NOW, 500):
        pass
    return rows


def test_a_mail_about_an_order_shows_what_goes_with_it_and_nothing_they_have(app: App) -> None:
    (row,) = scene(app, 1)
    found = value(app, row, "recommendations")
    assert [p["title"] for p in found["together"]] == ["Teacup p1"]
    assert [p["title"] for p in found["picks"]] == ["Teacup p1"]
    assert found["picks"][0].keys() == {"title", "url", "image_url", "price", "compare_at"}


def test_a_batch_takes_as_many_statements_as_one_mail(app: App) -> None:
    rows = scene(app, 12)
    with app.db.read() as session:
        load(app, session, rows[:1], NOW)  # what is read once for all
    counts = []
    for some in (rows[:1], rows):
        with app.db.read() as session, counted(app) as statements:
            load(app, session, some, NOW)
        counts.append(len(statements))
    assert counts[0] == counts[1]
    with app.db.read() as session:
        assert len(session.scalars(select(OrderItem)).all()) == 4 + 24
