"""What WooCommerce says of customers, and what plugins add to it in custom fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from automation.changes import Change, ConsentChanged, CustomerChanged, Person
from automation.payload import Part, birthday
from automation.platform import News

_AGREED = frozenset({"1", "yes", "true", "on", "subscribed"})


def person_of(part: Part) -> Person | None:
    billing = part.part("billing")
    external_id = part.id("customer_id")
    email = (billing and billing.text("email", 320)) or None
    external_id = None if external_id == "0" else external_id
    return Person(external_id=external_id, email=email) if external_id or email else None


def profile(news: News, part: Part, person: Person, *, of_order: bool) -> CustomerChanged:
    billing = part.part("billing") or Part({})
    shipping = part.part("shipping") or Part({})
    place = billing if billing.text("country") else shipping
    utm = fields(part, "_wc_order_attribution_")
    month, day, year = _birthday(part, news.settings.birthday_field) if not of_order else (None, None, None)
    return CustomerChanged(
        external_id=person.external_id,
        email=person.email,
        first_name=part.text("first_name") or billing.text("first_name"),
        last_name=part.text("last_name") or billing.text("last_name"),
        phone=billing.text("phone", 64),
        country=place.country("country"),
        region=place.text("state", 64),
        city=place.text("city"),
        postcode=place.text("postcode", 32),
        birthday_month=month,
        birthday_day=day,
        birthday_year=year,
        source=source_of(utm) if of_order else None,
        created_at=part.moment("date_created_gmt"),
        updated_at=part.moment("date_modified_gmt") or part.moment("date_created_gmt") or news.at,
    )


def fields(part: Part, prefix: str) -> dict[str, str]:
    """Custom fields whose names begin with `prefix`, without it."""
    found = {}
    for field in part.parts("meta_data") or ():
        name, value = field.text("key") or "", field.data.get("value")
        if name.startswith(prefix) and isinstance(value, str | int | float):
            found[name.removeprefix(prefix)] = str(value)[:1000]
    return found


def source_of(attribution: Mapping[str, str]) -> dict[str, Any] | None:
    found: dict[str, Any] = {
        "channel": attribution.get("source_type", ""),
        "landing": attribution.get("session_entry", ""),
        "referrer": attribution.get("referrer", ""),
        "device": attribution.get("device_type", ""),
        "utm": {n.removeprefix("utm_"): v[:200] for n, v in attribution.items() if n.startswith("utm_")},
    }
    return {name: value for name, value in found.items() if value} or None


def _birthday(part: Part, field: str) -> tuple[int | None, int | None, int | None]:
    return birthday(fields(part, field).get("", "") if field else None)


def consents(news: News, part: Part, person: Person | None) -> list[Change]:
    """What a plugin's field says of consent; a box that was left empty takes nothing back."""
    field = news.settings.consent_field
    said = fields(part, field).get("") if field else None
    if said is None or person is None:
        return []
    agreed = said.strip().lower() in _AGREED
    if not agreed and "customer_id" in part.data:
        return []
    at = part.moment("date_created_gmt") if agreed else part.moment("date_modified_gmt")
    if at is None:
        return []
    status: Literal["granted", "withdrawn"] = "granted" if agreed else "withdrawn"
    return [ConsentChanged(person=person, status=status, at=at, detail=f"WooCommerce: {field}")]


def customer(news: News) -> list[Change]:
    """A customer."""
    external_id = news.id("id")
    person = Person(external_id=external_id, email=news.body.text("email", 320))
    return [profile(news, news.body, person, of_order=False), *consents(news, news.body, person)]
