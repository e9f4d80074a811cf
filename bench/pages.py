"""How long every admin page takes in a big shop, and how many statements it sends: a million customers, ten million
events and a million mails on PostgreSQL. The database is asked as by the web process; drawing is included.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, select, text

from automation.actions import admins
from automation.app import App
from automation.clock import TurnableClock, stopwatch
from automation.insights.report import reports
from automation.models import Campaign, Customer, Message, Store, Template
from bench.kinds import fill
from bench.rig import Figure, analyse, filling, installation, lanes
from tests.conftest import NOW
from webapp.auth import cookie_name
from webapp.factory import create_app
from webapp.permissions import permission_of

MOST_MS, MOST_STATEMENTS = 200, 12
_NAMES = "UPDATE customers SET first_name = (ARRAY['Ada', 'Grace', 'Alan'])[1 + id % 3], last_name = 'L' || id"
_MAILS = """INSERT INTO messages (public_id, store_id, customer_id, campaign_id, version_id, template_version_id,
      mail_class, rank, priority, topic, is_test, state, reason, reason_detail, due_at, fence, kills, attempt_count,
      created_at, decided_at, accepted_at, delivered_at, clicked_at)
    SELECT 'm' || i, :store, 1 + (CAST(i AS bigint) * 7919) % :size, :campaign, :version, :template, 'promotional', 3,
      50, 'marketing', false, 'delivered', 'go', '', at, 1, 0, 1, at, at, at, at, CASE WHEN i % 20 = 0 THEN at END
    FROM (SELECT i, CAST(:now AS timestamptz) - make_interval(secs => i * (7776000.0 / :size)) AS at
      FROM generate_series(1, :size) AS i) AS n"""
_DECISIONS = """INSERT INTO decisions (message_id, customer_id, campaign_id, outcome, reason, facts, at)
    SELECT id, customer_id, campaign_id, 'go', 'go', '{}', created_at FROM messages"""


def measure(quick: bool) -> Iterator[Figure]:
    """Each page, slowest first, then how many are within the bounds."""
    if "postgresql" not in lanes():
        return
    size = 50_000 if quick else 1_000_000
    with installation("postgresql", TurnableClock(NOW), base_url="http://127.0.0.1") as app:
        store = fill(app, size)
        _mails(app, store, size)
        flask = create_app(app)
        client = _owner(app, flask)
        found = sorted((_page(app, client, path) for path in _paths(app, flask)), reverse=True)
        for name in ("cartwheel.writer", "cartwheel.reception"):
            flask.extensions[name].close()
    for took, statements, path, status in found:
        is_met = took <= MOST_MS and statements <= MOST_STATEMENTS and status == 200
        note = f"{statements} statements" + ("" if status == 200 else f", answered {status}")
        target = f"under {MOST_MS} ms, at most {MOST_STATEMENTS} statements"
        yield Figure("pages", path[:46], "postgresql", round(took, 1), "ms", target, is_met, note)


def _mails(app: App, store: Store, size: int) -> None:
    with filling(app), app.db.write() as session:
        campaign = session.scalars(select(Campaign).order_by(Campaign.id)).first()
        assert campaign is not None
        version = session.scalars(select(Template.latest_version_id).order_by(Template.id)).first()
        values = {"store": store.id, "size": size, "now": NOW, "campaign": campaign.id}
        session.execute(text(_NAMES))
        session.execute(text(_MAILS), {**values, "version": campaign.live_version_id, "template": version})
        session.execute(text(_DECISIONS))
    analyse(app)


def _owner(app: App, flask: Flask) -> FlaskClient:
    client = flask.test_client()
    with app.db.write() as session:
        admin = admins.create_admin(session, "owner@example.com", NOW, role="owner")
        client.set_cookie(cookie_name(app), admins.start_session(session, admin, NOW), domain="127.0.0.1")
    return client


def _paths(app: App, flask: Flask) -> list[str]:
    """Every page that needs a log-in and no object, and those of one campaign, customer, mail and template."""
    with app.db.read() as session:
        known = {
            name: session.scalars(select(model.public_id).order_by(model.id.desc()).limit(1)).one()
            for name, model in _OBJECTS.items()
        }
    found = [f"/reports/{name}" for name in reports()]
    found += ["/customers/?q=gra", "/customers/?q=l99", "/find/?q=ada", "/mailbox/?q=ada"]
    adapter = flask.url_map.bind("127.0.0.1")
    for rule in flask.url_map.iter_rules():
        blueprint = rule.endpoint.partition(".")[0]
        is_page = permission_of(flask, rule.endpoint) not in (None, "public") and "GET" in (rule.methods or ())
        if not is_page or rule.rule.endswith(_PARTS):
            continue
        if not rule.arguments:
            found.append(adapter.build(rule.endpoint))
        elif rule.arguments == {"public_id"} and blueprint in known:
            found.append(adapter.build(rule.endpoint, {"public_id": known[blueprint]}))
    return sorted({path for path in found if not path.endswith((".csv", ".zip"))})


_OBJECTS: dict[str, Any] = {
    "campaigns": Campaign,
    "answers": Campaign,
    "builder": Campaign,
    "versions": Campaign,
    "customers": Customer,
    "mailbox": Message,
    "templates": Template,
    "editor": Template,
}


_PARTS = ("/body", "/canvas", "/add", "/clock")
"""Fragments that need more than their address, and pages of the demo."""


def _page(app: App, client: FlaskClient, path: str) -> tuple[float, int, str, int]:
    """The median of three looks, in ms, with the statements of the last."""
    seen = 0

    def count(*_: Any) -> None:
        nonlocal seen
        seen += 1

    spans, status = [], 0
    event.listen(app.db.engine, "before_cursor_execute", count)
    for _ in range(3):
        seen, start = 0, stopwatch()
        status = client.get(path, base_url="http://127.0.0.1").status_code
        spans.append((stopwatch() - start) * 1000)
    event.remove(app.db.engine, "before_cursor_execute", count)
    return sorted(spans)[1], seen, path, status
