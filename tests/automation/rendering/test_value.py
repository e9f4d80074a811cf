from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from automation.app import App
from automation.rendering.context import NAMES, VALUES, load
from tests import make
from tests.automation.rendering.named import message
from tests.conftest import NOW

ABOUT: tuple[tuple[str, dict[str, Any]], ...] = (
    ("cart_abandoned", {}),
    ("order_delivered", {}),
    ("browse_abandoned", {}),
    ("replenishment", {}),
    ("due_item", {}),
    ("date_anniversary", {"of": "birthday"}),
    ("date_anniversary", {"of": "special_date", "name": "wedding_day"}),
    ("date_anniversary", {"of": "first_order"}),
    ("nth_order", {"number": 5}),
    ("tier_reached", {}),
    ("feed_published", {"published_at": "2026-01-01T00:00:00Z"}),
)


@contextmanager
def statements(app: App) -> Iterator[list[str]]:
    seen: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    event.listen(app.db.engine, "before_cursor_execute", note)
    yield seen
    event.remove(app.db.engine, "before_cursor_execute", note)


def test_every_name_says_what_it_holds() -> None:
    assert {"store", "customer", "cart", "order", "product", "due_item", "feed"} <= set(NAMES)
    assert all(value.__doc__ for value in VALUES.values())


def test_all_names_together_cost_the_same_statements_whatever_the_batch(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        cup = make.product(session, store)
        rows = []
        for number in range(33):
            ada = make.customer(session, store, f"C{number}")
            make.order(session, store, ada, NOW, f"o{number}", products=(cup,))
            kind, settings = ABOUT[number % len(ABOUT)]
            origin = make.about(session, ada, kind, number + 1, **settings)
            rows.append(message(session, ada, *NAMES, **origin))
    counts = []
    for size in (len(ABOUT), len(rows)):
        app.renderer.versions, app.renderer.guises = {}, {}
        with statements(app) as seen, app.db.read() as session:
            found = load(app, session, rows[:size], NOW)
        assert len(found) == size
        assert all(set(variables["values"]) == set(NAMES) for variables in found.values())
        counts.append(len([s for s in seen if s.lstrip().upper().startswith(("SELECT", "WITH"))]))
    assert counts[0] == counts[1]


def test_a_mail_that_nothing_started_has_every_name_and_nothing_in_it(app: App) -> None:
    with app.db.write() as session:
        row = message(session, make.customer(session, make.store(session)), *NAMES)
    with app.db.read() as session:
        values = load(app, session, [row], NOW)[row.id]["values"]
    assert values["order"]["items"] == values["cart"]["items"] == values["feed"]["items"] == []
    assert values["product"]["title"] == values["due_item"]["title"] == values["event"]["name"] == ""
    assert values["recommendations"]["picks"] == values["viewed"] == values["products"] == []
