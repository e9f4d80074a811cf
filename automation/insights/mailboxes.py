"""Who runs a mailbox, by the domain of its address: the providers whose filters decide whether mails arrive."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, func

PROVIDERS: dict[str, tuple[str, ...]] = {
    "Gmail": ("gmail.com", "googlemail.com"),
    "Microsoft": ("outlook.*", "hotmail.*", "live.*", "msn.com", "windowslive.com"),
    "Yahoo and AOL": ("yahoo.*", "ymail.com", "rocketmail.com", "myyahoo.com", "aol.*", "aim.com", "verizon.net"),
    "Apple": ("icloud.com", "me.com", "mac.com"),
    "GMX and web.de": ("gmx.*", "web.de", "mail.com", "email.de"),
    "Telekom": ("t-online.de", "magenta.de"),
    "freenet": ("freenet.de",),
    "Proton": ("proton.me", "protonmail.com", "pm.me"),
    "Orange": ("orange.fr", "wanadoo.fr"),
    "Free": ("free.fr",),
    "La Poste": ("laposte.net",),
    "SFR": ("sfr.fr", "neuf.fr"),
    "Libero": ("libero.it", "virgilio.it", "iol.it", "inwind.it"),
    "WP": ("wp.pl", "o2.pl", "tlen.pl"),
    "Onet": ("onet.pl", "op.pl", "poczta.onet.pl"),
    "Seznam": ("seznam.cz", "email.cz", "post.cz"),
    "Ziggo": ("ziggo.nl", "home.nl", "upcmail.nl"),
    "KPN": ("kpnmail.nl", "planet.nl", "hetnet.nl"),
    "Telenet": ("telenet.be",),
    "Bluewin": ("bluewin.ch",),
    "BT": ("btinternet.com", "btopenworld.com"),
    "Sky": ("sky.com",),
    "Virgin Media": ("virginmedia.com", "ntlworld.com", "blueyonder.co.uk"),
    "Comcast": ("comcast.net", "xfinity.com"),
    "AT&T": ("att.net", "sbcglobal.net", "bellsouth.net"),
    "Cox": ("cox.net",),
    "Spectrum": ("charter.net", "spectrum.net", "rr.com"),
    "Yandex": ("yandex.*", "ya.ru"),
    "Mail.ru": ("mail.ru", "inbox.ru", "list.ru", "bk.ru"),
    "QQ": ("qq.com", "foxmail.com"),
    "NetEase": ("163.com", "126.com", "yeah.net"),
    "Naver": ("naver.com",),
    "Fastmail": ("fastmail.com", "fastmail.fm"),
    "Zoho": ("zoho.com", "zohomail.com"),
}
"""Provider → its domains; a star stands for a country's or any other ending. Companies' own domains are in none."""
OTHERS = "Other domains"

_EXACT = {domain: name for name, domains in PROVIDERS.items() for domain in domains if not domain.endswith(".*")}
_STARRED = ((domain, name) for name, domains in PROVIDERS.items() for domain in domains if domain.endswith(".*"))
_BEFORE_ENDING = {domain.removesuffix(".*"): name for domain, name in _STARRED}


def provider_of(domain: str) -> str:
    """The provider of a domain; OTHERS for one that is in no list."""
    domain = domain.lower().rstrip(".")
    if domain in _EXACT:
        return _EXACT[domain]
    name, _, ending = domain.partition(".")
    # yahoo.co.uk and gmx.at are endings; yahoo.example.com is somebody's own.
    is_ending = bool(ending) and (ending.count(".") == 0 or ending.split(".")[0] in {"co", "com"})
    return _BEFORE_ENDING.get(name, OTHERS) if is_ending else OTHERS


def domain_in_sql(address: Any) -> ColumnElement[str]:
    """What stands behind the last @ of an address, on both databases alike."""
    # Everything but the @ is taken off the right end: what is left goes up to the last @.
    before = func.rtrim(address, func.replace(address, "@", ""))
    found: ColumnElement[str] = func.substr(address, func.length(before) + 1)
    return found
