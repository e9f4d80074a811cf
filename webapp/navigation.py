"""The frame's contents: where one can go, and what of the installation stands above every page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Flask, current_app, g, make_response, request
from flask import session as cookie
from sqlalchemy import select
from werkzeug.wrappers import Response

from automation.app import App
from automation.clock import ShiftedClock
from automation.errors import NotAllowed
from automation.models import Connection, Installation, Store


@dataclass(frozen=True, slots=True)
class Place:
    """An entry of the side bar; shown once its page is there."""

    title: str
    icon: str
    endpoint: str
    on_phone: bool = True
    also: tuple[str, ...] = ()
    """Blueprints of further pages that belong to it."""

    @property
    def is_here(self) -> bool:
        """Whether the page that is shown belongs to it."""
        return request.blueprint in (self.endpoint.split(".")[0], *self.also)


PLACES = (
    Place("Home", "home", "home.index"),
    Place("Campaigns", "send", "campaigns.index", also=("answers", "versions")),
    Place("Templates", "template", "templates.index", on_phone=False, also=("editor",)),
    Place("Customers", "users", "customers.index"),
    Place("Segments", "users-group", "segments.index", on_phone=False),
    Place("Forms", "forms", "forms.index", on_phone=False),
    Place("Offers", "discount", "offers.index", on_phone=False),
    Place("Loyalty", "trophy", "loyalty.index", on_phone=False, also=("rewards", "referrals")),
    Place(
        "Insight",
        "chart-line",
        "insight.index",
        also=(
            "reports",
            "journey",
            "personas",
            "values",
            "experiments",
            "feedback",
            "attribution",
            "deliverability",
            "alerts",
        ),
    ),
    Place("Mailbox", "inbox", "mailbox.index"),
    Place("Feeds", "rss", "feeds.index", on_phone=False),
    Place("Import and export", "database", "imports.index", on_phone=False),
    Place("Consent and privacy", "shield-lock", "privacy.index", on_phone=False),
    Place("Connections", "plug-connected", "connections.index", on_phone=False, also=("pace",)),
    Place("Settings", "settings", "settings.index", on_phone=False, also=("stores", "team")),
)


OPEN = "store"
"""Where the visitor's cookie keeps which store is open, by its public id."""


_PAUSED = select(Installation.is_paused).where(Installation.id == 1).scalar_subquery()
_DEFAULT = (
    select(Connection.kind)
    .where(Connection.store_id == Store.id, Connection.is_default.is_(True))
    .order_by(Connection.id)
    .limit(1)
    .scalar_subquery()
)
"""The kind of provider that the store's mails leave through."""


@dataclass(frozen=True, slots=True)
class Shell:
    """What the frame shows of the installation."""

    store: Store | None
    """The one that is open."""
    stores: list[Store]
    """All, oldest first."""
    is_paused: bool
    is_test_mode: bool
    """True while the store's mails go to the built-in mailbox."""
    is_demo: bool
    is_shifted: bool
    """True when the demo's clock is ahead of the machine's."""
    now: datetime


def shell() -> Shell:
    """What the frame shows, read once per request by one statement."""
    if "shell" not in g:
        app: App = current_app.extensions["cartwheel"]
        with app.db.read() as session:
            rows = session.execute(
                select(Store, _PAUSED.label("all_paused"), _DEFAULT.label("default")).order_by(Store.id)
            ).all()
        opened = next((row for row in rows if row.Store.public_id == cookie.get(OPEN)), rows[0] if rows else None)
        g.shell = Shell(
            store=opened.Store if opened else None,
            stores=[row.Store for row in rows],
            is_paused=bool(opened and (opened.all_paused or opened.Store.is_paused)),
            is_test_mode=bool(opened and opened.default == "mailbox"),
            is_demo=app.settings.demo,
            is_shifted=isinstance(app.clock, ShiftedClock) and app.clock.offset().total_seconds() > 0,
            now=app.clock(),
        )
    found: Shell = g.shell
    return found


def the_store() -> Store:
    """The store that the pages are about. Raises NotAllowed before there is one."""
    store = shell().store
    if store is None:
        raise NotAllowed("There is no store yet: open the settings and fill in its name and sender.")
    return store


def is_fragment() -> bool:
    """Whether htmx asks for a part of the page; a whole page is what it gets after pressing "back"."""
    return bool(request.headers.get("HX-Request")) and request.headers.get("HX-Request-Type") != "full"


def with_toast(body: str | Response, text: str, kind: str = "success") -> Response:
    """A fragment that also says something in the corner; `kind` is success, warning or danger."""
    response = make_response(body)
    response.headers["HX-Trigger"] = current_app.json.dumps({"toast": {"text": text, "kind": kind}}, ensure_ascii=True)
    return response


def init_navigation(flask: Flask, app: App) -> None:
    """Give templates `shell()`, `places()`, `admin` and `is_fragment()`."""

    def places() -> list[Place]:
        return [place for place in PLACES if place.endpoint in flask.view_functions]

    @flask.context_processor
    def _context() -> dict[str, Any]:
        return {"admin": g.get("admin"), "shell": shell, "places": places, "app_now": app.clock}

    flask.jinja_env.globals.update(is_fragment=is_fragment, has_page=lambda endpoint: endpoint in flask.view_functions)
