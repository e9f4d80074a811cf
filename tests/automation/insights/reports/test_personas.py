from __future__ import annotations

from automation.actions import personas
from automation.app import App
from automation.insights.personas import portraying
from tests import make
from tests.automation.insights.reports import scored
from tests.automation.insights.value.shops import admin
from tests.conftest import NOW


def test_personas_stand_beside_one_another_as_they_were_portrayed(app: App) -> None:
    with app.db.write() as session:
        store, owner = make.store(session), admin(session)
        make.customer(session, store, country="DE", source={"channel": "search"})
        for name, country in (("Anna", "DE"), ("Bruno", "FR")):
            rule = {"field": "country", "is": "is", "value": country}
            personas.of_rule(session, store.id, rule, personas.Described(name=name), NOW, owner)
    assert portraying.refresh(app, NOW) == 1
    table = scored.table(app, store, "personas")
    assert table.column("name") == ["Anna", "Bruno"]
    assert table.column("members") == [1, None]
    assert table.column("channel") == ["search", None]
    assert table.column("portrayed_at") == [NOW, None]
