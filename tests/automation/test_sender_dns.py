from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.finding import Finding
from automation.provider import DomainRecords
from automation.providers.mailgun import Mailgun
from automation.providers.postmark import Postmark
from automation.providers.resend import Resend
from automation.sender_dns import DnsSilent, Resolve, examine

KEY = "v=DKIM1; k=rsa; p=MIGfMA0"
ZONE = {
    ("shop.example", "TXT"): ["google-site-verification=x", "v=spf1 include:mailgun.org ~all"],
    ("mx._domainkey.shop.example", "TXT"): [KEY],
    ("_dmarc.shop.example", "TXT"): ["v=DMARC1; p=none; rua=mailto:d@shop.example"],
    ("shop.example", "MX"): ["10 mail.shop.example."],
    ("mailgun.org", "TXT"): ["v=spf1 include:a.mailgun.org include:b.mailgun.org ~all"],
}


def zone(**changes: object) -> Resolve:
    known = {**ZONE, **changes.pop("more", {})}  # type: ignore[dict-item]  # told by the caller
    return lambda name, kind: list(known.get((name, kind), []))


def looked(resolve: Resolve, records: DomainRecords = Mailgun.records, signing: str = "") -> dict[str, Finding]:
    found = examine("Shop <hello@shop.example".removeprefix("Shop <"), "Mailgun", records, resolve, signing)
    return {f.what.split()[0]: f for f in found}


def with_txt(name: str, *records: str) -> Resolve:
    return zone(more={(name, "TXT"): list(records)})


def test_a_domain_that_says_everything_is_good() -> None:
    assert [f.verdict for f in looked(zone()).values()] == ["good"] * 4
    assert not [f for f in looked(zone()).values() if f.advice]


@pytest.mark.parametrize(
    ("resolve", "what", "verdict", "said", "advice"),
    [
        (with_txt("shop.example"), "SPF", "bad", "there is none", 'shop.example TXT "v=spf1 include:mailgun.org ~all"'),
        (
            with_txt("shop.example", "v=spf1 mx -all"),
            "SPF",
            "bad",
            "does not name Mailgun",
            'shop.example TXT "v=spf1 include:mailgun.org mx -all"',
        ),
        (with_txt("shop.example", "v=spf1 -all", "v=spf1 mx ~all"), "SPF", "bad", "there are 2", "Join"),
        (with_txt("shop.example", "v=spf1 include:mailgun.org +all"), "SPF", "bad", "all the world", "~all"),
        (with_txt("shop.example", "v=spf1 include:mailgun.org"), "SPF", "warning", "all others", "~all"),
        (
            with_txt("shop.example", "v=spf1 include:mailgun.org " + "a:x.example " * 9 + "~all"),
            "SPF",
            "bad",
            "12 look-ups",
            "Take out",
        ),
        (with_txt("mx._domainkey.shop.example"), "DKIM", "bad", "no key at mx._domainkey.shop.example", "Domains"),
        (with_txt("mx._domainkey.shop.example", "v=DKIM1; p="), "DKIM", "bad", "withdrawn", "Mailgun shows"),
        (
            with_txt("_dmarc.shop.example"),
            "DMARC",
            "bad",
            "there is none",
            '_dmarc.shop.example TXT "v=DMARC1; p=none; rua=mailto:postmaster@shop.example"',
        ),
        (with_txt("_dmarc.shop.example", "v=DMARC1; p=maybe"), "DMARC", "bad", "maybe", "p=none"),
        (with_txt("_dmarc.shop.example", "v=DMARC1; p=reject"), "DMARC", "warning", "reject", "rua="),
        (with_txt("_dmarc.shop.example", "v=DMARC1; p=none", "v=DMARC1;p=reject"), "DMARC", "bad", "2", "one"),
        (zone(more={("shop.example", "MX"): []}), "MX", "warning", "nobody can answer", "mail server"),
        (zone(more={("shop.example", "MX"): ["0 ."]}), "MX", "bad", "takes no mails", "mail server"),
    ],
)
def test_what_is_missing_is_told_to_the_letter(
    resolve: Resolve, what: str, verdict: str, said: str, advice: str
) -> None:
    found = looked(resolve)[what]
    assert found.verdict == verdict
    assert said in found.said
    assert advice in found.advice


def test_a_policy_of_the_domain_above_counts() -> None:
    found = examine("a@news.shop.example", "X", DomainRecords(), zone())
    assert next(f for f in found if f.what.startswith("DMARC")).verdict == "good"


def test_a_key_of_the_domain_that_the_provider_signs_with_counts() -> None:
    assert looked(with_txt("mx._domainkey.shop.example"), signing="mg.shop.example")["DKIM"].verdict == "bad"
    moved = zone(more={("mx._domainkey.shop.example", "TXT"): [], ("pic._domainkey.mg.shop.example", "TXT"): [KEY]})
    assert looked(moved, signing="mg.shop.example")["DKIM"].verdict == "good"


def test_each_provider_has_its_own_wishes() -> None:
    postmark = looked(zone(), Postmark.records)
    assert postmark["SPF"].advice == "pm-bounces.shop.example CNAME pm.mtasv.net"
    assert (postmark["DKIM"].verdict, "only Mailgun knows" in postmark["DKIM"].said) == ("warning", True)
    led = zone(more={("pm-bounces.shop.example", "CNAME"): ["pm.mtasv.net."]})
    assert looked(led, Postmark.records)["SPF"].verdict == "good"
    resend = looked(zone(), Resend.records)
    assert resend["SPF"].advice == 'send.shop.example TXT "v=spf1 include:amazonses.com ~all"'
    assert "resend._domainkey.shop.example" in resend["DKIM"].said


def test_an_address_of_a_free_mail_service_or_none_is_bad() -> None:
    for sender in ("shop@gmail.com", "", "nobody@"):
        assert [f.verdict for f in examine(sender, "X", DomainRecords(), zone())] == ["bad"]


def test_silence_is_no_verdict() -> None:
    def silent(name: str, kind: str) -> list[str]:
        raise DnsSilent(f"No name server answered for {name} {kind}.")

    assert {f.verdict for f in looked(silent).values()} == {"warning"}


def test_records_that_include_one_another_come_to_an_end() -> None:
    rings: Callable[[str, str], list[str]] = lambda name, kind: (  # noqa: E731  a whole world in a line
        ["v=spf1 include:mailgun.org include:shop.example ~all"] if kind == "TXT" and "_" not in name else []
    )
    assert "look-ups" in looked(rings)["SPF"].said or looked(rings)["SPF"].verdict == "good"


@given(st.lists(st.text(max_size=60), max_size=3), st.text(max_size=30))
def test_whatever_a_domain_says_there_is_a_verdict(records: list[str], sender: str) -> None:
    given_all: Resolve = lambda _name, _kind: [*records, "v=spf1 " + " ".join(records)]  # noqa: E731  as above
    for finding in examine(f"a@{sender}", "X", Mailgun.records, given_all):
        assert finding.verdict in ("good", "warning", "bad")
        assert finding.said
