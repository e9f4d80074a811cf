"""Every door of shops and mail providers, with bodies that are almost right and signed as they should be.

Some dozens each time; CARTWHEEL_FUZZ=20000 (make fuzz) for as many per door.
"""

from __future__ import annotations

import base64
import hmac
import os
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx
import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from automation import connections
from automation.app import App
from automation.models import Connection, InboundWebhook, TopicCount
from automation.pace import Pace
from automation.stages.listen import listen
from tests import make
from tests.automation.platforms.mutants import raw_mutant
from tests.automation.platforms.mutating import recordings
from tests.conftest import NOW, Net
from tests.contracts.provider_worlds import RECORDINGS, WORLDS

ROUNDS = int(os.environ.get("CARTWHEEL_FUZZ", "12"))
"""Bodies per door."""
SEED = os.environ.get("CARTWHEEL_FUZZ_SEED", "1")
KEY = rsa.generate_private_key(65537, 2048)
PEM = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
NUMBERS = KEY.public_key().public_numbers()
Signs = Callable[[bytes, str, datetime], Mapping[str, str]]


@dataclass(frozen=True)
class Door:
    """How somebody knocks."""

    role: str
    settings: Mapping[str, Any]
    signs: Signs
    bodies: Sequence[tuple[str, Any]]
    seals: Callable[[bytes, datetime], bytes] = lambda body, _now: body
    prepares: Callable[[Any], None] = lambda _there: None
    answers: Mapping[str, httpx.Response] = field(default_factory=dict)


def _hex(key: bytes, body: bytes) -> str:
    return hmac.new(key, body, "sha256").hexdigest()


def _base64(key: bytes, body: bytes) -> str:
    return base64.b64encode(hmac.digest(key, body, "sha256")).decode()


def _url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _topics(kind: str, topic_of: Callable[[str], str] = lambda name: name) -> list[tuple[str, Any]]:
    return [(topic_of(name), body) for name, body in recordings(kind).items()]


def _shopify(body: bytes, topic: str, _: datetime) -> Mapping[str, str]:
    digest = _base64(b"shh-shh-shh", body)
    return {"X-Shopify-Hmac-Sha256": digest, "X-Shopify-Topic": topic, "X-Shopify-Webhook-Id": digest}


def _woo(body: bytes, topic: str, _: datetime) -> Mapping[str, str]:
    digest = _base64(b"shh-shh-shh", body)
    return {"X-WC-Webhook-Signature": digest, "X-WC-Webhook-Topic": topic, "X-WC-Webhook-Delivery-ID": digest}


def _stripe(body: bytes, _: str, now: datetime) -> Mapping[str, str]:
    stamp = int(now.timestamp())
    return {"Stripe-Signature": f"t={stamp},v1={_hex(b'whsec_secret', f'{stamp}.'.encode() + body)}"}


def _saleor(body: bytes, topic: str, _: datetime) -> Mapping[str, str]:
    head = _url(b'{"alg":"RS256","kid":"k1","b64":false,"crit":["b64"]}')
    signature = KEY.sign(head.encode() + b"." + body, PKCS1v15(), SHA256())
    return {"Saleor-Signature": f"{head}..{_url(signature)}", "Saleor-Event": topic.partition(".")[0]}


def _adobe(body: bytes, _: str, __: datetime) -> Mapping[str, str]:
    signature = KEY.sign(base64.b64encode(body), PKCS1v15(), SHA256())
    return {"X-Adobe-Commerce-Webhook-Signature": base64.b64encode(signature).decode()}


JWKS = httpx.Response(
    200,
    json={
        "keys": [
            {
                "kty": "RSA",
                "kid": "k1",
                "n": _url(NUMBERS.n.to_bytes(256, "big")),
                "e": _url(NUMBERS.e.to_bytes(3, "big")),
            }
        ]
    },
)
SECRET = "a-secret-of-our-own"
DOORS: dict[str, Door] = {
    "shopify": Door(
        "platform",
        {"secret": "shh-shh-shh"},
        _shopify,
        _topics("shopify", lambda name: "/".join(name.split(".")[0].split("-")[:2])),
    ),
    "woocommerce": Door(
        "platform",
        {"shop_url": "https://shop.example.com", "webhook_secret": "shh-shh-shh"},
        _woo,
        _topics("woocommerce", lambda name: ".".join(name.split(".")[:2])),
    ),
    "bigcommerce": Door(
        "platform",
        {"store_hash": "abc123", "access_token": "tok", "hook_secret": SECRET},
        lambda _b, _t, _n: {"X-Cartwheel-Secret": SECRET},
        _topics("bigcommerce"),
    ),
    "magento": Door(
        "platform", {"shop_url": "https://shop.example.com", "public_key": PEM}, _adobe, _topics("magento")
    ),
    "medusa": Door(
        "platform",
        {"backend_url": "https://shop.example.com", "api_key": "sk_1", "hook_secret": SECRET},
        lambda body, _t, _n: {"X-Cartwheel-Signature": _hex(SECRET.encode(), body)},
        _topics("medusa"),
    ),
    "saleor": Door(
        "platform",
        {"api_url": "https://shop.example.com/graphql/"},
        _saleor,
        _topics("saleor"),
        answers={"/.well-known/jwks.json": JWKS},
    ),
    "stripe": Door("platform", {"signing_secret": "whsec_secret"}, _stripe, _topics("stripe")),
}


