"""What is new in a feed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import aliased

from automation.models import Enrolment, Event, Message
from automation.rendering.value import Batch, Value

ITEM = "feed.item_published"
MOST = 10
"""How many items an issue shows where its campaign does not say: the newest."""
_KEPT = 500
"""How many are read at most, over all issues of a batch."""
LONGEST = 8_000
"""Characters of an item's HTML: ten such items still fit into what mail programs show whole."""
_FIELDS = {
    "title": ("title",),
    "url": ("url", "link"),
    "summary": ("summary", "description"),
    "image_url": ("image_url", "image"),
    "author": ("author",),
}
"""What a mail calls it, and under which properties of an item's event it is looked for."""

Issue = tuple[int, datetime]
"""A campaign, and the hour of one of its issues."""


class FeedValue(Value):
    """The items of this issue, the newest first: `feed.items` (title, url, summary, image_url, author, on, and html
    for |clean_html) and `feed.count`, of all that are new. At most ten, or as many as the campaign's trigger says.
    """

    def load(self, batch: Batch, messages: Sequence[Message]) -> Callable[[Message], Any]:
        none: dict[str, Any] = {"items": [], "count": 0}
        issue_of: dict[int, Issue] = {}
        settings: dict[Issue, tuple[int, Mapping[str, Any]]] = {}
        for m in messages:
            origin = batch.origin(m)
            if origin and origin.kind == "feed_published" and m.enrolment_id in batch.enrolments and m.campaign_id:
                issue = m.campaign_id, batch.enrolments[m.enrolment_id].anchor_at
                issue_of[m.id] = issue
                settings[issue] = m.store_id, origin.settings
        if not issue_of:
            return lambda _: none
        issues = _issues(batch, settings)
        return lambda m: issues.get(issue_of[m.id], none) if m.id in issue_of else none


def _issues(batch: Batch, settings: Mapping[Issue, tuple[int, Mapping[str, Any]]]) -> dict[Issue, dict[str, Any]]:
    spans = _spans(batch, settings)
    columns = (Event.store_id, Event.at, Event.properties)
    wanted = [
        and_(Event.store_id == settings[issue][0], Event.at > since, Event.at <= issue[1])
        for issue, since in spans.items()
    ]
    found = select(*columns).where(Event.name == ITEM, or_(*wanted)).order_by(Event.at.desc(), Event.id.desc())
    rows = batch.session.execute(found.limit(_KEPT)).all()
    issues = {}
    for issue, since in spans.items():
        store_id, chosen = settings[issue]
        feed = chosen.get("feed")
        items = [
            _item(row)
            for row in rows
            if row.store_id == store_id
            and since < row.at <= issue[1]
            and (not feed or row.properties.get("feed") == feed)
        ]
        most = chosen.get("most", MOST)
        issues[issue] = {"items": items[:most], "count": len(items)}
    return issues


def _spans(batch: Batch, settings: Mapping[Issue, tuple[int, Mapping[str, Any]]]) -> dict[Issue, datetime]:
    """Since when each issue's items count: the issue before, else when the campaign was published."""
    here, before = aliased(Enrolment), aliased(Enrolment)
    last = (
        select(before.anchor_at)
        .where(before.campaign_id == here.campaign_id, before.entered_at < here.anchor_at)
        .order_by(before.entered_at.desc())
        .limit(1)
        .correlate(here)
        .scalar_subquery()
    )
    campaigns = sorted({campaign for campaign, _ in settings})
    times = sorted({at for _, at in settings})
    one_of_each = (
        select(func.min(here.id))
        .where(here.campaign_id.in_(campaigns), here.anchor_at.in_(times), here.id.in_(sorted(batch.enrolments)))
        .group_by(here.campaign_id, here.anchor_at)
    )
    found = select(here.campaign_id, here.anchor_at, last.label("since")).where(here.id.in_(one_of_each))
    spans = {}
    for row in batch.session.execute(found):
        issue = row.campaign_id, row.anchor_at
        published = settings[issue][1].get("published_at") if issue in settings else None
        since = row.since or (datetime.fromisoformat(published) if published else None)
        if issue in settings and since is not None:
            spans[issue] = since
    return spans


def _item(row: Any) -> dict[str, Any]:
    properties = row.properties
    texts = {}
    for name, keys in _FIELDS.items():
        found = next((properties[k] for k in keys if isinstance(properties.get(k), str) and properties[k]), "")
        texts[name] = found[:2000]
    html = properties.get("html")
    return {**texts, "html": html[:LONGEST] if isinstance(html, str) else "", "on": _on(row)}


def _on(row: Any) -> str:
    """The date that an item bears, else the day it was found."""
    said = row.properties.get("published_at")
    try:
        return datetime.fromisoformat(said).date().isoformat() if said else row.at.date().isoformat()
    except (TypeError, ValueError):
        return str(row.at.date().isoformat())
