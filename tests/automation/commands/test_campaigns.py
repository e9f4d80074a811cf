from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from automation.app import App, build
from automation.models import Campaign, CampaignVersion, Enrolment, Store
from automation.settings import Settings
from tests import make
from tests.automation.commands.conftest import Cartwheel
from tests.conftest import NOW


def test_every_recipe_is_listed_with_what_it_does(cartwheel: Cartwheel) -> None:
    lines = cartwheel("recipes").output.splitlines()
    assert any(line.startswith("win_back ") and line.endswith("An order ends it.") for line in lines)


def test_a_campaign_goes_from_recipe_to_live_to_paused(cartwheel: Cartwheel, environment: dict[str, str]) -> None:
    drafted = cartwheel("draft", "win_back", "--name", "Come back")
    assert drafted.exit_code == 0
    assert "Before it can go live: store: set the sender's address" in drafted.output
    assert 'cartwheel publish "Come back"' in drafted.output
    refused = cartwheel("publish", "Come back")
    assert refused.exit_code == 2
    app = build(Settings(data=Path(environment["CARTWHEEL_DATA"])))
    with app.db.write() as session:
        store = session.scalars(select(Store)).one()
        store.sender_email, store.postal_address = "hello@wren.example.com", "1 Market Street"
    assert cartwheel("publish", "Come back").output == "Come back is live (version 1).\n"
    for command, state in (("pause", "paused"), ("resume", "live"), ("stop", "stopping")):
        assert cartwheel(command, "Come back").exit_code == 0
        with app.db.read() as session:
            assert session.scalars(select(Campaign)).one().state == state
    app.close()


def test_a_name_that_is_not_there_is_one_clear_line(cartwheel: Cartwheel) -> None:
    found = cartwheel("draft", "nothing")
    assert found.exit_code == 2
    assert "There is no recipe called nothing" in found.output


@pytest.mark.usefixtures("live")
def test_publishing_says_when_an_offer_has_no_code_to_give(cartwheel: Cartwheel) -> None:
    cartwheel("draft", "free_shipping", "--name", "Parcels")
    assert cartwheel("publish", "Parcels").output == (
        "Parcels is live (version 1).\nBut the offer “free shipping” has no free code: the flow ends for everybody.\n"
    )


@pytest.fixture
def live(cartwheel: Cartwheel, environment: dict[str, str]) -> Iterator[App]:
    """An installation with the campaign “Come back” live, and somebody who waits at its first step."""
    cartwheel("draft", "win_back", "--name", "Come back")
    app = build(Settings(data=Path(environment["CARTWHEEL_DATA"])))
    with app.db.write() as session:
        store = session.scalars(select(Store)).one()
        store.sender_email, store.postal_address = "hello@wren.example.com", "1 Market Street"
    assert cartwheel("publish", "Come back").exit_code == 0
    with app.db.write() as session:
        campaign = session.scalars(select(Campaign)).one()
        session.add(
            Enrolment(
                store_id=campaign.store_id,
                campaign_id=campaign.id,
                version_id=campaign.live_version_id,
                customer_id=make.customer(session, session.scalars(select(Store)).one()).id,
                key="k",
                anchor_at=NOW,
                due_at=NOW,
                entered_at=NOW,
                step_id=campaign.draft["flow"][0]["id"],
            )
        )
    yield app
    app.close()


def without_first_step(app: App) -> tuple[str, str]:
    """Take the first step out of the draft; its id and the next one's."""
    with app.db.write() as session:
        campaign = session.scalars(select(Campaign)).one()
        gone, *kept = campaign.draft["flow"]
        campaign.draft = {**campaign.draft, "flow": kept}
    return gone["id"], kept[0]["id"]


def place(app: App) -> tuple[Any, ...]:
    """Where the one who is inside stands: version, state, step."""
    with app.db.read() as session:
        found = session.execute(
            select(CampaignVersion.number, Enrolment.state, Enrolment.step_id).join(
                Enrolment, Enrolment.version_id == CampaignVersion.id
            )
        ).one()
    return tuple(found)


def test_what_publishing_means_for_those_inside_is_said_beforehand_and_done(cartwheel: Cartwheel, live: App) -> None:
    gone, following = without_first_step(live)
    said = cartwheel("impact", "Come back").output
    assert said == f"version 1, {gone}: 1, the step is gone; moved, they go on at {following}\n1 inside.\n"
    assert cartwheel("publish", "Come back", "--inside", "move").output == "Come back is live (version 2).\n"
    assert place(live) == (2, "active", following)
    assert cartwheel("impact", "Come back").output == f"version 2, {following}: 1, the step stays\n1 inside.\n"


def test_an_older_version_comes_back_as_a_new_one(cartwheel: Cartwheel, live: App) -> None:
    without_first_step(live)
    cartwheel("publish", "Come back")
    assert place(live)[:2] == (1, "active"), "unless told otherwise they finish on their version"
    found = cartwheel("rollback", "Come back", "1", "--inside", "exit")
    assert found.output == "Come back is as it was in version 1 (live as version 3).\n"
    assert place(live)[:2] == (1, "exited")
    again = cartwheel("rollback", "Come back", "3")
    assert (again.exit_code, again.output) == (2, "Error: Version 3 is live already.\n")


def test_a_copy_is_a_draft_of_its_own(cartwheel: Cartwheel, live: App) -> None:
    assert "Drafted: Come back (copy)\n" in cartwheel("duplicate", "Come back").output
    with live.db.read() as session:
        states = {row.name: row.state for row in session.execute(select(Campaign.name, Campaign.state))}
    assert states == {"Come back": "live", "Come back (copy)": "draft"}
    assert cartwheel("impact", "Come back (copy)").output == "0 inside.\n"