def _recorded(kind: str) -> list[tuple[str, Any]]:
    files = sorted((RECORDINGS / kind).glob("*.json"))
    return [("", orjson.loads(path.read_bytes())) for path in files if path.name != "expected.json"]


for _kind, _world in WORLDS.items():
    _signs = _world.signs
    if _signs is None or not list((RECORDINGS / _kind).glob("[!e]*.json")):
        continue
    DOORS[_kind] = Door(
        "provider",
        _world.settings,
        lambda body, _topic, now, signs=_signs: signs(body, now),  # type: ignore[misc]  # a default binds it now
        _recorded(_kind),
        _world.seals,
        _world.prepares,
    )


@pytest.fixture
def unpaced(flask: Flask) -> FlaskClient:
    """A client that nobody tells to wait."""
    for name in ("arrivals", "refusals"):
        flask.extensions[f"cartwheel.{name}"] = Pace(1e9, 10**9)
    return flask.test_client()


def _counts(app: App, row: Connection) -> tuple[int, int]:
    """(webhooks kept, webhooks of unknown topics)."""
    with app.db.read() as session:
        kept = session.scalar(select(func.count()).where(InboundWebhook.connection_id == row.id)) or 0
        unknown = select(func.sum(TopicCount.count)).where(
            TopicCount.connection_id == row.id, TopicCount.is_known.is_(False)
        )
        return kept, session.scalar(unknown) or 0


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "kinds", [[kind] for kind in sorted(DOORS)] if ROUNDS > 1000 else [sorted(DOORS)], ids=" ".join
)
def test_whatever_comes_through_a_door_is_kept_or_refused(
    unpaced: FlaskClient, app: App, net: Net, monkeypatch: pytest.MonkeyPatch, kinds: Sequence[str]
) -> None:
    made = connections.source_of

    def prepared(app: App, row: Connection, http: httpx.Client) -> Any:
        found = made(app, row, http)
        DOORS[row.kind].prepares(found)
        return found

    monkeypatch.setattr("automation.reception.source_of", prepared)
    monkeypatch.setattr("webapp.doors.hooks.PATIENCE", 600)  # a busy machine is no fault of a parser's
    with app.db.write() as session:
        store = make.store(session)
        rows = {k: make.connection(app, session, store, DOORS[k].role, k, **DOORS[k].settings) for k in kinds}
    for kind, row in rows.items():
        net.answer = lambda request, kind=kind: DOORS[kind].answers.get(request.url.path, httpx.Response(503))  # type: ignore[misc]  # a default binds it now
        _knock(unpaced, app, row, random.Random(f"{kind} {SEED}"))


def _knock(web: FlaskClient, app: App, row: Connection, dice: random.Random) -> None:
    door = DOORS[row.kind]
    topics = [topic for topic, _ in door.bodies]
    statuses: Counter[int] = Counter()
    new = 0
    for number in range(1, ROUNDS + 1):
        topic, body = dice.choice(door.bodies)
        topic = dice.choice(topics) if dice.random() < 0.2 else topic
        raw = door.seals(raw_mutant(dice, body), NOW) if dice.random() < 0.95 else orjson.dumps(body)
        headers = dict(door.signs(raw, topic, NOW))
        if dice.random() < 0.05 and headers:
            name = dice.choice(sorted(headers))
            headers[name] = dice.choice(["", "x", headers[name][:-1], headers[name] * 2])
        answer = web.post(f"/hooks/{row.public_id}", data=raw, headers=headers)
        status = answer.status_code
        statuses[status] += 1
        assert 200 <= status < 300 or 400 <= status < 500, (row.kind, status, headers, raw)
        told = answer.json or {}
        new += status == 200 and told["repeated"] is False
        assert status == 200 or told["error"]
        if number % 1000 == 0:
            _listen(app)
    assert sum(_counts(app, row)) == new, f"{row.kind}: what was refused left something, or what was accepted did not"
    _listen(app)
    assert statuses[200] > (ROUNDS / 20 if ROUNDS > 100 else 0), (row.kind, statuses)


def _listen(app: App) -> None:
    """Let the listen stage read all that came; nothing that it cannot read may be an accident of a parser's."""
    while listen(app, NOW, 500):
        pass
    with app.db.read() as session:
        failed = session.execute(
            select(InboundWebhook.error, InboundWebhook.body).where(InboundWebhook.error != "")
        ).all()
    accidents = [(f.error, f.body) for f in failed if f.error.partition(":")[0].endswith(("Error", "Exception"))]
    assert accidents == []
