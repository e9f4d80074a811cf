"""Mailbox providers, told by domain."""

from __future__ import annotations

from hypothesis import given
from hypothesis import settings as configure
from hypothesis import strategies as st
from sqlalchemy import create_engine, literal, select

from automation.insights.mailboxes import OTHERS, PROVIDERS, domain_in_sql, provider_of


def test_each_listed_domain_is_its_providers_and_somebodys_own_is_nobodys() -> None:
    for name, domains in PROVIDERS.items():
        for domain in domains:
            assert provider_of(domain.replace("*", "co.uk")) == name
    assert provider_of("Yahoo.com.br") == "Yahoo and AOL"
    assert [provider_of(d) for d in ("yahoo.example.com", "wren.example", "gmx", "")] == [OTHERS] * 4


@configure(max_examples=40)
@given(st.text("ab.@", min_size=1, max_size=8), st.text("abc.", min_size=1, max_size=12))
def test_the_database_finds_what_stands_behind_the_last_at(local: str, domain: str) -> None:
    with create_engine("sqlite://").connect() as connection:
        assert connection.scalar(select(domain_in_sql(literal(f"{local}@{domain}")))) == domain
