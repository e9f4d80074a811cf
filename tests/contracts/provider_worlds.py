"""What the contract tests must know of each provider: settings, a server that accepts, and how it signs."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import orjson
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from automation.provider import Mail
from automation.providers.ses.sns import Topic
from automation.providers.smtp.talk import hang_up
from tests.mail_server import MailServer
from tests.sns import TOPIC_ARN, sns_certificate, sns_envelope, sns_signed

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
    finds: Callable[[httpx.Request, set[str]], httpx.Response] | None = None
    """Answers look-ups, having taken the messages of these ids."""
    refuses: Callable[[Any], Any] | None = None
    """Turns a good answer's JSON into one that refuses the last mail of the batch."""
    key_of: Callable[[httpx.Request], str] = lambda request: request.headers.get("idempotency-key", "")
    """The idempotency key of a request; empty for none."""
    repeated: httpx.Response | None = None
    """What a used key gets; None for the first answer again."""
    unknown: bytes = b'{"type": "moon.rose", "RecordType": "MoonRose"}'
    """A webhook about what nobody knows."""
    seals: Callable[[bytes, datetime], bytes] = lambda body, _now: body
    """What becomes of a body whose signature stands in it."""
    prepares: Callable[[Any], None] = lambda _there: None
    """Puts in place what a provider would fetch to verify a webhook."""


def _postmark(request: httpx.Request) -> httpx.Response:
    mails = orjson.loads(request.content)
    items = [{"ErrorCode": 0, "Message": "OK", "MessageID": f"id-of-{m['Metadata']['message_id']}"} for m in mails]
    return httpx.Response(200, json=items)


def _postmark_finds(request: httpx.Request, taken: set[str]) -> httpx.Response:
    asked = request.url.params["metadata_message_id"]
    found = [{"MessageID": f"id-of-{asked}", "Metadata": {"message_id": asked}}] if asked in taken else []
    return httpx.Response(200, json={"TotalCount": len(found), "Messages": found})


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
        {"server_token": "token-of-tests", "webhook_password": "password-of-tests"},
        _postmark,
        signs=_basic,
        finds=_postmark_finds,
        refuses=lambda said: [*said[:-1], {"ErrorCode": 406, "Message": "inactive recipient"}],
    ),
    "resend": World(
        {"api_key": "re_tests", "webhook_secret": f"whsec_{SECRET}"},
        _resend,
        signs=_svix,
        refuses=lambda said: {
            "data": said["data"][:-1],
            "errors": [{"index": len(said["data"]) - 1, "message": "no such address"}],
        },
    ),
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


def _sparkpost_finds(request: httpx.Request, taken: set[str]) -> httpx.Response:
    asked = request.url.params["campaigns"].split(",")
    events = [
        {"type": "injection", "transmission_id": f"id-of-{i}", "rcpt_meta": {"message_id": i}}
        for i in asked
        if i in taken
    ]
    return httpx.Response(200, json={"results": events, "total_count": len(events)})


