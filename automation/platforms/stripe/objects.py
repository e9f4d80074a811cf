"""What the objects of Stripe say: customers, checkouts, refunds, invoices and subscriptions."""

from __future__ import annotations

from datetime import datetime

from automation.changes import (
    CartChanged,
    Change,
    ConsentChanged,
    CustomerChanged,
    DueItemChanged,
    Line,
    OrderChanged,
    OrderRefunded,
    Person,
)
from automation.payload import Part
from automation.platform import (
    News,
)

_HUNDREDTH, _HUNDREDFOLD = frozenset({"ISK", "UGX"}), frozenset({"MGA"})
"""Currencies whose smallest unit is another one at Stripe than in ISO 4217."""


def _amount_of(part: Part, name: str, currency: str) -> int | None:
    """Minor units as everybody else counts them."""
    found = part.data.get(name)
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, int) or abs(found) > 2**43:
        raise part.wrong(name, "a whole number of minor units")
    return round(found / 100) if currency in _HUNDREDTH else found * 100 if currency in _HUNDREDFOLD else found


def _ref(part: Part, name: str) -> str | None:
    """An id, also where the object itself was put in its place."""
    if isinstance(part.data.get(name), dict):
        found = part.part(name)
        return found.id("id") if found else None
    return part.id(name)


def _person(part: Part, email: str | None) -> Person | None:
    external_id = _ref(part, "customer")
    return Person(external_id=external_id, email=email) if external_id or email else None


def _profile(news: News, person: Person, part: Part, locale: str | None = None) -> CustomerChanged:
    """Who `part` (with a name, a phone and an address) says that somebody is."""
    place = part.part("address") or Part({})
    first, _, last = (part.text("name") or "").partition(" ")
    return CustomerChanged(
        external_id=person.external_id,
        email=person.email,
        first_name=first or None,
        last_name=last.strip() or None,
        phone=part.text("phone", 64),
        locale=locale if locale and len(locale) <= 16 else None,
        country=place.country("country"),
        region=place.text("state", 64),
        city=place.text("city"),
        postcode=place.text("postal_code", 32),
        updated_at=news.at,
    )


def customer(news: News) -> list[Change]:
    """A customer."""
    body = news.body
    languages = body.data.get("preferred_locales")
    locale = next((x for x in languages if isinstance(x, str)), None) if isinstance(languages, list) else None
    person = Person(external_id=news.id("id"), email=body.text("email", 320))
    return [_profile(news, person, body, locale)]


def _buyer(news: News) -> tuple[Person | None, list[Change]]:
    body = news.body
    details = body.part("customer_details") or Part({})
    person = _person(body, details.text("email", 320) or body.text("customer_email", 320))
    if person is None:
        return None, []
    whose: list[Change] = [_profile(news, person, details, body.text("locale"))]
    promotions = (body.part("consent") or Part({})).text("promotions")
    if promotions == "opt_in":
        at = news.moment("created")
        whose.append(ConsentChanged(person=person, status="granted", at=at, detail="Stripe: checkout"))
    return person, whose


def _lines(part: Part, name: str, currency: str, total: int) -> list[Line]:
    """The lines that come along; else one for the whole, since a webhook leaves them out."""
    items = (part.part(name) or Part({})).parts("data") or []
    if not items:
        return [Line(title="Checkout", quantity=1, price=total)] if total else []
    found = []
    for item in items:
        quantity = max(item.quantity("quantity") or 1, 1)
        worth = next((a for n in ("amount_total", "amount") if (a := _amount_of(item, n, currency)) is not None), 0)
        price = item.part("price") or Part({})
        found.append(
            Line(
                product_external_id=_ref(price, "product") or "",
                title=item.text("description", 500) or "",
                quantity=quantity,
                price=round(worth / quantity),
            )
        )
    return found


def paid_session(news: News) -> list[Change]:
    """A checkout that was completed; a subscription's is told by its invoice."""
    body = news.body
    person, whose = _buyer(news)
    if body.text("mode") != "payment" or body.text("payment_status") == "unpaid":
        return whose
    currency = body.currency("currency", "USD")
    totals = body.part("total_details") or Part({})
    total = _amount_of(body, "amount_total", currency)
    if total is None:
        raise body.missing("amount_total")
    at = news.at or news.moment("created")
    return [
        *whose,
        OrderChanged(
            external_id=_ref(body, "payment_intent") or _ref(body, "invoice") or news.id("id"),
            person=person,
            cart_external_id=news.id("id"),
            currency=currency,
            subtotal=_amount_of(body, "amount_subtotal", currency) or 0,
            discount=_amount_of(totals, "amount_discount", currency) or 0,
            shipping=_amount_of(totals, "amount_shipping", currency) or 0,
            tax=_amount_of(totals, "amount_tax", currency) or 0,
            total=total,
            lines=_lines(body, "line_items", currency, total),
            placed_at=at,
            paid_at=at,
            updated_at=at,
        ),
    ]


