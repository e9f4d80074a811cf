"""A corner shop that does what a test says, and an installation that is connected to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import ClassVar, TypeVar

import orjson

from automation.actions import connections
from automation.app import App
from automation.changes import Change, CustomerChanged
from automation.clock import TurnableClock
from automation.errors import BadSignature, CartwheelError
from automation.intake import store
from automation.models import Connection, Customer, Errand, Record
from automation.platform import Envelope, Page, Platform, PlatformSettings, Request
from automation.stages.poll import poll
from tests import make

R = TypeVar("R", bound=Record)


@dataclass
class Script:
    """What the corner shop does, and what it was asked."""

    pages: Callable[[datetime | None, str | None], Page] = lambda _since, _cursor: Page([])
    fetched: Callable[[Envelope], bytes] = lambda envelope: envelope.body
    subscribed: Callable[[str], str] = lambda url: f"It sends to {url}."
    asked: list[tuple[datetime | None, str | None]] = field(default_factory=list)
    looked_up: list[str] = field(default_factory=list)


class Corner(Platform):
    """A corner shop."""

    label = "Corner"
    kind = "corner"
    Settings = PlatformSettings
    topics = frozenset({"customer"})
    script: ClassVar[Script]

    @property
    def has_api(self) -> bool:
        return True

    def open(self, request: Request, now: datetime) -> Envelope:  # noqa: ARG002  the contract's signature
        raise BadSignature

    def translate(self, envelope: Envelope) -> list[Change]:
        return [person(orjson.loads(envelope.body)["name"])]

    def fetch(self, envelope: Envelope) -> Envelope:
        self.script.looked_up.append(envelope.delivery_id)
        return replace(envelope, body=self.script.fetched(envelope), is_bare=False)

    def subscribe(self, url: str) -> str:
        return self.script.subscribed(url)

    def pull(self, since: datetime | None, cursor: str | None) -> Page:
        self.script.asked.append((since, cursor))
        return self.script.pages(since, cursor)


def person(name: str) -> CustomerChanged:
    return CustomerChanged(email=f"{name}@example.com", first_name=name)


class Town:
    """An installation with one corner shop."""

    def __init__(self, app: App, clock: TurnableClock) -> None:
        self.script = Script()
        kind = type("CornerKind", (Corner,), {"script": self.script})
        self.app = replace(app, platforms={**app.platforms, "corner": kind})
        self.clock = clock

    def connect(self) -> Connection:
        with self.app.db.write() as session:
            store = make.store(session)
            return connections.add(
                self.app,
                session,
                store_id=store.id,
                role="platform",
                kind="corner",
                name="Corner",
                settings=PlatformSettings(),
                now=self.clock(),
            )

    def poll(self) -> int:
        return poll(self.app, self.clock(), 50)

    def rest(self, rounds: int = 50) -> None:
        """Poll until there is nothing to do."""
        for _ in range(rounds):
            if not self.poll():
                return
        raise AssertionError("it never rests")

    def rows(self, model: type[R]) -> list[R]:
        with self.app.db.read() as session:
            found = session.query(model).order_by(*model.__table__.primary_key.columns).all()  # type: ignore[attr-defined]  # a table has one
            session.expunge_all()
            return found

    def errand(self, kind: str) -> Errand:
        (found,) = [errand for errand in self.rows(Errand) if errand.kind == kind]
        return found

    def names(self) -> list[str]:
        return sorted(customer.first_name for customer in self.rows(Customer))

    def arrive(self, connection: Connection, delivery: str) -> None:
        """A webhook that only names a customer came in."""
        with self.app.db.write() as session:
            shop = session.get_one(Connection, connection.id)
            envelope = Envelope(delivery, "customer", b'{"id": 1}', self.clock(), is_bare=True)
            store(session, shop, envelope, self.clock(), is_known=True)


def raising(error: CartwheelError) -> Callable[..., Page]:
    def fail(*_: object) -> Page:
        raise error

    return fail


def three_pages(_since: datetime | None, cursor: str | None) -> Page:
    number = int(cursor or 1)
    following = str(number + 1) if number < 3 else None
    return Page([person(f"ada{number}")], following, number / 3)
