from __future__ import annotations

import pytest

from automation.errors import BadSignature
from automation.provider import Accepted, Envelope, Request
from automation.providers.mailbox import Mailbox
from tests.conftest import NOW, Net
from tests.contracts.provider_worlds import mail


def mailbox(net: Net) -> Mailbox:
    return Mailbox(Mailbox.Settings(), net.client())


def test_takes_every_mail_and_touches_no_network(net: Net) -> None:
    outcomes = mailbox(net).send([mail(n) for n in range(500)], "key1")
    assert outcomes == [Accepted(f"mailbox-message{n}") for n in range(500)]
    assert mailbox(net).check()
    assert net.requests == []


def test_the_same_batch_again_has_the_same_ids(net: Net) -> None:
    batch = [mail(1), mail(2)]
    assert mailbox(net).send(batch, "key1") == mailbox(net).send(batch, "key2")


def test_has_no_webhooks(net: Net) -> None:
    with pytest.raises(BadSignature):
        mailbox(net).open(Request({}, b"{}"), NOW)
    assert mailbox(net).translate(Envelope("d", "t", b"{}")) == []
