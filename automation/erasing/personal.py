"""Every column of every table: whose it is, what erasure puts in its place, or why it may stay.

A test walks the schema and fails at a column that does not stand here. A table with rows of a person gets a `Held`; one
without gets a line in `NOT_PERSONAL`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Table, false, func, or_, select, type_coerce
from sqlalchemy.types import String

from automation.models import Cart, Enrolment, Message, Order, Record


@dataclass(frozen=True, slots=True)
class Whose:
    """The person that is asked about."""

    store_id: int
    customer_ids: Sequence[int]
    """Theirs, and those of customers that were merged into it."""
    addresses: Sequence[str]
    """In their normal form: theirs now, and those they had before and nobody else has now."""
    marks: Sequence[str]
    """Of the addresses; see `automation.erasing.marks`."""


Where = Callable[[Table, Whose], ColumnElement[bool]]


def by(*columns: str) -> Where:
    """Rows that name the customer in one of these columns."""
    return lambda table, whose: or_(*(table.c[name].in_(whose.customer_ids) for name in columns))


def through(column: str, model: type[Any]) -> Where:
    """Rows that name a row of a model which has the customer's id."""
    key = next(iter(model.__table__.primary_key.columns))
    return lambda table, whose: table.c[column].in_(select(key).where(model.customer_id.in_(whose.customer_ids)))


def addressed(column: str = "email_key", *columns: str) -> Where:
    """Rows of the store with their address, or that name the customer in one of these columns."""

    def where(table: Table, whose: Whose) -> ColumnElement[bool]:
        named = or_(false(), *(table.c[name].in_(whose.customer_ids) for name in columns))
        return or_(named, (table.c.store_id == whose.store_id) & table.c[column].in_(whose.addresses))

    return where


def _marked(table: Table, whose: Whose) -> ColumnElement[bool]:
    return table.c.person.in_(whose.marks)


def _searched(_table: Table, _whose: Whose) -> ColumnElement[bool]:
    return false()  # whose they are stands in their bodies alone: see `automation.erasing.bodies`


@dataclass(frozen=True, slots=True)
class Held:
    """Rows of one table that are about a person."""

    where: Where
    blanked: Mapping[str, Any] = field(default_factory=dict)
    """{column: what stands there afterwards}"""
    kept: Mapping[str, str] = field(default_factory=dict)
    """{why it may stay: columns}"""
    is_deleted: bool = False
    """The rows go altogether."""


_FIGURE = "what was sent, bought or counted and when: a figure without a person"
_LINK = "names our own rows; the customer's is blank afterwards"
_STATE = "how far our own work on it has come"
_LAW = "proof that the store kept the law: what and when, no longer who"

