from __future__ import annotations

from email import message_from_string, policy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.addresses import written
from automation.errors import Misconfigured, Refused
from automation.mail_flaws import RESERVED, flaw_of, send_sound
from automation.provider import Accepted
from tests.contracts.provider_worlds import mail


def test_an_ordinary_mail_has_no_flaw() -> None:
    assert flaw_of(mail()) is None
    assert flaw_of(mail(reply_to="", to_name="", campaign="", subject="Tab\there, naïve ☕", headers={})) is None


def test_a_flaw_of_the_sender_concerns_the_settings_and_others_the_mail() -> None:
    assert isinstance(flaw_of(mail(from_email="nobody")), Misconfigured)
    assert isinstance(flaw_of(mail(to_email="nobody")), Refused)


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_a_mails_own_fields_are_no_extra_headers(name: str) -> None:
    assert isinstance(flaw_of(mail(headers={name.title(): "x"})), Refused)


@given(st.text(max_size=30), st.text(max_size=30))
def test_what_passes_stays_one_line(subject: str, name: str) -> None:
    if flaw_of(mail(subject=subject, to_name=name)) is None:
        assert len(f"{subject}{name}x".splitlines()) == 1


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40))
def test_a_name_never_becomes_a_second_address(name: str) -> None:
    parsed = message_from_string(f"To: {written(name, 'ada@example.com')}\n\n", policy=policy.default)["to"]
    assert [a.addr_spec for a in parsed.addresses] == ["ada@example.com"]


def test_outcomes_keep_their_places() -> None:
    batch = [mail(1, subject="\n"), mail(2), mail(3, to_email=""), mail(4)]
    outcomes = send_sound(batch, lambda sound: [Accepted(m.message_id) for m in sound])
    assert [type(o) for o in outcomes] == [Refused, Accepted, Refused, Accepted]
    assert outcomes[3] == Accepted("message4")
