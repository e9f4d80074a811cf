"""What Shopify says of customers: who they are, what they agreed to, and what they ask for by law."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal

from automation.changes import (
    Change,
    ConsentChanged,
    CustomerChanged,
    CustomersMerged,
    Person,
    PrivacyRequested,
)
from automation.payload import Part
from automation.platforms.shopify.news import News, person_of, source_of, tags_of, within

_CONSENT: dict[str, Literal["granted", "withdrawn", "pending"]] = {
    "subscribed": "granted",
    "pending": "pending",
    "unsubscribed": "withdrawn",
    "redacted": "withdrawn",
    "invalid": "withdrawn",
}
"""Their state of consent → ours. `not_subscribed` says nothing, unless somebody made it so."""


def profile(news: News, part: Part, of: Part | None = None) -> CustomerChanged:
    """A customer: `part` is theirs, `of` the checkout or order that they came with."""
    address = part.part("default_address") or within(of, "billing_address") or within(of, "shipping_address")
    place = address or Part({})
    country = place.text("country_code")
    person = person_of(of) if of else Person(external_id=part.id("id"), email=part.text("email", 320))
    locale = (of and of.text("customer_locale")) or part.text("locale")
    currency = part.text("currency", 16)
    return CustomerChanged(
        external_id=person and person.external_id,
        email=person and person.email,
        first_name=part.text("first_name") or place.text("first_name"),
        last_name=part.text("last_name") or place.text("last_name"),
        phone=part.text("phone", 64) or place.text("phone", 64),
        locale=locale if locale and len(locale) <= 16 else None,
        country=country if country and re.fullmatch(r"[A-Z]{2}", country) else None,
        region=place.text("province_code", 64) or place.text("province", 64),
        city=place.text("city"),
        postcode=place.text("zip", 32),
        currency=currency if currency and re.fullmatch(r"[A-Z]{3}", currency) else None,
        tags=tags_of(part),
        source=source_of(of) if of else None,
        created_at=part.instant("created_at"),
        updated_at=part.instant("updated_at") or (of and of.instant("updated_at")) or news.at,
    )


def consents(news: News, part: Part, person: Person | None) -> list[Change]:
    """What a customer's record says of consent; since 2025 only their own topic does."""
    consent = part.part("email_marketing_consent")
    if consent is not None:
        status = _CONSENT.get((consent.text("state") or "").lower())
        made_at = consent.instant("consent_updated_at")
    else:  # the field of old
        made_at = part.instant("accepts_marketing_updated_at")
        agreed = part.flag("accepts_marketing")
        status = "granted" if agreed else "withdrawn" if agreed is False and made_at else None
    if status is None or person is None:
        return []
    at = made_at or news.instant("updated_at", of=part)
    return [ConsentChanged(person=person, status=status, at=at, detail=_opt_in(consent))]


def _opt_in(consent: Part | None) -> str:
    level = consent.text("opt_in_level") if consent else None
    return f"Shopify: {level.lower()}" if level else "Shopify"


def whoever(news: News, part: Part) -> list[Change]:
    """Everything that a checkout or an order says of its customer."""
    person = person_of(part)
    if person is None:
        return []
    customer = part.part("customer")
    return [
        profile(news, customer or Part({}, part.path), part),
        *(consents(news, customer, person) if customer else ()),
    ]


def customer(news: News) -> list[Change]:
    """A customer, and what their record says of consent."""
    found = profile(news, news.body)
    person = Person(external_id=news.id("id"), email=found.email)
    return [found, *consents(news, news.body, person)]


def customers_merged(news: News) -> list[Change]:
    """Two customers became one; a merge that failed or still runs changes nothing."""
    kept = news.id("admin_graphql_api_customer_kept_id")
    deleted = news.id("admin_graphql_api_customer_deleted_id")
    if news.body.text("status") not in ("completed", None):
        return []
    return [CustomersMerged(kept_external_id=kept, deleted_external_id=deleted)]


def consent(news: News) -> list[Change]:
    """Consent to mails, on the topic of its own."""
    said = news.body.part("email_marketing_consent")
    state = (said.text("state") if said else None) or ""
    person = Person(external_id=news.id("customer_id", "id"), email=news.body.text("email_address", 320))
    changed_at = said.instant("consent_updated_at") if said else None
    status = _CONSENT.get(state.lower())
    if state.lower() == "not_subscribed" and changed_at:
        status = "withdrawn"
    if said is None or status is None:
        return []
    at = changed_at or news.at
    if at is None:
        raise said.missing("consent_updated_at")
    return [ConsentChanged(person=person, status=status, at=at, detail=_opt_in(said))]


def _tagged(news: News) -> tuple[str, list[str]]:
    tags = tags_of(news.body)
    if tags is None:
        raise news.body.missing("tags")
    return news.id("customerId", "customer_id", "id"), tags


def tags_added(news: News) -> list[Change]:
    """A customer got tags."""
    external_id, tags = _tagged(news)
    return [CustomerChanged(external_id=external_id, tags_added=tags)]


def tags_removed(news: News) -> list[Change]:
    """A customer lost tags."""
    external_id, tags = _tagged(news)
    return [CustomerChanged(external_id=external_id, tags_removed=tags)]


def privacy(kind: Literal["access", "erasure", "store_erasure"], *details: str) -> Callable[[News], list[Change]]:
    def translate(news: News) -> list[Change]:
        whose = news.body.part("customer")
        ids = (whose.id("id"), whose.text("email", 320)) if whose else (None, None)
        if kind != "store_erasure" and not any(ids):
            raise news.body.missing("customer.id", "customer.email")
        detail = {name: news.body.data[name] for name in details if news.body.data.get(name) is not None}
        person = Person(external_id=ids[0], email=ids[1]) if any(ids) else None
        return [PrivacyRequested(kind=kind, person=person, detail=detail)]

    return translate
