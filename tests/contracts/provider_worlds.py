"""What the contract tests must know of each provider: settings, a server that accepts, and how it signs."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import orjson

from automation.provider import Mail
from automation.providers.smtp.talk import hang_up
from tests.mail_server import MailServer

RECORDINGS = Path(__file__).parents[1] / "recordings" / "providers"
SECRET = base64.b64encode(b"a secret of the tests, 32 bytes!").decode()


@dataclass(frozen=True)
class World:
    """One provider's side of the contract."""

    settings: dict[str, Any] = field(default_factory=dict)
    accepts: Callable[[httpx.Request], httpx.Response] | None = None
    """Takes every mail of a batch; None for a provider without a network."""
    id_of: Callable[[str], str] = lambda message_id: f"id-of-{message_id}"
    signs: Callable[[bytes, datetime], dict[str, str]] | None = None
    """Headers that make a body genuine; None for a provider without webhooks."""
    is_one_by_one: bool = False
    """Whether each mail travels in a request of its own."""
    server: Callable[[], AbstractContextManager[dict[str, Any]]] | None = None
    """Starts a real one, for a provider that does not speak HTTP, and says which settings lead to it."""
    unknown: bytes = b'{"type": "moon.rose", "RecordType": "MoonRose"}'
    """A webhook about what nobody knows."""


def _postmark(request: httpx.Request) -> httpx.Response:
    mails = orjson.loads(request.content)
    items = [{"ErrorCode": 0, "Message": "OK", "MessageID": f"id-of-{m['Metadata']['message_id']}"} for m in mails]
    return httpx.Response(200, json=items)


def _resend(request: httpx.Request) -> httpx.Response:
    mails = orjson.loads(request.content)
    ids = [next(t["value"] for t in m["tags"] if t["name"] == "message_id") for m in mails]
    return httpx.Response(200, json={"data": [{"id": f"id-of-{i}"} for i in ids]})


def _basic(_body: bytes, _now: datetime) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(b"cartwheel:password-of-tests").decode()}


def _svix(body: bytes, now: datetime) -> dict[str, str]:
    stamp = str(int(now.timestamp()))
    signature = hmac.digest(base64.b64decode(SECRET), f"msg_1.{stamp}.".encode() + body, "sha256")
    return {
        "svix-id": "msg_1",
        "svix-timestamp": stamp,
        "svix-signature": f"v1,{base64.b64encode(signature).decode()}",
    }


WORLDS = {
    "mailbox": World(id_of=lambda message_id: f"mailbox-{message_id}"),
    "postmark": World(
        {"server_token": "token-of-tests", "webhook_password": "password-of-tests"}, _postmark, signs=_basic
    ),
    "resend": World({"api_key": "re_tests", "webhook_secret": f"whsec_{SECRET}"}, _resend, signs=_svix),
}


# SparkPost


def _sparkpost(request: httpx.Request) -> httpx.Response:
    asked = orjson.loads(request.content)
    (recipient,) = asked["recipients"]
    results = {
        "id": f"id-of-{recipient['metadata']['message_id']}",
        "total_accepted_recipients": 1,
        "total_rejected_recipients": 0,
    }
    return httpx.Response(200, json={"results": results})


WORLDS["sparkpost"] = World(
    {"api_key": "key-of-tests", "webhook_password": "password-of-tests"},
    _sparkpost,
    signs=_basic,
    is_one_by_one=True,
    unknown=b'[{"msys": {"moon_event": {"type": "moon_rise"}}}]',
)


# Mailjet


def _mailjet(request: httpx.Request) -> httpx.Response:
    mails = orjson.loads(request.content)["Messages"]
    items = [
        {
            "Status": "success",
            "CustomID": m["CustomID"],
            "To": [{"Email": m["To"][0]["Email"], "MessageUUID": "u", "MessageID": f"id-of-{m['CustomID']}"}],
        }
        for m in mails
    ]
    return httpx.Response(200, json={"Messages": items})


WORLDS["mailjet"] = World(
    {"api_key": "key-of-tests", "secret_key": "secret-of-tests", "webhook_password": "password-of-tests"},
    _mailjet,
    signs=_basic,
    unknown=b'{"event": "moonrise"}',
)


# MailerSend


def _mailersend(_request: httpx.Request) -> httpx.Response:
    return httpx.Response(202, json={"message": "The bulk email is being processed.", "bulk_email_id": "bulk-1"})


def _hex_signature(body: bytes, _now: datetime) -> dict[str, str]:
    return {"signature": hmac.digest(b"secret-of-tests", body, "sha256").hex()}


WORLDS["mailersend"] = World(
    {"api_token": "mlsn.tests", "webhook_secret": "secret-of-tests"},
    _mailersend,
    id_of=lambda _: "",
    signs=_hex_signature,
)


# SMTP


@contextmanager
def _mail_server() -> Iterator[dict[str, Any]]:
    with MailServer() as server:
        yield {"host": "127.0.0.1", "port": server.port}
        hang_up()


WORLDS["smtp"] = World(
    {"host": "127.0.0.1", "port": 9, "security": "none", "webhook_password": "password-of-tests"},
    signs=_basic,
    server=_mail_server,
    unknown=b"From: ada@example.com\r\nSubject: I am away\r\n\r\nUntil Monday.\r\n",
)


def mail(number: int = 1, **values: Any) -> Mail:
    """A finished mail to a customer."""
    given: dict[str, Any] = {
        "message_id": f"message{number}",
        "from_email": "hello@wren.example.com",
        "from_name": "Wren & Thistle",
        "to_email": f"ada{number}@example.com",
        "to_name": 'Ada "Countess" Löve',
        "reply_to": "help@wren.example.com",
        "subject": "Your cart is waiting ☕",
        "html": "<p>Hello</p>",
        "text": "Hello",
        "headers": {
            "List-Unsubscribe": f"<https://mail.example.com/u/{number}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        },
        "campaign": "campaign1",
    }
    return Mail(**{**given, **values})
