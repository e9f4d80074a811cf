"""Everything that is logged while much goes wrong: no address, no secret."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import httpx
import orjson
import pytest
from sqlalchemy import text

from automation.app import App
from automation.logs import JsonFormatter
from automation.models import Connection, Store, Template
from automation.queue.beat import Beat
from automation.stages.deliver import deliver
from tests import make
from tests.conftest import NOW, Net
from tests.pages import open_pages

SECRETS = ("canary-token-81f", "canary-hook-81f", "a key for tests only", "canary-body-81f")


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """All that any logger says, at its wordiest, as the JSON lines of a process."""
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(JsonFormatter("worker"))
    root, level = logging.getLogger(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield out
    root.removeHandler(handler)
    root.setLevel(level)


def _world(request: httpx.Request) -> httpx.Response:
    """A provider that repeats what it was sent, in errors."""
    body = request.read().decode(errors="replace")
    if "Eve" in body:
        raise ValueError(f"an adapter's own mistake with eve81f@example.com: {body[:200]}")
    if "Bob" in body:
        raise httpx.ReadTimeout(f"no answer about bob81f@example.com: {body[:200]}")
    return httpx.Response(422, json={"ErrorCode": 300, "Message": f"Bad To: ada81f@example.com in {body[:300]}"})


def test_no_address_and_no_secret_gets_into_a_log(app: App, net: Net, log: io.StringIO) -> None:
    net.answer = _world
    with app.db.write() as session:
        store = make.store(session)
        row = make.connection(app, session, store, "provider", "postmark", server_token="canary-token-81f")
        shop = make.connection(app, session, store, "platform", "api")
        make.template(session, store, "good")
        broken = make.template(session, store, "bad")
        broken.html = "canary-body-81f {{ customer.email }} {{ 1 // 0 }}"
        for name in ("Ada81f", "Bob81f", "Cid81f"):
            customer = make.customer(session, store, name, last_name="Lovelace81f")
            make.message(session, customer, state="ready")
            make.message(session, customer, state="ready", template_version_id=broken.id)
        public = [row.public_id, shop.public_id]
    deliver(app, NOW, 100)
    for name in ("Dan81f", "Eve81f"):
        with app.db.write() as session:
            session.get_one(Connection, row.id).not_before = None
            there = session.get_one(Store, store.id)
            make.message(session, make.customer(session, there, name, last_name="Lovelace81f"), state="ready")
        deliver(app, NOW, 100)
    flask = open_pages(app)
    web = flask.test_client()
    for public_id in public:
        for headers in ({}, {"Authorization": "Bearer canary-hook-81f"}):
            web.post(f"/hooks/{public_id}?email=ada81f%40example.com", data=b"ada81f@example.com {", headers=headers)
    web.get("/u/ada81f@example.com")
    with app.db.engine.begin() as connection:
        connection.execute(text("ALTER TABLE customers RENAME TO people"))
    try:
        belt = Beat(app)
        for name in ("deliver", "decide", "enrol", "heartbeat"):
            belt._run(name, belt._jobs[name])
        with app.db.read() as session:
            assert session.get(Template, 1)
    finally:
        with app.db.engine.begin() as connection:
            connection.execute(text("ALTER TABLE people RENAME TO customers"))
        flask.extensions["cartwheel.writer"].close()
        flask.extensions["cartwheel.reception"].close()
    said = log.getvalue()
    lines = [orjson.loads(line) for line in said.splitlines()]
    assert len(lines) >= 4, [line["message"] for line in lines]
    assert any("message_ids" in line for line in lines)
    for word in ("81f@", "81f%40", "@example", *SECRETS):
        assert word not in said, next(line for line in said.splitlines() if word in line)[:600]
