"""What belongs to another store of the installation is not there: not to look at, not to change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.routing import Rule

from automation.actions import segments, setup
from automation.app import App
from automation.insights.journey import ready
from automation.models import (
    Alert,
    AuditEntry,
    Feed,
    Form,
    JourneyStage,
    Offer,
    Persona,
    Reward,
    Store,
    Template,
    Touchpoint,
)
from automation.security import random_id
from tests import make
from tests.conftest import NOW
from tests.webapp.visitors import Visitor
from webapp.permissions import permission_of

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

OF: dict[str, str] = {
    "answers": "campaign",
    "builder": "campaign",
    "campaigns": "campaign",
    "versions": "campaign",
    "connections": "connection",
    "pace": "connection",
    "customers": "customer",
    "values": "customer",
    "privacy": "customer",
    "loyalty": "customer",
    "templates": "template",
    "editor": "template",
    "forms": "form",
    "feeds": "feed",
    "offers": "offer",
    "rewards": "reward",
    "personas": "persona",
    "mailbox": "message",
    "imports": "import",
}
"""What a blueprint's `public_id` names."""
NUMBERS = {
    "segment_id": "segment",
    "stage_id": "stage",
    "place_id": "place",
    "alert_id": "alert",
    "order_id": "order",
}
MORE: dict[str, Any] = {
    "what": "pause",
    "part": "trigger",
    "step_id": "mail_1",
    "number": 1,
    "kind": "orders",
    "table": "who",
    "key_id": 1,
}
"""What stands in an address beside the object."""
REFUSED = (404, 422, 302)
"""Not there; not complete, which is looked at first; sent to the page of a fragment, which is not there."""


def _elsewhere(app: App, session: Session) -> tuple[Store, dict[str, Any]]:
    """A second store with one of everything; the ids as addresses have them."""
    store = make.store(session, name="Elsewhere")
    setup.furnish(app, session, store, NOW)
    campaign = make.campaign(app, session, store)
    who = make.customer(session, store, "Zoe")
    times = {"created_at": NOW, "updated_at": NOW}
    made: dict[str, Any] = {
        "connection": make.connection(app, session, store, "provider", "mailbox", NOW),
        "form": Form(public_id=random_id(), store_id=store.id, name="f", **times),
        "feed": Feed(
            public_id=random_id(), store_id=store.id, code="b", title="B", url="https://e.com/f", due_at=NOW, **times
        ),
        "offer": Offer(
            public_id=random_id(), store_id=store.id, name="o", label="o", kind="percent", value=5, currency="EUR",
            supply="pool", look_at=NOW, **times,
        ),
        "reward": Reward(public_id=random_id(), store_id=store.id, name="r", points=10, note="x", created_at=NOW),
        "alert": Alert(
            store_id=store.id, series="s", on=NOW.date(), text="t", place="/", value=1, low=2, high=3, created_at=NOW
        ),
    }  # fmt: skip
    segment = segments.save(session, store.id, None, name="s", description="", rule={"all": []}, now=NOW)
    made["persona"] = Persona(public_id=random_id(), store_id=store.id, segment_id=segment.id, name="P", **times)
    session.add_all(list(made.values()))
    ready.begin(session, store, NOW)
    made |= {
        "campaign": campaign,
        "customer": who,
        "message": make.message(session, who, state="delivered", accepted_at=NOW),
        "order": make.order(session, store, who, NOW),
        "segment": segment,
        "template": session.query(Template).filter_by(store_id=store.id).first(),
        "stage": session.query(JourneyStage).filter_by(store_id=store.id).first(),
        "place": session.query(Touchpoint).filter_by(store_id=store.id).first(),
    }
    session.flush()
    ids = {name: getattr(row, "public_id", None) or row.id for name, row in made.items()}
    return store, {**ids, "order": made["order"].id, "segment": segment.id}


def _addresses(flask: Flask, ids: dict[str, Any]) -> list[tuple[str, str]]:
    found = []
    for rule in flask.url_map.iter_rules():
        if permission_of(flask, rule.endpoint) in (None, "public") or not rule.arguments:
            continue
        values = _values(rule, ids)
        if values is None:
            continue
        built = rule.build(values, append_unknown=False)
        assert built is not None, rule
        found += [(method, built[1]) for method in sorted((rule.methods or set()) & {"GET", "POST"})]
    return found


def _values(rule: Rule, ids: dict[str, Any]) -> dict[str, Any] | None:
    values: dict[str, Any] = {}
    named = False
    for name in rule.arguments:
        if name == "public_id" and (of := OF.get(rule.endpoint.partition(".")[0])):
            values[name], named = ids.get(of), True
        elif name in NUMBERS:
            values[name], named = ids[NUMBERS[name]], True
        else:
            values[name] = MORE.get(name)
    if not named or None in values.values() or rule.defaults:
        return None
    return values


def test_nothing_of_another_store_is_there(site: Flask, app: App, owner: Visitor) -> None:
    with app.db.write() as session:
        _, ids = _elsewhere(app, session)
    site.testing = False
    site.logger.disabled = True
    addresses = _addresses(site, ids)
    assert len(addresses) > 80
    token = owner.token("/account")
    ask: dict[str, Callable[[str], Any]] = {
        "GET": owner.get,
        "POST": lambda path: owner.post(path, {"name": "x", "role": "x"}, token=token),
    }
    before = _lines(app)
    found = {(method, path): ask[method](path).status_code for method, path in addresses}
    wrong = [(*asked, code) for asked, code in found.items() if code not in REFUSED and "/alerts/" not in asked[1]]
    assert not wrong, "\n".join(map(str, wrong))
    assert sum(code == 404 for code in found.values()) > 80
    assert _lines(app) == before


def _lines(app: App) -> tuple[int, int]:
    """Whatever changes something leaves a line in the log; alerts that are put away leave the list, too."""
    with app.db.read() as session:
        lines = session.scalar(select(func.count()).select_from(AuditEntry)) or 0
        put_away = session.scalar(select(func.count()).where(Alert.dismissed_at.is_not(None))) or 0
    return lines, put_away
