"""Offers: what a discount is worth, the codes that stand for it, who gets one, and what became of it.

terms       what a person fills in: kind, value, minimum, expiry, guard
codes       writing, reading and importing codes
holding     reserve a code for a run, release it, give it, let it expire: in bulk, never one code twice
guard       who goes without: pure
stocking    shops make codes ahead of time; low stock
redeeming   orders' codes → who used which, and which mail brought it
following   codes that are out: given, free again, expired; whether the code in a mail is still good
"""

from __future__ import annotations

REASONS: dict[str, str] = {
    "no_offer": "there is no such offer, or it was withdrawn",
    "offer_over": "the offer is over",
    "pool_empty": "no code was free",
    "too_many": "the customer has had as many offers as the guard allows",
    "serial_abandoner": "the customer often leaves a cart and then buys it with a code",
    "margin": "the discount would cut too far into the margin of what is in the cart",
    "erased": "the customer was erased or merged",
}
"""Why a customer goes without an offer, in a few words."""