def left_session(news: News) -> list[Change]:
    """A checkout that ran out; the way back exists where the session was made with one."""
    body = news.body
    person, whose = _buyer(news)
    currency = body.currency("currency", "USD")
    total = _amount_of(body, "amount_total", currency) or 0
    recovery = (body.part("after_expiration") or Part({})).part("recovery") or Part({})
    return [
        *whose,
        CartChanged(
            external_id=news.id("id"),
            checkout_id=news.id("id"),
            checkout_at=body.moment("created"),
            person=person,
            currency=currency,
            total=total,
            lines=_lines(body, "line_items", currency, total),
            recovery_url=recovery.url("url"),
            created_at=body.moment("created"),
            updated_at=news.moment("created"),
        ),
    ]


def refund(news: News) -> list[Change]:
    """Money that went back."""
    body = news.body
    order_id = _ref(body, "payment_intent") or _ref(body, "charge")
    currency = body.currency("currency", "USD")
    amount = _amount_of(body, "amount", currency)
    if body.text("status") not in ("succeeded", None) or order_id is None or not amount:
        return []
    at = news.moment("created")
    return [OrderRefunded(external_id=news.id("id"), order_external_id=order_id, amount=amount, at=at)]


def invoice(news: News) -> list[Change]:
    """A payment that is due, or was made: then it is an order, too."""
    body = news.body
    state, currency = body.text("status"), body.currency("currency", "USD")
    person = _person(body, body.text("customer_email", 320))
    if person is None or state == "draft":
        return []
    times = body.part("status_transitions") or Part({})
    done_at = next((at for n in ("paid_at", "voided_at", "marked_uncollectible_at") if (at := times.moment(n))), None)
    if state in ("paid", "void", "uncollectible") and done_at is None:
        done_at = news.at or body.moment("created")
    due_at = body.moment("due_date") or body.moment("next_payment_attempt")
    total = _amount_of(body, "total", currency)
    found: list[Change] = []
    if due_at or done_at:
        found.append(
            DueItemChanged(
                kind="payment",
                external_id=news.id("id"),
                person=person,
                title=body.text("description", 500) or f"Invoice {body.text('number', 64) or ''}".strip(),
                url=body.url("hosted_invoice_url") or "",
                amount=_amount_of(body, "amount_due", currency),
                currency=currency,
                due_at=due_at or done_at or news.moment("created"),
                done_at=done_at,
                updated_at=news.at,
            )
        )
    if state == "paid" and total:
        found.append(_paid_invoice(news, person, currency, total, done_at or news.moment("created")))
    return found


def _paid_invoice(news: News, person: Person, currency: str, total: int, at: datetime) -> OrderChanged:
    body = news.body
    payments = (body.part("payments") or Part({})).parts("data") or []
    intents = (_ref(payment.part("payment") or Part({}), "payment_intent") for payment in payments)
    payment = _ref(body, "payment_intent") or next(filter(None, intents), None)
    return OrderChanged(
        external_id=payment or news.id("id"),
        number=body.text("number", 64) or "",
        person=person,
        currency=currency,
        subtotal=_amount_of(body, "subtotal", currency) or 0,
        total=total,
        lines=_lines(body, "lines", currency, total),
        placed_at=at,
        paid_at=at,
        updated_at=news.at,
    )


def subscription(news: News) -> list[Change]:
    """A renewal: when the next period begins. One that was given up has none."""
    body = news.body
    person = _person(body, None)
    items = (body.part("items") or Part({})).parts("data") or []
    ends = [at for part in (body, *items) if (at := part.moment("current_period_end"))]
    if person is None or not ends:
        return []
    currency = body.currency("currency", "USD")
    amounts = [_worth(item, currency) for item in items]
    is_over = body.text("status") in ("canceled", "incomplete_expired") or body.yes("cancel_at_period_end") is True
    gone_at = body.moment("canceled_at") or body.moment("ended_at") or news.at
    return [
        DueItemChanged(
            kind="renewal",
            external_id=news.id("id"),
            person=person,
            title=body.text("description", 500) or "Subscription",
            amount=sum(amounts) if amounts else None,
            currency=currency,
            due_at=min(ends),
            done_at=gone_at if is_over else None,
            updated_at=news.at,
        )
    ]


def _worth(item: Part, currency: str) -> int:
    price = item.part("price") or Part({})
    return (_amount_of(price, "unit_amount", currency) or 0) * min(max(item.quantity("quantity") or 1, 0), 10_000)
