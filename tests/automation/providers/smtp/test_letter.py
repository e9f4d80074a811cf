from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.errors import Misconfigured, Refused
from automation.provider import Mail
from automation.providers.smtp.letter import letter
from tests.contracts.provider_worlds import mail

ALL = {"size": "1", "8bitmime": "", "smtputf8": "", "dsn": "", "pipelining": ""}


def read(one: Mail, **given_: Any) -> EmailMessage:
    """The mail as a reader's program sees it."""
    content = letter(one, **given_).content
    assert content.endswith(b"\r\n.\r\n")
    undone = re.sub(rb"(?m)^\.\.", b".", content[: -len(b".\r\n")])
    found = message_from_bytes(undone, policy=policy.default)
    assert isinstance(found, EmailMessage)
    return found


def test_a_mail_as_its_reader_gets_it() -> None:
    at = datetime(2026, 3, 10, 13, 0, tzinfo=timezone(timedelta(hours=1)))
    found = read(mail(1, dated_at=at))
    assert found["From"].addresses[0].addr_spec == "hello@wren.example.com"
    assert found["From"].addresses[0].display_name == "Wren & Thistle"
    assert found["To"].addresses[0].display_name == 'Ada "Countess" Löve'
    assert found["To"].addresses[0].addr_spec == "ada1@example.com"
    assert found["Reply-To"] == "help@wren.example.com"
    assert found["Subject"] == "Your cart is waiting ☕"
    assert found["Date"] == "Tue, 10 Mar 2026 13:00:00 +0100"
    assert found["Message-ID"] == "<message1@wren.example.com>"
    assert found["MIME-Version"] == "1.0"
    assert found["List-Unsubscribe"] == "<https://mail.example.com/u/1>"
    assert found["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert found.get_content_type() == "multipart/alternative"
    plain, html = found.iter_parts()
    assert (plain.get_content_type(), html.get_content_type()) == ("text/plain", "text/html"), "the best one comes last"
    assert isinstance(plain, EmailMessage)
    assert isinstance(html, EmailMessage)
    assert (plain.get_content().strip(), html.get_content().strip()) == ("Hello", "<p>Hello</p>")


def test_a_mail_without_a_date_leaves_it_to_the_server() -> None:
    assert "Date" not in read(mail())


def test_the_envelope_names_us_one_recipient_and_our_id() -> None:
    commands = letter(mail(1), "bounces@wren.example.com").commands(ALL)
    size = len(letter(mail(1)).content)
    assert commands == [
        f"MAIL FROM:<bounces@wren.example.com> SIZE={size} RET=HDRS ENVID=message1\r\n".encode(),
        b"RCPT TO:<ada1@example.com>\r\n",
        b"DATA\r\n",
    ]
    assert letter(mail(1)).commands({})[0] == b"MAIL FROM:<hello@wren.example.com>\r\n"


def test_an_international_address_needs_a_server_that_carries_it() -> None:
    one = letter(mail(to_email="løve@example.com"))
    assert one.commands(ALL)[0].endswith(b" BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=message1\r\n")
    assert one.commands(ALL)[1] == "RCPT TO:<løve@example.com>\r\n".encode()
    with pytest.raises(Refused, match="beyond ASCII"):
        one.commands({})


def test_an_international_domain_travels_in_ascii() -> None:
    one = letter(mail(to_email="ada@bücher.example", from_email="shop@bücher.example"))
    assert one.commands({})[1] == b"RCPT TO:<ada@xn--bcher-kva.example>\r\n"
    assert b"Message-ID: <message1@xn--bcher-kva.example>" in one.content
    assert one.content.isascii()


@pytest.mark.parametrize(
    ("flaw", "error"), [({"to_email": "ada@☃.−example"}, Refused), ({"from_email": "ada@☃.−example"}, Misconfigured)]
)
def test_a_domain_that_is_none_is_refused(flaw: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error, match="domain"):
        letter(mail(**flaw))


@pytest.mark.parametrize("text", ["..", ".", "a\n.\nb", ".\r\n.\r\n", "From me\n.hidden", "a\r.\rb"])
def test_a_line_of_a_dot_does_not_end_the_mail(text: str) -> None:
    content = letter(mail(text=text, html=text)).content
    assert content.index(b"\r\n.\r\n") == len(content) - len(b"\r\n.\r\n")
    assert not re.search(rb"(?m)^\.[^.\r]", content), "a server would take the dot away"


def test_a_letter_in_another_script_is_shorter_in_base64() -> None:
    content = letter(mail(text="Привет " * 100, html="<p>Hello</p>" * 50)).content
    assert b"text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64" in content
    assert b"text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable" in content


def test_what_looks_like_an_encoded_word_is_none() -> None:
    tricky = "=?utf-8?q?Bcc=3A?= hello"
    found = read(mail(subject=tricky, to_name=tricky))
    assert found["Subject"] == tricky
    assert found["To"].addresses[0].display_name == tricky


def test_a_long_header_is_folded_and_reads_as_before() -> None:
    value = " ".join(f"<https://mail.example.com/u/{n:04}>," for n in range(90))
    assert read(mail(headers={"X-Many": value}))["X-Many"] == value
    content = letter(mail(headers={"X-Many": value})).content
    assert max(map(len, content.split(b"\r\n"))) <= 998


printable = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Zl", "Zp"), exclude_characters="\x85"), max_size=120
)
bodies = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=400)


@given(subject=printable, name=printable, text=bodies, html=bodies)
def test_whatever_is_written_is_what_is_read(subject: str, name: str, text: str, html: str) -> None:
    one = mail(
        subject=subject, to_name=name, from_name=name, text=text, html=html, dated_at=datetime(2026, 1, 1, tzinfo=UTC)
    )
    found = read(one)
    lines = letter(one).content.split(b"\r\n")
    assert all(line.isascii() and b"\r" not in line and b"\n" not in line for line in lines)
    assert max(map(len, lines)) <= 998
    # The parser drops blanks around a header's value, and so do mail programs.
    assert " ".join(found["Subject"].split()) == " ".join(subject.split())
    assert [part.get_content_type() for part in found.iter_parts()] == ["text/plain", "text/html"]
    for part, said in zip(found.iter_parts(), (text, html), strict=True):
        payload = part.get_payload(decode=True)
        assert isinstance(payload, bytes)
        wanted = said.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")
        assert payload.decode().removesuffix("\r\n") == wanted.removesuffix("\r\n")
