"""What BigCommerce says of customers and of those who subscribed to its newsletter."""

from __future__ import annotations

from datetime import datetime

from automation.changes import Change, ConsentChanged, CustomerChanged, Person
from automation.payload import Part, birthday
from automation.platform import News


def person_of(part: Part, email: str | None) -> Person | None:
    """Whose a cart or an order is; customer 0 is a guest."""
    external_id = part.id("customer_id")
    external_id = None if external_id == "0" else external_id
    return Person(external_id=external_id, email=email) if external_id or email else None


def customer(news: News) -> list[Change]:
    """A customer with the first of their addresses."""
    body = news.body
    place = next(iter(body.parts("addresses") or ()), Part({}))
    month, day, year = _birthday(body, news.settings.birthday_field)
    return [
        CustomerChanged(
            external_id=news.id("id"),
            email=body.text("email", 320),
            first_name=body.text("first_name"),
            last_name=body.text("last_name"),
            phone=body.text("phone", 64) or place.text("phone", 64),
            country=place.country("country_code"),
            region=place.text("state_or_province", 64),
            city=place.text("city"),
            postcode=place.text("postal_code", 32),
            birthday_month=month,
            birthday_day=day,
            birthday_year=year,
            created_at=body.moment("date_created"),
            updated_at=body.moment("date_modified") or news.at,
        )
    ]


def _birthday(body: Part, field: str) -> tuple[int | None, int | None, int | None]:
    for part in body.parts("form_fields") or ():
        if field and part.text("name") == field and isinstance(part.data.get("value"), str):
            return birthday(str(part.data["value"]))
    return None, None, None


def address_profile(news: News, address: Part, person: Person, at: datetime) -> CustomerChanged:
    """A customer as an order's billing address knows them."""
    return CustomerChanged(
        external_id=person.external_id,
        email=person.email,
        first_name=address.text("first_name"),
        last_name=address.text("last_name"),
        phone=address.text("phone", 64),
        locale=locale_of(news.body),
        country=address.country("country_iso2"),
        region=address.text("state", 64),
        city=address.text("city"),
        postcode=address.text("zip", 32),
        updated_at=at,
    )


def locale_of(part: Part) -> str | None:
    """The customer's language, where it is told."""
    found = part.text("customer_locale") or part.text("locale")
    return found if found and len(found) <= 16 else None


def subscriber(news: News) -> list[Change]:
    """Somebody who agreed to the newsletter: whoever is on the list did."""
    body = news.body
    email = body.text("email", 320)
    if email is None:
        raise body.missing("email")
    at = news.moment("date_created", "date_modified")
    person = Person(email=email)
    source = body.text("source")
    return [
        CustomerChanged(email=email, first_name=body.text("first_name"), last_name=body.text("last_name")),
        ConsentChanged(person=person, status="granted", at=at, detail=f"BigCommerce: {source or 'subscriber'}"[:500]),
    ]
