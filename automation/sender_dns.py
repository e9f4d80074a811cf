"""What the sender's domain says in DNS, and what it must say for mails to arrive: SPF, DKIM, DMARC, MX.

Google and Yahoo ask since 2024, and Microsoft since 2025, that a mail is signed (DKIM, RFC 6376), that its server is
allowed (SPF, RFC 7208) and that the domain has a policy for what is neither (DMARC, RFC 7489). Nothing here needs a
network in tests: who looks names up is an argument.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import dns.exception
import dns.rdatatype
import dns.resolver

from automation.finding import Finding
from automation.provider import DomainRecords

Resolve = Callable[[str, str], list[str]]
"""(name, type) → its records as text; empty when there are none. Raises DnsSilent when nobody answers."""

MOST_LOOKUPS = 10
"""Of an SPF record; receivers stop there and call it an error (RFC 7208, 4.6.4)."""
COMMON = ("default", "dkim", "mail", "selector1", "selector2", "s1", "s2", "k1", "google")
"""DKIM selectors to try where the provider's is not known."""
FREE = frozenset(
    [
        "gmail.com",
        "googlemail.com",
        "yahoo.com",
        "ymail.com",
        "aol.com",
        "outlook.com",
        "hotmail.com",
        "live.com",
        "msn.com",
        "icloud.com",
        "me.com",
        "gmx.de",
        "gmx.net",
        "gmx.com",
        "web.de",
        "t-online.de",
        "proton.me",
        "protonmail.com",
        "mail.ru",
        "yandex.ru",
        "zoho.com",
    ]
)
"""Domains whose owners let nobody else send in their name."""
_COUNTED = re.compile(r"^[+~?-]?(include:|a(?=[:/]|$)|mx(?=[:/]|$)|ptr|exists:)|^redirect=", re.IGNORECASE)


class DnsSilent(Exception):
    """No name server answered."""


