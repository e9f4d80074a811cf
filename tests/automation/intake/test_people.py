from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from automation.changes import ConsentChanged, CustomerChanged, CustomerDeleted, CustomersMerged, EventHappened, Person
from automation.models import Campaign, CampaignVersion, Cart, ConsentState, Customer, Enrolment, Identity, Order
from tests.automation.intake.shop import ADA, GUEST, Shop, ago, cart, order
from tests.conftest import NOW


def test_a_customer_is_made_once_and_kept_current(shop: Shop) -> None:
    shop.tell(CustomerChanged(external_id="7", email="Ada@Example.com", first_name="Ada", updated_at=ago(9)))
    receipt = shop.tell(CustomerChanged(external_id="7", email="ada@example.com", last_name="Byron", updated_at=ago(5)))
    ada = shop.one(Customer)
    assert receipt.applied == 1
    assert (ada.email, ada.email_key, ada.first_name, ada.last_name) == (
        "ada@example.com",
        "ada@example.com",
        "Ada",
        "Byron",
    )
    assert shop.one(Identity).external_id == "7"


def test_older_news_fills_what_is_missing_and_overwrites_nothing(shop: Shop) -> None:
    shop.tell(CustomerChanged(external_id="7", first_name="Ada", attributes={"a": 1}, updated_at=ago(5)))
    receipt = shop.tell(
        CustomerChanged(
            external_id="7", first_name="Old", city="Ockham", attributes={"a": 0, "b": 2}, updated_at=ago(9)
        )
    )
    ada = shop.one(Customer)
    assert receipt.stale == 1
    assert (ada.first_name, ada.city, ada.attributes) == ("Ada", "Ockham", {"a": 1, "b": 2})
    assert ada.external_updated_at == ago(5)


def test_a_guest_who_opens_an_account_stays_one_customer(shop: Shop) -> None:
    shop.tell(order(person=GUEST))
    shop.tell(CustomerChanged(external_id="7", email="ADA@example.com", updated_at=ago(1)))
    ada = shop.one(Customer)
    assert shop.one(Order).customer_id == ada.id
    assert shop.one(Identity).customer_id == ada.id


def test_a_guest_is_absorbed_when_an_account_turns_out_to_have_the_address(shop: Shop) -> None:
    shop.tell(order(person=GUEST))
    shop.tell(order("o2", person=Person(external_id="7")))
    shop.tell(CustomerChanged(external_id="7", email="ada@example.com", updated_at=ago(1)))
    guest, ada = shop.rows(Customer)
    assert {o.customer_id for o in shop.rows(Order)} == {ada.id}
    assert (guest.email, guest.email_key) == (None, None)
    assert guest.attributes == {"merged_into": ada.public_id}
    assert ada.email_key == "ada@example.com"


def test_an_address_goes_to_the_customer_with_the_newer_claim(shop: Shop) -> None:
    shop.tell(CustomerChanged(external_id="1", email="shared@example.com", updated_at=ago(9)))
    shop.tell(CustomerChanged(external_id="2", email="shared@example.com", updated_at=ago(5)))
    shop.tell(CustomerChanged(external_id="3", email="shared@example.com", updated_at=ago(7)))
    assert [c.email_key for c in shop.rows(Customer)] == [None, "shared@example.com", None]


def test_two_customers_swap_addresses_in_one_batch(shop: Shop) -> None:
    shop.tell(CustomerChanged(external_id="1", email="a@example.com", updated_at=ago(9)))
    shop.tell(CustomerChanged(external_id="2", email="b@example.com", updated_at=ago(9)))
    shop.tell(
        CustomerChanged(external_id="1", email="b@example.com", updated_at=ago(5)),
        CustomerChanged(external_id="2", email="a@example.com", updated_at=ago(5)),
    )
    assert [c.email_key for c in shop.rows(Customer)] == ["b@example.com", "a@example.com"]


def test_an_order_cannot_take_an_address_from_another_account(shop: Shop) -> None:
    shop.tell(CustomerChanged(external_id="1", email="a@example.com", updated_at=ago(9)))
    shop.tell(order(person=Person(external_id="2", email="a@example.com")))
    assert shop.one(Order).customer_id == shop.one(Identity, external_id="2").customer_id


