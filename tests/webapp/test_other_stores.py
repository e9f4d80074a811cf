"""What belongs to another store of the installation is not there: not to look at, not to change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.routing import Rule

from automation.actions import api_keys, forms, segments, setup
from automation.app import App
from automation.insights.journey import ready
from automation.models import (
    Admin,
    Alert,
    AuditEntry,
    Campaign,
    Connection,
    Customer,
    Enrolment,
    Feed,
    Import,
    JourneyShare,
    JourneyStage,
    Measurement,
    Notice,
    Offer,
    Persona,
    PointsEntry,
    PrivacyRequest,
    Redemption,
    Referral,
    Reward,
    SavedBlock,
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
    "key_id": "key",
    "hit_id": "hit",
    "block_id": "block",
    "notice_id": "notice",
    "share_id": "share",
    "redemption_id": "redemption",
    "request_id": "request",
    "referral_id": "referral",
}
DEEDS = {
    "connections": "pause",
    "feeds": "pause",
    "imports": "discard",
    "journey": "remove",
    "privacy": "done",
    "referrals": "approve",
    "templates": "duplicate",
}
"""What a blueprint's `what` may be: with any other it would be refused before the store is looked at."""
OF_NO_STORE = {
    "campaigns.create",
    "connections.choose",
    "connections.create",
    "connections.new",
    "imports.export",
    "journey.place",
    "journey.stage",
    "journey.store_place",
    "journey.store_stage",
    "reports.as_csv",
    "reports.one",
    "segments.save",
    "stores.switch",
    "team.do",
}
"""Routes whose address names no object of a store: a kind, a page for something new, a store or a person."""
MORE: dict[str, Any] = {
    "part": "trigger",
    "step_id": "mail_1",
    "number": 1,
    "kind": "subscribe",
    "table": "who",
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
    admin_id = session.scalars(select(Admin.id)).one()
    key, _ = api_keys.make(app, session, store_id=store.id, name="k", scopes=["customers:read"], now=NOW)
    times = {"created_at": NOW, "updated_at": NOW}
    made: dict[str, Any] = {
        "api": session.get_one(Connection, key.connection_id),
        "key": key,
        "connection": make.connection(app, session, store, "provider", "mailbox", NOW),
        "form": forms.create(app, session, store, "In the footer", "en", NOW, admin_id),
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
    made |= _more(session, store, who, campaign, made)
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


def _more(session: Session, store: Store, who: Customer, campaign: Campaign, made: dict[str, Any]) -> dict[str, Any]:
    """What hangs on the customer, and what waits for a person."""
    message = make.message(session, who, state="delivered", accepted_at=NOW)
    enrolment = Enrolment(
        store_id=store.id, campaign_id=campaign.id, version_id=campaign.live_version_id, customer_id=who.id, key="k",
        anchor_at=NOW, entered_at=NOW, due_at=NOW,
    )  # fmt: skip
    entry = PointsEntry(store_id=store.id, customer_id=who.id, kind="earn", points=50, at=NOW)
    session.add_all([enrolment, entry])
    session.flush()
    of = {"store_id": store.id, "customer_id": who.id}
    rows: dict[str, Any] = {
        "block": SavedBlock(public_id=random_id(), store_id=store.id, name="b", mjml="<mj-text />", created_at=NOW),
        "experiment": Measurement(
            store_id=store.id, key="k", kind="holdout", title="t", campaign_id=campaign.id, started_at=NOW,
            measured_at=NOW,
        ),
        "import": Import(
            public_id=random_id(), store_id=store.id, connection_id=made["connection"].id, kind="customers",
            filename="a.csv", size=1, shape={}, due_at=NOW, created_at=NOW,
        ),
        "notice": Notice(
            **of, campaign_id=campaign.id, enrolment_id=enrolment.id, step_id="notify_1", text="t", created_at=NOW
        ),
        "redemption": Redemption(**of, reward_id=made["reward"].id, entry_id=entry.id, key="k", at=NOW),
        "referral": Referral(
            store_id=store.id, referrer_id=who.id, friend_key="bob@example.com", state="suspected", created_at=NOW
        ),
        "request": PrivacyRequest(
            **of, connection_id=made["connection"].id, kind="access", requested_at=NOW, due_at=NOW
        ),
        "share": JourneyShare(store_id=store.id, name="s", token_hash="0" * 64, created_at=NOW),
    }  # fmt: skip
    session.add_all(rows.values())
    session.flush()
    return {**rows, "hit": make.hit(session, message, "click", NOW)}


def _addresses(flask: Flask, ids: dict[str, Any]) -> list[tuple[str, str]]:
    found = []
    left_out = set()
    for rule in flask.url_map.iter_rules():
        if permission_of(flask, rule.endpoint) in (None, "public") or not rule.arguments:
            continue
        values = _values(rule, ids)
        if values is None:
            left_out.add(rule.endpoint)
            continue
        built = rule.build(values, append_unknown=False)
        assert built is not None, rule
        found += [(method, built[1]) for method in sorted((rule.methods or set()) & {"GET", "POST"})]
    assert left_out == OF_NO_STORE
    return found


def _values(rule: Rule, ids: dict[str, Any]) -> dict[str, Any] | None:
    values: dict[str, Any] = {}
    named = False
    blueprint = rule.endpoint.partition(".")[0]
    for name in rule.arguments:
        if name == "number" and blueprint == "experiments":
            values[name], named = ids["experiment"], True
        elif name == "what":
            values[name] = DEEDS.get(blueprint)
        elif name == "public_id" and "/keys" in rule.rule:
            values[name], named = ids["api"], True
        elif name == "public_id" and (of := OF.get(blueprint)):
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


def test_in_their_own_store_they_are_all_there(site: Flask, app: App, owner: Visitor) -> None:
    """Or the test above would only show that the addresses lead nowhere."""
    with app.db.write() as session:
        there, ids = _elsewhere(app, session)
        opened = there.public_id
    site.testing = False
    site.logger.disabled = True
    token = owner.token("/account")
    assert owner.post(f"/stores/{opened}/open", {}, token=token).status_code == 303
    missing = [path for method, path in _addresses(site, ids) if method == "GET" and owner.get(path).status_code == 404]
    assert missing == [f"/mailbox/{ids['message']}/body"], "that message was never rendered"
    missing = [
        path
        for method, path in sorted(_addresses(site, ids), key=lambda asked: asked[1].endswith("/remove"))
        if method == "POST" and owner.post(path, {"name": "x", "role": "x"}, token=token).status_code == 404
    ]
    assert not missing


def _lines(app: App) -> tuple[int, int]:
    """Whatever changes something leaves a line in the log; alerts that are put away leave the list, too."""
    with app.db.read() as session:
        lines = session.scalar(select(func.count()).select_from(AuditEntry)) or 0
        put_away = session.scalar(select(func.count()).where(Alert.dismissed_at.is_not(None))) or 0
    return lines, put_away