def resolver(seconds: float = 3.0) -> Resolve:
    """Asks the machine's own name servers, and waits so long for each answer."""
    asking = dns.resolver.Resolver()
    asking.lifetime = seconds

    def resolve(name: str, kind: str) -> list[str]:
        try:
            answer = asking.resolve(name, kind, search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except dns.exception.DNSException as error:
            raise DnsSilent(f"No name server answered for {name}.") from error
        if answer.rdtype == dns.rdatatype.TXT:
            return [b"".join(row.strings).decode("utf-8", "replace") for row in answer]
        return [row.to_text() for row in answer]

    return resolve


@dataclass(frozen=True, slots=True)
class _Look:
    """A domain, who sends for it, and whom to ask."""

    domain: str
    signing: tuple[str, ...]
    label: str
    records: DomainRecords
    resolve: Resolve

    def txt(self, name: str, start: str) -> list[str]:
        return [x for x in self.resolve(name, "TXT") if x.lower().replace(" ", "").startswith(start)]


def examine(
    sender: str, label: str, records: DomainRecords, resolve: Resolve, signing_domain: str = ""
) -> list[Finding]:
    """Look at a sender's domain: SPF, DKIM, DMARC and MX, each with what to enter where something is missing.

    `label` names the provider and `records` is what it asks for; `signing_domain` is the one it signs with, where
    that is another than the sender's.
    """
    domain = sender.rpartition("@")[2].strip().lower().rstrip(".")
    try:
        domain = domain.encode("idna").decode()
    except UnicodeError:
        domain = ""
    if not domain:
        return [Finding("Sender's domain", "bad", "The store has no sender's address yet.")]
    if domain in FREE:
        said = f"{domain} lets nobody else send in its name: mails would be turned away."
        return [Finding("Sender's domain", "bad", said, "Use an address of a domain of your own.")]
    signing = tuple(dict.fromkeys(d for d in (signing_domain.lower(), domain) if d))
    look = _Look(domain, signing, label, records, resolve)
    return [_heard(name, check, look) for name, check in _CHECKS.items()]


def _heard(name: str, check: Callable[[_Look, str], Finding], look: _Look) -> Finding:
    what = f"{name} of {look.domain}"
    try:
        return check(look, what)
    except DnsSilent as error:
        return Finding(what, "warning", f"cannot be seen now. {error}", "Try again in a minute.")


def _spf(look: _Look, what: str) -> Finding:
    records = look.records
    at = f"{records.bounce}.{look.domain}" if records.bounce else look.domain
    if records.bounce_target:
        return _bounce(look, what, at)
    found = look.txt(at, "v=spf1")
    include = records.spf_include
    wanted = f'{at} TXT "v=spf1 include:{include} ~all"' if include else f'{at} TXT "v=spf1 mx ~all"'
    if not found:
        if not include:
            said = f"there is none. {look.label} sends with a domain of its own, so that DKIM must carry DMARC."
            return Finding(what, "warning", said if records.where else "there is none.", wanted)
        return Finding(what, "bad", f"there is none, so no receiver knows that {look.label} may send.", wanted)
    if len(found) > 1:
        return Finding(what, "bad", f"there are {len(found)}, and receivers then use none.", "Join them into one.")
    terms = found[0].lower().split()[1:]
    if "+all" in terms or "all" in terms:
        return Finding(what, "bad", "it lets all the world send in your name (+all).", "End it in ~all.")
    if include and f"include:{include}" not in [t.lstrip("+") for t in terms]:
        mended = found[0].split()
        mended.insert(1, f"include:{include}")
        return Finding(what, "bad", f"it does not name {look.label}.", f'{at} TXT "{" ".join(mended)}"')
    count = sum(1 for _ in _lookups(look, found[0], set()))
    if count > MOST_LOOKUPS:
        said = f"it leads to {count} look-ups; from the {MOST_LOOKUPS + 1}th on receivers give up."
        return Finding(what, "bad", said, "Take out what no longer sends for you.")
    if not any(t.lstrip("+~?-") == "all" or t.startswith("redirect=") for t in terms):
        return Finding(what, "warning", "it does not say what to do with all others.", "End it in ~all.")
    return Finding(what, "good", f"names {look.label}." if include else "is there.")


def _bounce(look: _Look, what: str, at: str) -> Finding:
    target = look.records.bounce_target
    found = [x.rstrip(".").lower() for x in look.resolve(at, "CNAME")]
    if target in found:
        return Finding(what, "good", f"bounces come back to {at}, which is {look.label}'s.")
    said = f"{at} does not lead to {look.label}: mails pass by their DKIM signature alone."
    return Finding(what, "warning", said, f"{at} CNAME {target}")


def _lookups(look: _Look, record: str, seen: set[str]) -> Iterator[str]:
    """Every term that costs a receiver a look-up, those of included records too."""
    for term in record.split()[1:]:
        if not _COUNTED.match(term):
            continue
        yield term
        kind, _, target = term.lstrip("+~?-").replace("=", ":", 1).partition(":")
        if kind.lower() in ("include", "redirect") and target not in seen and len(seen) <= 2 * MOST_LOOKUPS:
            seen.add(target)
            for found in look.txt(target, "v=spf1")[:1]:
                yield from _lookups(look, found, seen)


def _dkim(look: _Look, what: str) -> Finding:
    selectors = look.records.selectors or COMMON
    revoked = ""
    for domain in look.signing:
        for selector in selectors:
            name = f"{selector}._domainkey.{domain}"
            for record in look.resolve(name, "TXT"):
                tags = _tags(record)
                if tags.get("p"):
                    return Finding(what, "good", f"a key is at {name}.")
                if "p" in tags:
                    revoked = name
    if revoked:
        return Finding(what, "bad", f"the key at {revoked} has been withdrawn.", _told(look))
    if look.records.selectors:
        tried = ", ".join(f"{s}._domainkey.{look.signing[0]}" for s in selectors)
        return Finding(what, "bad", f"there is no key at {tried}: mails are not signed in your name.", _told(look))
    said = f"no key is at any usual name, and only {look.label} knows which name it gave you."
    return Finding(what, "warning", said, _told(look))


def _told(look: _Look) -> str:
    where = f" under {look.records.where}" if look.records.where else ""
    return f"{look.label} shows the records to enter{where}; enter them at whoever runs your domain's DNS."


def _dmarc(look: _Look, what: str) -> Finding:
    wanted = f'_dmarc.{look.domain} TXT "v=DMARC1; p=none; rua=mailto:postmaster@{look.domain}"'
    found: list[str] = []
    labels = look.domain.split(".")
    # A policy of the domain above counts for those below it.
    for up in range(len(labels) - 1):
        found = look.txt("_dmarc." + ".".join(labels[up:]), "v=dmarc1")
        if found:
            break
    if not found:
        return Finding(what, "bad", "there is none; Google, Yahoo and Microsoft turn mails away without one.", wanted)
    if len(found) > 1:
        return Finding(what, "bad", f"there are {len(found)}, and receivers then use none.", "Leave one of them.")
    tags = _tags(found[0])
    policy = tags.get("p", "").lower()
    if policy not in ("none", "quarantine", "reject"):
        return Finding(what, "bad", f"its policy is “{policy}”, which is none that there is.", wanted)
    if not tags.get("rua"):
        said = f"the policy is {policy}, but no one is told what fails it."
        return Finding(what, "warning", said, f"Add rua=mailto:postmaster@{look.domain} to it.")
    return Finding(what, "good", f"the policy is {policy}.")


def _tags(record: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in record.split(";"))
    return {name.strip().lower(): value.strip() for name, _, value in pairs if name.strip()}


def _mx(look: _Look, what: str) -> Finding:
    found = look.resolve(look.domain, "MX")
    if not found:
        said = "there is none: nobody can answer your mails, and some receivers trust them less."
        return Finding(what, "warning", said, "Enter the mail server that takes your mails.")
    if found == ["0 ."]:
        said = "it says that the domain takes no mails; several receivers then turn away mails from it."
        return Finding(what, "bad", said, "Enter the mail server that takes your mails.")
    return Finding(what, "good", "answers can arrive.")


_CHECKS: dict[str, Callable[[_Look, str], Finding]] = {"SPF": _spf, "DKIM": _dkim, "DMARC": _dmarc, "MX": _mx}