WORLDS["sparkpost"] = World(
    {"api_key": "key-of-tests", "webhook_password": "password-of-tests"},
    _sparkpost,
    signs=_basic,
    finds=_sparkpost_finds,
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


def _mailjet_finds(request: httpx.Request, taken: set[str]) -> httpx.Response:
    asked = request.url.params["CustomID"]
    found = [{"ID": f"id-of-{asked}", "CustomID": asked}] if asked in taken else []
    return httpx.Response(200, json={"Count": len(found), "Data": found})


WORLDS["mailjet"] = World(
    {"api_key": "key-of-tests", "secret_key": "secret-of-tests", "webhook_password": "password-of-tests"},
    _mailjet,
    signs=_basic,
    finds=_mailjet_finds,
    refuses=lambda said: {
        "Messages": [*said["Messages"][:-1], {"Status": "error", "Errors": [{"ErrorCode": "mj-0013"}]}]
    },
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


# SendGrid

_SENDGRID_KEY = ec.derive_private_key(2**200 + 7, ec.SECP256R1())


def _sendgrid(request: httpx.Request) -> httpx.Response:
    (person,) = orjson.loads(request.content)["personalizations"]
    return httpx.Response(202, headers={"x-message-id": f"id-of-{person['custom_args']['message_id']}"})


def sendgrid_key() -> str:
    """The public half of the key that the tests sign SendGrid's webhooks with."""
    key = _SENDGRID_KEY.public_key()
    return base64.b64encode(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


def _ecdsa(body: bytes, now: datetime) -> dict[str, str]:
    stamp = str(int(now.timestamp()))
    signature = _SENDGRID_KEY.sign(stamp.encode() + body, ec.ECDSA(hashes.SHA256()))
    return {
        "x-twilio-email-event-webhook-timestamp": stamp,
        "x-twilio-email-event-webhook-signature": base64.b64encode(signature).decode(),
    }


WORLDS["sendgrid"] = World(
    {"api_key": "SG.tests", "verification_key": sendgrid_key()},
    _sendgrid,
    signs=_ecdsa,
    is_one_by_one=True,
    unknown=b'[{"event": "moon_rose"}]',
)


# Mailgun


def _mailgun(request: httpx.Request) -> httpx.Response:
    (given,) = parse_qs(request.content.decode())["h:Message-Id"]
    return httpx.Response(200, json={"id": given, "message": "Queued. Thank you."})


def _with_signature(body: bytes, now: datetime) -> bytes:
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        return body
    if not isinstance(said, dict):
        return body
    stamp, token = str(int(now.timestamp())), hashlib.sha256(body).hexdigest()[:50]
    signature = hmac.digest(b"signing-of-tests", (stamp + token).encode(), "sha256").hex()
    return orjson.dumps({**said, "signature": {"timestamp": stamp, "token": token, "signature": signature}})


def _mailgun_finds(request: httpx.Request, taken: set[str]) -> httpx.Response:
    asked = request.url.params["message-id"]
    items = (
        [{"event": "accepted", "message": {"headers": {"message-id": asked}}}] if asked.split("@")[0] in taken else []
    )
    return httpx.Response(200, json={"items": items}, headers={"date": "Tue, 10 Mar 2026 14:00:00 GMT"})


WORLDS["mailgun"] = World(
    {"api_key": "key-of-tests", "domain": "mail.example.com", "signing_key": "signing-of-tests"},
    _mailgun,
    id_of=lambda message_id: f"{message_id}@mail.example.com",
    signs=lambda _body, _now: {},
    seals=_with_signature,
    finds=_mailgun_finds,
    is_one_by_one=True,
    unknown=b'{"event-data": {"event": "moon_rose"}}',
)


# Amazon SES


def _ses(request: httpx.Request) -> httpx.Response:
    tags = {tag["Name"]: tag["Value"] for tag in orjson.loads(request.content)["EmailTags"]}
    return httpx.Response(200, json={"MessageId": f"id-of-{tags['message_id']}"})


def _knows_certificate(there: Any) -> None:
    client = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200, content=sns_certificate())))
    there.topic = Topic(TOPIC_ARN, client)


WORLDS["ses"] = World(
    {
        "region": "eu-west-1",
        "access_key_id": "AKIAOFTHETESTS00",
        "secret_access_key": "secret-of-tests",
        "configuration_set": "set-of-tests",
        "topic_arn": TOPIC_ARN,
    },
    _ses,
    signs=lambda _body, _now: {},
    seals=lambda body, now: sns_signed(sns_envelope(body, now)),
    prepares=_knows_certificate,
    is_one_by_one=True,
    unknown=b'{"eventType": "Moon Rose"}',
)


# Brevo


def _brevo(request: httpx.Request) -> httpx.Response:
    versions = orjson.loads(request.content)["messageVersions"]
    ours = [orjson.loads(v["headers"]["X-Mailin-custom"])["message_id"] for v in versions]
    return httpx.Response(201, json={"messageIds": [f"<id-of-{message_id}>" for message_id in ours]})


WORLDS["brevo"] = World(
    {"api_key": "xkeysib-tests", "webhook_password": "password-of-tests"},
    _brevo,
    signs=_basic,
    key_of=lambda request: str(orjson.loads(request.content)["headers"]["idempotencyKey"]),
    repeated=httpx.Response(400, json={"code": "duplicate_parameter", "message": "idempotencyKey was used"}),
    unknown=b'{"event": "moon_rose"}',
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
