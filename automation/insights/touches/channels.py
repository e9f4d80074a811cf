"""Which channel a visit came by: one table of rules, read from the top; the first that fits names the channel."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

CHANNELS: dict[str, str] = {
    "email": "E-mail",
    "messaging": "SMS and messengers",
    "paid_search": "Paid search",
    "paid_social": "Paid social",
    "display": "Display advertising",
    "affiliate": "Affiliates",
    "social": "Social",
    "search": "Search",
    "offline": "Shop floor and telephone",
    "referral": "Other websites",
    "campaign": "Other campaigns",
    "direct": "Direct",
    "unknown": "Not known",
}
"""Every channel → its name. Direct is what a shop says came without a link; not known is what nobody told of."""

DEVICES: dict[str, str] = {"desktop": "Computer", "mobile": "Phone", "tablet": "Tablet", "": "Not known"}

_SEARCH = [
    "google",
    "bing",
    "duckduckgo",
    "yahoo",
    "ecosia",
    "startpage",
    "qwant",
    "baidu",
    "yandex",
    "seznam",
    "naver",
    "brave",
    "kagi",
    "ask",
    "aol",
]
_SOCIAL = [
    "facebook",
    "instagram",
    "pinterest",
    "tiktok",
    "twitter",
    "x",
    "t",
    "linkedin",
    "lnkd",
    "youtube",
    "youtu",
    "reddit",
    "threads",
    "snapchat",
    "tumblr",
    "mastodon",
    "bsky",
    "vk",
    "fb",
    "ig",
    "xing",
]
_MAIL = [
    "mail.google.com",
    "outlook.live.com",
    "outlook.office.com",
    "outlook.office365.com",
    "mail.yahoo.com",
    "mail.proton.me",
    "navigator.gmx.net",
    "webmail.gmx.net",
    "web.de",
    "mail.aol.com",
    "mail.zoho.com",
    "app.fastmail.com",
]


@dataclass(frozen=True, slots=True)
class Rule:
    """A row of the table. Every condition that is there has to hold; one that lists words holds for any of them."""

    channel: str
    mediums: str = ""
    sources: str = ""
    """Names of sites, as in utm_source=facebook or a page before on www.facebook.com."""
    said: str = ""
    """The shop platform's own word for it."""
    ids: str = ""
    """Click ids that advertisers' links carry."""
    hosts: str = ""
    """Hosts of the page before."""
    has: str = ""
    """utm: any parameter; referrer: any page before; anything: anything at all that was told of the visit."""


_PAID = "cpc ppc paid paidsearch paid_search paid-search sem adwords"
RULES: tuple[Rule, ...] = (
    Rule("email", mediums="email e-mail e_mail newsletter mail edm"),
    Rule("email", sources="newsletter cartwheel klaviyo mailchimp omnisend brevo email"),
    Rule("messaging", mediums="sms mms push whatsapp messenger telegram"),
    Rule("affiliate", mediums="affiliate affiliates partner"),
    Rule("paid_social", mediums="paidsocial paid_social paid-social social_paid"),
    Rule("paid_social", mediums=_PAID, sources=" ".join(_SOCIAL)),
    Rule("display", mediums="display banner cpm programmatic video retargeting"),
    Rule("paid_search", mediums=_PAID),
    Rule("paid_search", ids="gclid gbraid wbraid msclkid"),
    Rule("email", hosts=" ".join(_MAIL)),
    Rule("social", mediums="social social-media social_media sm"),
    Rule("social", sources=" ".join(_SOCIAL)),
    Rule("search", mediums="organic search seo"),
    Rule("search", sources=" ".join(_SEARCH)),
    Rule("referral", mediums="referral link"),
    Rule("campaign", has="utm"),
    Rule("referral", has="referrer"),
    Rule("search", said="organic"),
    Rule("offline", said="pos draft_orders shopify_draft_order admin manual phone telephone store"),
    Rule("direct", said="typein direct web www online mobile_app"),
    Rule("direct", has="anything"),
)
"""The table. After its last row stands: not known."""


@dataclass(frozen=True, slots=True)
class Touch:
    """One way in which somebody came, in our words."""

    channel: str = "unknown"
    source: str = ""
    medium: str = ""
    campaign: str = ""
    referrer: str = ""
    device: str = ""
    country: str | None = None


