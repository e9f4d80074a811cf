"""Find: one place to go anywhere and to find anything, by Ctrl+K."""

from __future__ import annotations

from flask import Blueprint, current_app, render_template, request, url_for

from automation.insights.report import reports
from webapp.auth import may
from webapp.factory import the_app
from webapp.navigation import PLACES, is_fragment, shell
from webapp.permissions import permission, permission_of
from webapp.queries import finding
from webapp.queries.finding import EACH

blueprint = Blueprint("find", __name__, url_prefix="/find")

MORE = (
    ("New campaign", "plus", "campaigns.gallery", "start recipe flow automation newsletter"),
    ("New segment", "plus", "segments.new", "rule audience group"),
    ("New mail", "plus", "templates.new", "template"),
    ("New offer", "plus", "offers.new", "coupon discount code"),
    ("New reward", "plus", "rewards.new", "loyalty points"),
    ("Brand of the mails", "palette", "templates.brand", "logo colours fonts"),
    ("Read a new feed", "plus", "feeds.new", "rss atom blog"),
    ("Connect a shop", "plug-connected", "connections.choose platform", "shopify woocommerce webhook"),
    ("Connect a mail provider", "mail-fast", "connections.choose provider", "postmark ses smtp sendgrid"),
    ("Storefront snippet", "code", "forms.shop", "javascript tracking"),
    ("Loyalty settings", "trophy", "loyalty.settings", "points tiers rules"),
    ("Members", "users", "loyalty.members", "loyalty points balance"),
    ("Referrals", "share", "referrals.index", "friends invitation"),
    ("Journey map", "route", "journey.index", "stages touchpoints sankey"),
    ("Personas", "users-group", "personas.index", "segments portrait"),
    ("Customer value", "coin", "values.index", "lifetime churn prediction"),
    ("RFM groups", "chart-bar", "values.rfm_map", "recency frequency"),
    ("Experiments", "flask", "experiments.index", "a/b test lift holdout"),
    ("Attribution", "click", "attribution.index", "orders clicks revenue"),
    ("Deliverability", "mail-check", "deliverability.index", "bounces complaints gmail"),
    ("Feedback", "message", "feedback.index", "nps scores comments"),
    ("Alerts", "bell", "alerts.index", "anomaly unusual"),
    ("Team", "users", "team.index", "admins roles invite permissions"),
    ("Log", "history", "team.log", "audit who did what"),
    ("Your account", "user-circle", "session.account", "password time zone"),
)
"""Pages below those of the side bar, and what can be begun: title, icon, endpoint and argument, words to find it by."""


def _address(endpoint: str) -> str | None:
    """Where a page is; None when there is none or it is not theirs to open."""
    name, _, role = endpoint.partition(" ")
    if name not in current_app.view_functions or not may(permission_of(current_app, name) or "own"):
        return None
    return url_for(name, role=role) if role else url_for(name)


def _pages(text: str) -> list[tuple[str, str, str]]:
    """Pages that fit: title, icon and address. Without a text those of the side bar."""
    known = [(place.title, place.icon, place.endpoint, "") for place in PLACES]
    if text:
        known += MORE
    found = [(title, icon, _address(endpoint), f"{title} {also}".lower()) for title, icon, endpoint, also in known]
    if text and may("view"):
        found += [
            (kind.title, "chart-bar", url_for("reports.one", name=name), f"{kind.title} report".lower())
            for name, kind in sorted(reports().items())
        ]
    wanted = text.lower().split()
    fits = [(t, i, a) for t, i, a, words in found if a and all(_begins_one(words, w) for w in wanted)]
    return fits[: 2 * EACH] if text else fits


def _begins_one(words: str, wanted: str) -> bool:
    return any(word.startswith(wanted) for word in words.split())


@blueprint.get("/")
@permission("view")
def index() -> str:
    """What fits; a fragment is the list alone."""
    text = " ".join(request.args.get("q", "").split())[:100]
    store = shell().store
    groups = []
    if text and store:
        with the_app().db.read() as session:
            groups = finding.find(session, store.id, text)
    name = "found" if is_fragment() else "index"
    return render_template(f"find/{name}.html", q=text, pages=_pages(text), groups=groups)
