"""Leaves carts in the demo shop's last hours, so that the first reminders are due at once."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from automation.models import Cart, CartItem, ConsentState, Customer, Product, Store

CARTS = 48
AWAKE = range(9, 20)
"""Local hours in which mails go out with room to spare on both sides of the quiet ones."""


def recovery_url(public_url: str, token: str) -> str:
    """Where a reminder's button leads: back to the cart."""
    return f"{public_url}/demo/carts/{token}"


def leave(session: Session, store: Store, public_url: str, now: datetime, wanted: int = CARTS) -> int:
    """Write `wanted` carts, most of them of people who are awake now; how many."""
    dice = Random(f"carts {now.date()}")
    people = _people(session, store, now, dice, wanted)
    products = session.scalars(
        select(Product).where(Product.store_id == store.id, Product.stock > 5, Product.price.between(200, 6000))
    ).all()
    if not products:
        return 0
    rows, lines = [], []
    for index, customer in enumerate(people):
        token = f"demo{index:03d}{dice.getrandbits(96):024x}"
        chosen = dice.sample(products, min(len(products), dice.randint(1, 4)))
        counts = [dice.choice((1, 1, 1, 2, 2, 4, 6)) for _ in chosen]
        left_at = now - _ago(dice)
        rows.append(
            {
                "store_id": store.id,
                "customer_id": customer,
                "external_id": token,
                "checkout_id": f"c{token}",
                "checkout_at": left_at,
                "currency": store.currency,
                "total": sum(p.price * n for p, n in zip(chosen, counts, strict=True)),
                "item_count": sum(counts),
                "recovery_url": recovery_url(public_url, token),
                "created_at": left_at - timedelta(minutes=dice.randint(4, 30)),
                "last_activity_at": left_at,
                "external_updated_at": left_at,
            }
        )
        lines.append(list(zip(chosen, counts, strict=True)))
    ids = session.scalars(insert(Cart).returning(Cart.id, sort_by_parameter_order=True), rows).all()
    session.execute(
        insert(CartItem),
        [
            {
                "cart_id": cart,
                "position": position,
                "product_id": product.id,
                "product_external_id": product.external_id,
                "title": product.title,
                "quantity": count,
                "price": product.price,
            }
            for cart, chosen in zip(ids, lines, strict=True)
            for position, (product, count) in enumerate(chosen)
        ],
    )
    return len(rows)


def _ago(dice: Random) -> timedelta:
    # Most an hour or a few ago: the first mail is due. Some are older, some still young.
    minutes = dice.choices((dice.randint(62, 300), dice.randint(300, 1300), dice.randint(5, 55)), (70, 15, 15))[0]
    return timedelta(minutes=minutes)


def _people(session: Session, store: Store, now: datetime, dice: Random, wanted: int) -> list[int]:
    rows = session.execute(
        select(Customer.id, Customer.timezone)
        .join(ConsentState, ConsentState.customer_id == Customer.id)
        .where(
            Customer.store_id == store.id,
            ConsentState.topic == "marketing",
            ConsentState.status == "granted",
        )
        .order_by(Customer.id)
    ).all()
    rows = [(i, now.astimezone(ZoneInfo(zone or store.timezone)).hour in AWAKE) for i, zone in rows]  # type: ignore[misc]  # rows become pairs
    awake, asleep = [i for i, up in rows if up], [i for i, up in rows if not up]
    chosen = dice.sample(awake, min(len(awake), wanted * 3 // 4))
    chosen += dice.sample(asleep, min(len(asleep), wanted - len(chosen)))
    dice.shuffle(chosen)
    return chosen