def touch_of(told: Mapping[str, Any] | None, own_host: str = "") -> Touch:
    """Sort what was told of a visit: {"channel", "utm": {…}, "referrer", "landing", "device", "country"}.

    Anything may be missing or of another kind: what cannot be read counts as not told. `own_host` is the shop's: its
    own pages before the visit's first are no source.
    """
    told = told if isinstance(told, Mapping) else {}
    landing = _text(told.get("landing"), 2000)
    query = _query(landing)
    utm = {name.removeprefix("utm_"): value for name, value in query.items() if name.startswith("utm_")}
    given = told.get("utm")
    if isinstance(given, Mapping):
        utm |= {str(name).lower(): _text(value) for name, value in given.items()}
    given = told.get("ids")
    ids = set(query) | {str(name).lower() for name in (given if isinstance(given, list) else ())}
    referrer = _host(_text(told.get("referrer"), 2000))
    if _is_within(referrer, own_host):
        referrer = ""
    seen = _Seen(
        medium=utm.get("medium", "").lower(),
        source=utm.get("source", "").lower(),
        said=_text(told.get("channel")).lower(),
        ids=ids,
        referrer=referrer,
        has={"utm"} if any(utm.get(n) for n in ("source", "medium", "campaign")) else set(),
    )
    if referrer:
        seen.has.add("referrer")
    if landing or seen.said in {"utm", "referral"} or seen.has or _text(told.get("referrer")):
        seen.has.add("anything")
    channel = next((rule.channel for rule in RULES if _fits(rule, seen)), "unknown")
    country = _text(told.get("country")).upper()
    return Touch(
        channel=channel,
        source=utm.get("source", ""),
        medium=utm.get("medium", ""),
        campaign=utm.get("campaign", ""),
        referrer=referrer,
        device=_device(_text(told.get("device"))),
        country=country if re.fullmatch("[A-Z]{2}", country) else None,
    )


@dataclass(slots=True)
class _Seen:
    medium: str
    source: str
    said: str
    ids: set[str]
    referrer: str
    has: set[str]


def _fits(rule: Rule, seen: _Seen) -> bool:
    return (
        (not rule.mediums or seen.medium in rule.mediums.split())
        and (not rule.sources or _is_site(seen, rule.sources.split()))
        and (not rule.said or seen.said in rule.said.split())
        and (not rule.ids or bool(seen.ids & set(rule.ids.split())))
        and (not rule.hosts or any(_is_within(seen.referrer, host) for host in rule.hosts.split()))
        and (not rule.has or rule.has in seen.has)
    )


def _is_site(seen: _Seen, names: list[str]) -> bool:
    if seen.source:
        return seen.source in names or _site(_host(seen.source)) in names
    return bool(seen.referrer) and _site(seen.referrer) in names


def _site(host: str) -> str:
    # The word before the public suffix: www.google.co.uk → google, l.facebook.com → facebook, t.co → t.
    words = host.split(".")
    if len(words) > 2 and words[-2] in {"co", "com", "org", "net"} and len(words[-1]) == 2:
        words = words[:-1]
    return words[-2] if len(words) > 1 else ""


def _is_within(host: str, of: str) -> bool:
    bare = of.removeprefix("www.")
    return bool(host and bare) and (host == bare or host.endswith(f".{bare}"))


def _text(value: Any, most: int = 200) -> str:
    return value.replace("\0", "").strip()[:most] if isinstance(value, str) else ""


def _query(url: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(urlsplit(url).query, max_num_fields=50)
    except ValueError:
        return {}
    return {name.lower(): _text(value) for name, value in pairs}


def _host(url: str) -> str:
    """Host of an address, in lower case; a bare host is one, too."""
    try:
        host = urlsplit(url if "//" in url else f"//{url}").hostname or ""
    except ValueError:
        return ""
    return host[:200] if "." in host else ""


def host_of(url: str) -> str:
    """Host of a shop's address, or nothing."""
    return _host(url)


def _device(word: str) -> str:
    word = word.lower()
    return word if word in DEVICES else {"phone": "mobile", "smartphone": "mobile", "computer": "desktop"}.get(word, "")


def device_of(agent: str) -> str:
    """What a browser's own word says it runs on; empty where it says nothing."""
    if not agent:
        return ""
    if re.search(r"iPad|Tablet|PlayBook|Silk(?!.*Mobile)|Android(?!.*Mobile)", agent):
        return "tablet"
    return "mobile" if re.search(r"Mobi|iPhone|iPod|Android", agent) else "desktop"
