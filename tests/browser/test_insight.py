"""The pages of figures, in Chromium, with something to show: sound in light and dark, on a desk and on a phone."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import Page

from automation.insights.journey import moving, ready
from automation.insights.value.refreshing import refresh
from automation.models import Alert, Persona, Segment
from automation.security import random_id
from tests import make
from tests.browser.conftest import Live
from tests.browser.looks import assert_is_sound

pytestmark = pytest.mark.browser
OwnerPage = Callable[..., Page]
DAY = timedelta(days=1)
PAGES = (
    "/insight/",
    "/insight/?period=90d&segment=1",
    "/attribution/",
    "/deliverability/",
    "/journey/",
    "/journey/stages/1",
    "/personas/",
    "/personas/new",
    "/values/",
    "/values/rfm",
    "/values/lead",
    "/experiments/",
    "/feedback/",
    "/alerts/",
    "/reports/",
    "/reports/kpis?against=previous",
    "/reports/channels",
    "/reports/journey_movement",
)


def _live_a_little(live: Live) -> None:
    """Buyers, carts, mails with clicks, a score, a map, a persona and an alert."""
    now = live.app.clock()
    with live.app.db.write() as session:
        store = live.store
        ready.begin(session, store, now - 20 * DAY)
        ids = []
        for n in range(6):
            who = make.customer(session, store, f"Buyer{n}", created_at=now - 40 * DAY, country="DE")
            make.event(session, store, who, "product.viewed", now - 10 * DAY)
            make.order(session, store, who, now - (n + 1) * DAY, f"o{n}", total=1000 * (n + 1))
            mail = make.message(session, who, state="delivered", accepted_at=now - 3 * DAY)
            make.hit(session, mail, "click", now - 2 * DAY)
            ids.append(who.id)
        moving.place(session, store.id, ids, now - 15 * DAY)
        moving.place(session, store.id, ids, now)
        segment = Segment(
            store_id=store.id, name="Germans", rule={"field": "country", "is": "in", "value": ["DE"]},
            created_at=now, updated_at=now,
        )  # fmt: skip
        session.add(segment)
        session.flush()
        session.add(
            Persona(
                public_id=random_id(), store_id=store.id, segment_id=segment.id, name="Greta", created_at=now,
                updated_at=now,
            )
        )  # fmt: skip
        session.add(
            Alert(
                store_id=store.id, series="campaign/1/volume", on=now.date(), text="Mails: 3. Usually 80 to 120.",
                place="/", value=3, low=80, high=120, created_at=now,
            )
        )  # fmt: skip
    for _ in range(3):
        refresh(live.app, now, 1000, is_resting=True)


@pytest.mark.parametrize(("width", "theme"), [("desktop", "light"), ("phone", "dark")])
def test_each_page_of_figures_is_sound(live: Live, owner_page: OwnerPage, width: str, theme: str) -> None:
    _live_a_little(live)
    page = owner_page(width, theme)
    # Each page in one of the looks; in both with CARTWHEEL_EVERY_LOOK.
    chosen = PAGES if os.environ.get("CARTWHEEL_EVERY_LOOK") else PAGES[theme == "dark" :: 2]
    for path in chosen:
        page.goto(live.url + path)
        page.wait_for_function("!document.querySelector('echart-view:not(:has(svg))')")
        assert_is_sound(page)
