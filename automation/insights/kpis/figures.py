"""The key figures themselves: what each is called, means, and is worked out from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from automation.insights.kpis.counting import Counted
from automation.insights.report import Cell, Column


def rounded(amount: int, among: int) -> int | None:
    """An amount shared out among so many, in whole minor units, halves up; None where there are none."""
    return (2 * amount + among) // (2 * among) if among else None


def share(part: int, whole: int) -> float | None:
    """0 to 1; None where there is no whole."""
    return part / whole if whole else None


def median_days(gaps: list[timedelta]) -> float | None:
    """The middle one in days, with one digit; of an even number the mean of the two in the middle."""
    if not gaps:
        return None
    ordered, middle = sorted(gaps), len(gaps) // 2
    found = ordered[middle] if len(gaps) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
    return round(found / timedelta(days=1), 1)


COLUMNS: tuple[Column, ...] = (
    Column("orders", "Orders", "count", "Placed in the period and not cancelled since."),
    Column("cancelled", "Cancelled", "count", "Placed in the period and cancelled since; no other figure holds them."),
    Column("buyers", "Buyers", "count", "Different customers who placed those orders; guests without a name are none."),
    Column("gross", "Gross revenue", "money", "What those orders were charged, tax and shipping included."),
    Column("refunded", "Refunded", "money", "What went back for those orders, whenever that was."),
    Column("net", "Net of refunds", "money", "Gross revenue less what was refunded."),
    Column(
        "margin",
        "Margin",
        "money",
        "Net of refunds less tax, shipping and the goods' cost, over the orders the cost of all whose goods is known.",
    ),
    Column("margin_orders", "Orders with known cost", "count", "Those that the margin is about."),
    Column("aov", "Average order", "money", "Gross revenue by orders."),
    Column("carts", "Carts", "count", "With something in them, touched last in the period."),
    Column("cart_value", "Average cart", "money", "What those carts are worth on average."),
    Column("conversion", "Conversion", "share", "Those carts that became an order."),
    Column("repeat", "Repeat rate", "share", "Of the buyers, those with two orders or more by the period's end."),
    Column("lifetime", "Lifetime value", "money", "Net revenue per buyer over all orders by the period's end."),
    Column(
        "second_days",
        "Days to second order",
        "number",
        "Median over those whose second order was in the period, from the first to the second.",
    ),
    Column("mails", "Mails", "count", "Accepted by the mail provider in the period; test mails are none."),
    Column("recipients", "Recipients", "count", "Different customers whom those mails went to."),
    Column("click_rate", "Click rate", "share", "Of those mails, the part that a person clicked in."),
    Column("mail_orders", "Orders by mail", "count", "Of the orders, those attributed to a mail."),
    Column("mail_net", "Revenue by mail", "money", "Net of refunds, of the orders attributed to a mail."),
    Column("mail_conversion", "Orders per mail", "share", "Orders attributed to mails by mails."),
    Column("per_mail", "Revenue per mail", "money", "Revenue by mail by mails."),
    Column("per_recipient", "Revenue per recipient", "money", "Revenue by mail by recipients."),
    Column("joined", "Joined the list", "count", "Customers who agreed to marketing mails in the period."),
    Column("left", "Left the list", "count", "Customers who withdrew that in the period."),
    Column("growth", "List growth", "count", "Joined less left."),
)
"""Every key figure with its definition, in the order in which tables show them."""


@dataclass(frozen=True, slots=True)
class Known:
    """What a dimension can tell of; the rest is not known rather than nought."""

    carts: bool = True
    mails: bool = True
    clicks: bool = False
    consents: bool = True


def work_out(counted: Counted, known: Known) -> list[Cell]:
    """The key figures of one value in one period, as `COLUMNS` lists them."""
    get = counted.get
    orders, gross, refunded, cancelled, buyers = (get("sales", index) for index in range(5))
    carts, worth, ordered = (get("carts", index) for index in range(3))
    people, repeaters, lifetime = (get("life", index) for index in range(3))
    sent = get("clicks", 0) if known.clicks else get("mails", 0)
    recipients = get("clicks", 1) if known.clicks else get("mails", 1)
    mail_orders, mail_net = get("credits", 0), get("credits", 1)
    joined, left = get("granted", 0), get("withdrawn", 0)
    has_mails = known.mails or known.clicks
    figures: dict[str, Cell] = {
        "orders": orders,
        "cancelled": cancelled,
        "buyers": buyers,
        "gross": gross,
        "refunded": refunded,
        "net": gross - refunded,
        "margin": get("margin", 1) if get("margin", 0) else None,
        "margin_orders": get("margin", 0),
        "aov": rounded(gross, orders),
        "carts": carts if known.carts else None,
        "cart_value": rounded(worth, carts) if known.carts else None,
        "conversion": share(ordered, carts) if known.carts else None,
        "repeat": share(repeaters, people),
        "lifetime": rounded(lifetime, people),
        "second_days": median_days(counted.gaps),
        "mails": sent if known.mails else None,
        "recipients": recipients if has_mails else None,
        "click_rate": share(get("mails", 4), sent) if known.mails else None,
        "mail_orders": mail_orders,
        "mail_net": mail_net,
        "mail_conversion": share(mail_orders, sent) if known.mails else None,
        "per_mail": rounded(mail_net, sent) if has_mails else None,
        "per_recipient": rounded(mail_net, recipients) if has_mails else None,
        "joined": joined if known.consents else None,
        "left": left if known.consents else None,
        "growth": joined - left if known.consents else None,
    }
    return [figures[column.key] for column in COLUMNS]