def test_a_bad_address_makes_a_customer_who_cannot_be_mailed(shop: Shop) -> None:
    shop.tell(
        CustomerChanged(external_id="7", email="not an address", first_name="Ada"),
        order(person=Person(external_id="7", email="not an address")),
        order("o2", person=Person(email="also@@bad")),
    )
    ada = shop.one(Customer)
    assert (ada.email, ada.email_key, ada.first_name) == ("not an address", None, "Ada")
    assert [o.customer_id for o in shop.rows(Order)] == [ada.id, None]


def test_the_first_touch_stays_the_source(shop: Shop) -> None:
    shop.tell(CustomerChanged(external_id="7", source={"channel": "search"}))
    shop.tell(CustomerChanged(external_id="7", source={"channel": "mail"}))
    assert shop.one(Customer).source == {"channel": "search"}


def test_tags_come_and_go_one_by_one_where_a_platform_tells_them_so(shop: Shop) -> None:
    shop.tell(CustomerChanged(external_id="7", tags=["new", "tea"], updated_at=ago(5)))
    shop.tell(CustomerChanged(external_id="7", tags_added=["vip", "tea"]))
    shop.tell(CustomerChanged(external_id="7", tags_removed=["new"]))
    assert shop.one(Customer).tags == ["tea", "vip"]


def test_what_no_calendar_and_no_zone_knows_is_left_out(shop: Shop) -> None:
    shop.tell(CustomerChanged(external_id="7", birthday_month=2, birthday_day=30, timezone="Mars/Olympus"))
    ada = shop.one(Customer)
    assert (ada.birthday_month, ada.birthday_day, ada.timezone) == (None, None, None)


def test_an_order_or_a_visit_counts_as_engagement_and_never_lies_ahead(shop: Shop) -> None:
    shop.tell(order(person=ADA))
    assert shop.one(Customer).engaged_at == ago(20)
    shop.tell(EventHappened(name="product.viewed", person=ADA, at=NOW + timedelta(days=9)))
    assert shop.one(Customer).engaged_at == NOW
    shop.tell(EventHappened(name="product.viewed", person=ADA, at=ago(50)))
    assert shop.one(Customer).engaged_at == NOW


def test_a_deleted_customer_keeps_the_history_and_loses_the_link(shop: Shop) -> None:
    shop.tell(order(person=ADA))
    assert shop.tell(CustomerDeleted(external_id="7"), CustomerDeleted(external_id="8")).unmatched == 1
    assert shop.rows(Identity) == []
    assert shop.one(Order).customer_id == shop.one(Customer).id


def test_what_erasure_blanked_stays_blank(shop: Shop) -> None:
    shop.tell(CustomerChanged(external_id="7", first_name="Ada"))
    with shop.app.db.write() as session:
        row = session.query(Customer).one()
        row.first_name, row.erased_at = "", NOW
    shop.tell(CustomerChanged(external_id="7", first_name="Ada", email="ada@example.com"), order(person=ADA))
    row = shop.rows(Customer)[0]
    assert (row.first_name, row.email_key) == ("", None)


def test_merged_customers_bring_everything_along(shop: Shop) -> None:
    shop.tell(
        CustomerChanged(external_id="1", email="a@example.com", created_at=ago(90)),
        CustomerChanged(external_id="2", email="b@example.com", city="Ockham", created_at=ago(99)),
        cart("c2", person=Person(external_id="2")),
        order("o2", person=Person(external_id="2")),
        ConsentChanged(person=Person(external_id="1"), status="granted", at=ago(60)),
        ConsentChanged(person=Person(external_id="2"), status="withdrawn", at=ago(50), source="unsubscribe"),
        ConsentChanged(person=Person(external_id="1"), status="granted", at=ago(40)),
    )
    with shop.app.db.write() as session:
        one, two = session.query(Customer).order_by(Customer.id)
        campaign = _campaign(session, shop)
        for customer, key in ((one, "same"), (two, "same"), (two, "other")):
            session.add(_enrolment(shop, campaign, customer.id, key))
    assert shop.tell(CustomersMerged(kept_external_id="1", deleted_external_id="2")).applied == 1
    assert shop.tell(CustomersMerged(kept_external_id="1", deleted_external_id="2")).repeated == 1
    kept, gone = shop.rows(Customer)
    assert (kept.email_key, kept.city, kept.created_at) == ("a@example.com", "Ockham", ago(99))
    assert gone.email_key is None
    assert {i.customer_id for i in shop.rows(Identity)} == {kept.id}
    assert shop.one(Cart).customer_id == shop.one(Order).customer_id == kept.id
    places = {(e.key, e.customer_id): e.state for e in shop.rows(Enrolment)}
    assert places == {("same", kept.id): "active", ("same", gone.id): "exited", ("other", kept.id): "active"}
    assert shop.one(ConsentState, customer_id=kept.id).status == "withdrawn"  # nobody revives an unsubscribe


