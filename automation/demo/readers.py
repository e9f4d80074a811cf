"""The demo's readers: some open a mail, some click in it, a few buy for it, and one in a hundred has had enough.

They use the links as they stand in the mail, through the same doors as anybody's mail program.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import func, select

from automation.app import App
from automation.models import SENT, Cart, Message, Store, TemplateVersion
from automation.rendering import links

AGENTS = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 Version/18.1 Mobile Safari/604.1",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/142.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_6) AppleWebKit/605.1.15 Version/18.0 Safari/605.1.15",
)
OPEN, CLICK, BUY, LEAVE = 0.46, 0.3, 0.4, 0.01
"""How many open; of these click; of these buy; of those who open, leave."""
BATCH = 500

Buy = Callable[[int, int | None, datetime], None]
"""Called with the customer, the cart that the mail was about, and when they buy."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One request that a reader's mail program or browser makes."""

    at: datetime
    method: str
    path: str
    agent: str


class Readers:
    """Reads every mail once, some time after it was sent."""

    def __init__(self, app: App, dice: Random, buy: Buy) -> None:
        self._app = app
        self._dice = dice
        self._buy = buy
        self._key = links.key_of(app.keyring)
        self._seen_until: int | None = None

    def read(self) -> list[Visit]:
        """What readers will do with the mails that were sent since the last call."""
        with self._app.db.read() as session:
            if self._seen_until is None:
                # Mails of the last hours only: whoever starts the demo again is not flooded with old readers.
                since = self._app.clock() - timedelta(hours=6)
                found = session.scalar(select(func.max(Message.id)).where(Message.accepted_at < since))
                self._seen_until = found or 0
            rows = session.execute(
                select(Message, TemplateVersion.links, Store.url, Cart.recovery_url)
                .join(TemplateVersion, TemplateVersion.id == Message.template_version_id)
                .join(Store, Store.id == Message.store_id)
                .outerjoin(Cart, (Cart.id == Message.subject_id) & (Cart.customer_id == Message.customer_id))
                .where(Message.id > self._seen_until, Message.state.in_(SENT), Message.is_test.is_(False))
                .order_by(Message.id)
                .limit(BATCH)
            ).all()
            session.expunge_all()
        visits: list[Visit] = []
        for message, found_links, store_url, recovery_url in rows:
            self._seen_until = message.id
            visits += self._one(message, found_links, recovery_url or store_url)
        return visits

    def _one(self, message: Message, found: list[Any], target: str) -> list[Visit]:
        dice = self._dice
        if dice.random() > OPEN or message.accepted_at is None:
            return []
        agent, token = dice.choice(AGENTS), links.token(self._key, message.public_id)
        at = message.accepted_at + timedelta(minutes=dice.expovariate(1 / 25))
        visits = [Visit(at, "GET", f"/o/{token}.gif", agent)]
        if dice.random() < LEAVE:
            return [*visits, Visit(at + timedelta(seconds=20), "POST", f"/u/{token}", agent)]
        if found and dice.random() < CLICK:
            at += timedelta(seconds=dice.randint(5, 90))
            visits.append(Visit(at, "GET", self._link(token, dice.choice(found), target), agent))
            if dice.random() < BUY:
                self._buy(message.customer_id, message.subject_id, at + timedelta(minutes=dice.randint(3, 40)))
        return visits

    def _link(self, token: str, link: dict[str, Any], target: str) -> str:
        path = f"/c/{token}/{link['number']}"
        if not link.get("is_dynamic"):
            return path
        return f"{path}?{urlencode({'u': target, 's': links.sign_target(self._key, target)})}"
