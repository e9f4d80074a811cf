"""Voucher codes at Saleor: one voucher per offer, sold in one channel, whose codes are each good once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from automation.errors import Later, Misconfigured, Refused, SendError
from automation.money import decimal_text
from automation.platform import CodeTerms
from automation.platforms.saleor.queries import ADD, CHANNELS, LIST_IN, MAKE, VOUCHERS
from automation.shop_graphql import GraphApi, nodes_of

AT_ONCE = 100


def create(graph: GraphApi, channel: str, terms: CodeTerms, codes: Sequence[str]) -> list[str]:
    """Make these codes; those that are there now, and ours. Raises Misconfigured for a channel that does not exist."""
    voucher = _voucher(graph, terms)
    if voucher is None:
        voucher = {"id": _make(graph, terms), "channelListings": []}
    if not voucher.get("channelListings"):  # without one a voucher is worth nothing; also when we died in between
        _check(graph.change("voucherChannelListingUpdate", LIST_IN, _listing(graph, channel, terms, voucher["id"])))
    return _add(graph, voucher["id"], codes)


def _title(terms: CodeTerms) -> str:
    return f"{terms.title[:150]} (Cartwheel {terms.offer_id})"


def _voucher(graph: GraphApi, terms: CodeTerms) -> dict[str, Any] | None:
    found = nodes_of(graph.find(VOUCHERS, {"search": terms.offer_id}).get("vouchers"))
    return next((n for n in found if isinstance(n, dict) and n.get("name") == _title(terms) and n.get("id")), None)


def _make(graph: GraphApi, terms: CodeTerms) -> str:
    said = graph.change("voucherCreate", MAKE, {"input": _terms(terms)})
    _check(said)
    voucher = said.get("voucher")
    if not isinstance(voucher, dict) or not voucher.get("id"):
        raise Later("Saleor did not name the voucher that it made.")
    return str(voucher["id"])


def _terms(terms: CodeTerms) -> dict[str, Any]:
    return {
        "name": _title(terms),
        "type": "SHIPPING" if terms.kind == "shipping" else "ENTIRE_ORDER",
        "discountValueType": "FIXED" if terms.kind == "amount" else "PERCENTAGE",
        "singleUse": True,
        "startDate": terms.starts_at.isoformat(),
        **({"endDate": terms.ends_at.isoformat()} if terms.ends_at else {}),
    }


def _listing(graph: GraphApi, channel: str, terms: CodeTerms, voucher_id: str) -> dict[str, Any]:
    channels = graph.find(CHANNELS).get("channels")
    known = [one for one in channels if isinstance(one, dict)] if isinstance(channels, list) else []
    fitting = [one for one in known if one.get("slug") == channel or (not channel and one.get("isActive"))]
    if len(fitting) != 1:
        slugs = ", ".join(str(one.get("slug")) for one in known)
        raise Misconfigured(f"Enter one of the shop's channels in the connection's settings: {slugs or 'it has none'}.")
    (one,) = fitting
    if one.get("currencyCode") != terms.currency:
        raise Refused(
            f"The channel {one.get('slug')} sells in {one.get('currencyCode')}, the offer is in {terms.currency}."
        )
    value = {"percent": str(terms.value), "amount": decimal_text(terms.value, terms.currency), "shipping": "100"}
    listing: dict[str, Any] = {"channelId": one.get("id"), "discountValue": value[terms.kind]}
    if terms.minimum:
        listing["minAmountSpent"] = decimal_text(terms.minimum, terms.currency)
    return {"id": voucher_id, "input": {"addChannels": [listing]}}


def _add(graph: GraphApi, voucher_id: str, codes: Sequence[str]) -> list[str]:
    """Add codes; those that a lost answer had already added are told apart from others' by asking whose they are."""
    said = graph.change("voucherUpdate", ADD, {"id": voucher_id, "input": {"addCodes": list(codes)}})
    taken = _taken(said)
    if not taken:
        _check(said)
        return list(codes)
    ours = _ours(graph, voucher_id, [code for code in codes if code in taken])
    free = [code for code in codes if code not in taken]
    if free:
        again = graph.change("voucherUpdate", ADD, {"id": voucher_id, "input": {"addCodes": free}})
        _check(again)
    return [code for code in codes if code in ours or code in free]


def _taken(said: dict[str, Any]) -> set[str]:
    problems = said.get("errors")
    found: set[str] = set()
    for problem in problems if isinstance(problems, list) else ():
        codes = problem.get("voucherCodes") if isinstance(problem, dict) else None
        found |= {str(code) for code in codes} if isinstance(codes, list) else set()
    return found


def _ours(graph: GraphApi, voucher_id: str, codes: Sequence[str]) -> set[str]:
    given = ", ".join(f"$c{n}: String!" for n in range(len(codes)))
    asked = " ".join(
        f"c{n}: vouchers(first: 1, filter: {{search: $c{n}}}) {{ edges {{ node {{ id }} }} }}"
        for n in range(len(codes))
    )
    found = graph.find(f"query ({given}) {{ {asked} }}", {f"c{n}": code for n, code in enumerate(codes)})
    return {
        code
        for number, code in enumerate(codes)
        if any(isinstance(n, dict) and n.get("id") == voucher_id for n in nodes_of(found.get(f"c{number}")))
    }


def _check(said: dict[str, Any]) -> None:
    problem = problem_of(said)
    if problem is not None:
        raise problem


def problem_of(said: dict[str, Any]) -> SendError | None:
    """What a mutation's `errors` mean; None for none."""
    problems = said.get("errors")
    if not problems:
        return None
    words = [str(p.get("message")) for p in problems if isinstance(p, dict)] if isinstance(problems, list) else []
    return Refused(f"Saleor: {'; '.join(words) or 'it did not say why'}"[:500])