HELD: dict[str, Held] = {
    "customers": Held(
        by("id"),
        {
            **dict.fromkeys(("email", "email_key", "locale", "timezone", "country", "region", "city", "postcode")),
            **dict.fromkeys(("currency", "birthday_month", "birthday_day", "birthday_year", "own_tags")),
            **dict.fromkeys(("engaged_at", "paused_until", "most_per_week", "most_per_month", "external_updated_at")),
            **dict.fromkeys(("first_name", "last_name", "phone", "notes"), ""),
            "attributes": {},
            "source": {},
            "tags": [],
        },
        {_LINK: "id public_id store_id", _FIGURE: "created_at updated_at imported_at", _LAW: "erased_at"},
    ),
    "special_dates": Held(by("customer_id"), is_deleted=True),
    "former_addresses": Held(by("customer_id"), is_deleted=True),
    "identities": Held(by("customer_id"), is_deleted=True),
    "segment_members": Held(by("customer_id"), is_deleted=True),
    "consents": Held(
        by("customer_id"),
        {"ip": "", "agent": "", "detail": "", "message_id": None},
        {_LINK: "id store_id customer_id", _LAW: "topic status source basis expires_at wording at recorded_at"},
    ),
    "consent_states": Held(
        by("customer_id"), kept={_LINK: "customer_id store_id consent_id", _LAW: "topic status at expires_at"}
    ),
    "suppressions": Held(addressed(), is_deleted=True),
    "carts": Held(
        by("customer_id"),
        {"recovery_url": "", "source": {}},
        {
            _LINK: "id store_id customer_id",
            "the shop's name of it, by which its next news is known": "external_id checkout_id",
            _FIGURE: "checkout_at visit_at currency total item_count created_at last_activity_at ordered_at deleted_at "
            "external_updated_at",
        },
    ),
    "cart_items": Held(
        through("cart_id", Cart),
        kept={
            _LINK: "cart_id position product_id",
            _FIGURE: "product_external_id variant_external_id title sku quantity price",
        },
    ),
    "orders": Held(
        addressed("email_key", "customer_id"),
        {"number": "", "email_key": None, "source": {}, "cart_external_id": None, "checkout_external_id": None},
        {
            _LINK: "id store_id customer_id",
            "the shop's name of it, by which its next news is known": "external_id",
            _FIGURE: "currency subtotal discount shipping tax total refunded codes placed_at paid_at fulfilled_at "
            "delivered_at cancelled_at external_updated_at recorded_at rhythm_days is_unsettled is_untraced",
        },
    ),
    "order_items": Held(
        through("order_id", Order),
        kept={
            _LINK: "order_id position product_id",
            _FIGURE: "product_external_id variant_external_id title sku quantity price discount",
        },
    ),
    "events": Held(
        by("customer_id"),
        {"properties": {}},
        {
            _LINK: "id store_id customer_id product_id",
            _FIGURE: "name at recorded_at",
            "the teller's name of it, by which a repetition is known": "external_id",
        },
    ),
    "due_items": Held(by("customer_id"), is_deleted=True),
    "enrolments": Held(
        by("customer_id"),
        kept={
            _LINK: "id store_id campaign_id version_id customer_id key subject_id",
            _STATE: "state step_id due_at visits round jumps arrived_at waits_for goes_on_at exit_reason",
            _FIGURE: "anchor_at goal_at entered_at ended_at",
        },
    ),
    "arm_picks": Held(
        through("enrolment_id", Enrolment),
        kept={_LINK: "enrolment_id step_id campaign_id", _FIGURE: "arm picked_at"},
    ),
    "messages": Held(
        by("customer_id"),
        {"reason_detail": "", "provider_id": None},
        {
            _LINK: "id public_id store_id customer_id campaign_id version_id enrolment_id step_id round "
            "template_version_id subject_id connection_id attempt_id",
            _STATE: "state reason due_at expires_at stale_at claimed_by lease_until fence kills attempt_count",
            _FIGURE: "mail_class rank priority topic is_test created_at decided_at accepted_at delivered_at "
            "bounced_at complained_at opened_at clicked_at unsubscribed_at warm_on",
        },
    ),
    "renderings": Held(through("message_id", Message), is_deleted=True),
    "decisions": Held(
        by("customer_id"),
        {"facts": {}},
        {_LINK: "id message_id customer_id campaign_id", _FIGURE: "outcome reason until at"},
    ),
    "message_events": Held(
        through("message_id", Message),
        {"reason": "", "url": "", "agent": "", "ip": ""},
        {
            _LINK: "id message_id",
            "the provider's name of it, by which a repetition is known": "external_id",
            _FIGURE: "type at is_policy link is_machine machine_reason told ruling recorded_at",
        },
    ),
    "notices": Held(
        by("customer_id"),
        {"text": "The customer was erased."},
        {
            _LINK: "id store_id campaign_id customer_id enrolment_id step_id round admin_id",
            _STATE: "created_at read_at",
        },
    ),
    "outbound_webhooks": Held(
        through("enrolment_id", Enrolment),
        {"body": "{}", "detail": ""},
        {
            _LINK: "id public_id store_id campaign_id enrolment_id step_id round",
            "the receiving system's address, the same for all": "url",
            _STATE: "state due_at fence attempt_count status created_at sent_at",
        },
    ),
    "inbound_webhooks": Held(
        _searched,
        {"body": b"{}", "error": ""},
        {
            _LINK: "id connection_id",
            "the sender's name of the delivery, by which a repetition is known": "delivery_id",
            _STATE: "topic triggered_at state attempts received_at processed_at not_before",
        },
    ),
    "loyalty_accounts": Held(
        by("customer_id"),
        {"referral_code": None, "due_at": None},
        {_LINK: "customer_id store_id", _FIGURE: "balance tier rank spend fell_at"},
    ),
    "points_entries": Held(
        by("customer_id"),
        kept={
            _LINK: "id store_id customer_id order_id key admin_id",
            "the ledger cannot be rewritten; it says what points were for": "kind points reason at expires_at",
        },
    ),
    "customer_tiers": Held(by("customer_id"), kept={_LINK: "id store_id customer_id", _FIGURE: "tier rank since"}),
    "redemptions": Held(
        by("customer_id"),
        kept={_LINK: "id store_id customer_id reward_id entry_id code_id key", _FIGURE: "at done_at"},
    ),
    "referrals": Held(
        addressed("friend_key", "friend_id"),
        {
            # Unique per store: each blank one has to differ from the others.
            "friend_key": lambda table: func.concat("erased:", type_coerce(table.c.id, String())),
            "ip": "",
            "agent": "",
        },
        {
            _LINK: "id store_id referrer_id friend_id order_id decided_by",
            _FIGURE: "state signals due_at created_at decided_at",
        },
    ),
    "offer_codes": Held(
        by("customer_id", "redeemed_by"),
        kept={
            _LINK: "id store_id offer_id holder customer_id enrolment_id order_id redeemed_by message_id",
            "a code, of which the shop's stock is made": "code code_key is_shared state",
            _FIGURE: "issued_at expires_at look_at redeemed_at created_at",
        },
    ),
    "offer_refusals": Held(
        by("customer_id"),
        {"facts": {}},
        {_LINK: "id store_id offer_id customer_id enrolment_id holder", _FIGURE: "reason at"},
    ),
    "customer_rhythms": Held(by("customer_id"), is_deleted=True),
    "customer_scores": Held(by("customer_id"), is_deleted=True),
    "repurchases": Held(by("customer_id"), is_deleted=True),
    "conversions": Held(
        through("order_id", Order),
        kept={_LINK: "order_id store_id campaign_id message_id event_id", _FIGURE: "kind link clicked_at at"},
    ),
    "next_conversions": Held(
        through("order_id", Order),
        kept={_LINK: "order_id store_id campaign_id message_id event_id", _FIGURE: "kind link clicked_at at"},
    ),
    "order_touches": Held(
        through("order_id", Order),
        {"source": "", "medium": "", "campaign": "", "referrer": "", "country": None},
        {_LINK: "order_id store_id", _FIGURE: "channel device"},
    ),
    "customer_touches": Held(by("customer_id"), is_deleted=True),
    "privacy_requests": Held(
        by("customer_id"),
        {"external_id": "", "detail": {}},
        {_LINK: "id store_id connection_id customer_id", _LAW: "kind requested_at due_at done_at"},
    ),
    "ratings": Held(
        by("customer_id"),
        {"comment": ""},
        {_LINK: "id store_id customer_id message_id campaign_id", _FIGURE: "stage score at commented_at"},
    ),
    "journey_stays": Held(
        by("customer_id"),
        kept={_LINK: "id store_id customer_id", _FIGURE: "stage_id from_stage_id step entered_at left_at seconds"},
    ),
    "cart_visits": Held(
        by("customer_id"),
        kept={
            _LINK: "id store_id cart_id customer_id",
            _FIGURE: "began_at left_at ended_at total item_count deleted_at",
        },
    ),
    "baskets": Held(
        through("order_id", Order), kept={_LINK: "order_id store_id", _FIGURE: "products placed_at is_stale"}
    ),
    "sign_ups": Held(
        by("customer_id"),
        {"answers": {}, "ip": "", "agent": "", "page": "", "visitor": "", "domain": ""},
        {
            _LINK: "id store_id form_id version_id customer_id",
            _LAW: "topics state mails mailed_at created_at expires_at confirmed_at",
        },
    ),
    "visitors": Held(by("customer_id"), is_deleted=True),
    "import_refusals": Held(
        _marked,
        {"value": "", "person": None},
        {_LINK: "id import_id line", "says what was wrong with the row, not what stood in it": "column reason"},
    ),
}
"""Tables with rows of a person."""