@pytest.mark.parametrize("kept_has_more", [True, False])
def test_of_two_wishes_the_quieter_one_holds_for_merged_customers(shop: Shop, *, kept_has_more: bool) -> None:
    shop.tell(*(CustomerChanged(external_id=i, email=f"{i}@example.com", tags=["shop"]) for i in ("1", "2")))
    with shop.app.db.write() as session:
        one, two = session.query(Customer).order_by(Customer.id)
        more, less = (one, two) if kept_has_more else (two, one)
        more.paused_until, more.most_per_week = NOW + timedelta(days=9), 1
        less.paused_until, less.most_per_week = NOW + timedelta(days=2), 3
        two.own_tags, two.tags = [["gold", True], ["new", False]], ["shop", "gold"]
        one.own_tags = [["new", True]]
    shop.tell(CustomersMerged(kept_external_id="1", deleted_external_id="2"))
    kept = shop.rows(Customer)[0]
    assert (kept.paused_until, kept.most_per_week) == (NOW + timedelta(days=9), 1)
    assert (kept.tags, kept.own_tags) == (["shop", "gold", "new"], [["gold", True], ["new", True]])


def test_a_wish_of_either_holds_where_the_other_has_none(shop: Shop) -> None:
    shop.tell(*(CustomerChanged(external_id=i, email=f"{i}@example.com") for i in ("1", "2")))
    with shop.app.db.write() as session:
        one, two = session.query(Customer).order_by(Customer.id)
        one.most_per_week, two.paused_until = 2, NOW + timedelta(days=1)
    shop.tell(CustomersMerged(kept_external_id="1", deleted_external_id="2"))
    kept = shop.rows(Customer)[0]
    assert (kept.paused_until, kept.most_per_week) == (NOW + timedelta(days=1), 2)


def test_a_shops_newer_list_of_tags_leaves_alone_what_a_flow_set(shop: Shop) -> None:
    shop.tell(CustomerChanged(external_id="7", tags=["old", "vip"], updated_at=ago(50)))
    with shop.app.db.write() as session:
        row = session.query(Customer).one()
        row.own_tags, row.tags = [["gold", True], ["vip", False]], ["old", "gold"]
    shop.tell(CustomerChanged(external_id="7", tags=["new", "vip"], updated_at=ago(40)))
    assert shop.one(Customer).tags == ["new", "gold"]
    shop.tell(CustomerChanged(external_id="7", tags_added=["vip", "more"], tags_removed=["gold", "new"]))
    assert shop.one(Customer).tags == ["more", "gold"]
    shop.tell(CustomerChanged(external_id="7", first_name="Ada", tags=[], updated_at=ago(-1)))
    assert shop.one(Customer).tags == ["gold"]
    assert shop.one(Customer).own_tags == [["gold", True], ["vip", False]]


def test_news_of_a_merged_customer_reaches_the_one_that_was_kept(shop: Shop) -> None:
    shop.tell(CustomersMerged(kept_external_id="1", deleted_external_id="2"))
    shop.tell(order(person=Person(external_id="2")), CustomerChanged(external_id="1", email="a@example.com"))
    assert shop.one(Order).customer_id == shop.one(Customer, email_key="a@example.com").id


def test_a_plain_visit_makes_nobody_of_nothing(shop: Shop) -> None:
    receipt = shop.tell(CustomerChanged(first_name="Nobody"), EventHappened(name="site.visited", at=NOW))
    assert (receipt.unmatched, receipt.applied) == (1, 1)
    assert shop.rows(Customer) == []


def _campaign(session: Session, shop: Shop) -> CampaignVersion:
    campaign = Campaign(
        public_id="c", store_id=shop.store.id, name="Carts", draft={}, created_at=NOW, updated_at=NOW, state="live"
    )
    session.add(campaign)
    session.flush()
    version = CampaignVersion(campaign_id=campaign.id, number=1, definition={}, created_at=NOW)
    session.add(version)
    session.flush()
    return version


def _enrolment(shop: Shop, version: CampaignVersion, customer_id: int, key: str) -> Enrolment:
    return Enrolment(
        store_id=shop.store.id,
        campaign_id=version.campaign_id,
        version_id=version.id,
        customer_id=customer_id,
        key=key,
        anchor_at=NOW,
        due_at=NOW,
        entered_at=NOW,
    )