_STORES = "the store's own wares, wording and settings"
_ADMINS = "about those who run the store, not about its customers"
_MACHINE = "how the machine is doing"

NOT_PERSONAL: dict[str, str] = {
    **dict.fromkeys(("stores", "connections", "products", "variants", "product_rhythms", "templates"), _STORES),
    **dict.fromkeys(
        ("template_versions", "campaigns", "campaign_versions", "draft_revisions", "segments", "offers", "rewards"),
        _STORES,
    ),
    **dict.fromkeys(("feeds", "feed_items", "forms", "form_versions", "saved_blocks", "attributions"), _STORES),
    **dict.fromkeys(("journey_stages", "touchpoints", "feedback_notes", "journey_shares"), _STORES),
    **dict.fromkeys(("trials", "hit_counts", "topic_counts", "form_days"), "counts over many customers"),
    **dict.fromkeys(("product_pairs", "product_demand", "value_models"), "counts over many customers"),
    **dict.fromkeys(("personas", "value_settings"), _STORES),
    **dict.fromkeys(("measurements", "series_days", "alerts"), "sums over many customers"),
    "alert_mutes": _ADMINS,
    **dict.fromkeys(("admins", "sessions", "login_links", "login_failures", "api_keys"), _ADMINS),
    "audit_log": "what admins did; its lines hold ids and no addresses",
    **dict.fromkeys(("attempts", "cursors", "heartbeats", "leases", "jobs", "errands", "installation"), _MACHINE),
    **dict.fromkeys(("rate_states", "warm_days"), _MACHINE),
    "erased_people": "keyed hashes: that is all that is kept of the erased",
    "imports": "what a file is called and how it is read",
    "import_mappings": "what columns are called",
    "import_chunks": "a file on its way in; dropped when it is in, and of the erased nothing of it is taken",
}
"""Tables without rows of a customer, each with why."""


def unclassified() -> list[str]:
    """Columns that nobody has thought about, and ones that stand here and are not there: "table.column"."""
    wrong = []
    for table in Record.metadata.sorted_tables:
        held = HELD.get(table.name)
        if held is None:
            wrong += [] if table.name in NOT_PERSONAL else [f"{table.name}.{c.name}" for c in table.columns]
            continue
        if held.is_deleted:
            continue
        known = [*held.blanked, *(name for names in held.kept.values() for name in names.split())]
        there = {c.name for c in table.columns}
        wrong += sorted(f"{table.name}.{name}" for name in there.symmetric_difference(known))
        wrong += sorted(f"{table.name}.{name} twice" for name in set(known) if known.count(name) > 1)
    return wrong
