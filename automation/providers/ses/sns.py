"""Amazon SNS over HTTPS: whether a delivery is genuine, and the answer to its question whether we want them.

https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html. The signature is RSA over the
fields below; the certificate lies at an address that the delivery itself names. It is fetched only from the SNS of
the region that the configured topic lives in, so that nobody can send us elsewhere.
"""

from __future__ import annotations

import base64
import binascii
import re
import threading
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from automation.errors import BadSignature, Later, Unreadable
from automation.http_answers import ask
from automation.mail_events import instant
from automation.provider import read_json
from automation.security import same

NOTIFICATION, CONFIRMATION = "Notification", "SubscriptionConfirmation"
SIGNED: dict[str, tuple[str, ...]] = {
    NOTIFICATION: ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    CONFIRMATION: ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    "UnsubscribeConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
"""Type of a delivery → the fields that its signature covers; a notification may do without a subject."""
_HASHES: dict[str, hashes.HashAlgorithm] = {"1": hashes.SHA1(), "2": hashes.SHA256()}  # noqa: S303  SNS's default
TOPIC = re.compile(r"arn:(?P<partition>aws(-[a-z]+)*):sns:(?P<region>[a-z0-9-]+):\d{12}:[A-Za-z0-9_-]{1,256}(\.fifo)?")
OLDEST, NEWEST = timedelta(hours=2), timedelta(minutes=5)
"""How far a delivery's time may be behind and ahead of ours: SNS repeats for an hour at most."""
_CERTIFICATE = re.compile(r"/SimpleNotificationService-[A-Za-z0-9]{1,64}\.pem")
_KEPT = 8
"""Certificates; SNS changes its own about once a year."""


class Topic:
    """The topic that deliveries must come from, and the keys that they are signed with."""

    def __init__(self, arn: str, http: httpx.Client) -> None:
        self._arn = arn
        self._http = http
        self._certificates: dict[str, x509.Certificate] = {}
        self._lock = threading.Lock()

    def open(self, body: bytes, now: datetime) -> dict[str, Any]:
        """A delivery, once it is known to be genuine.

        Raises BadSignature when it is not, Unreadable for what is no JSON object, Later when the certificate cannot
        be fetched now.
        """
        said = read_json(body)
        if not isinstance(said, dict):
            raise Unreadable("A delivery of SNS should be an object.")
        if not self._arn:
            raise BadSignature("This connection has no topic yet.")
        signed = _signed(said)
        if not same(said["TopicArn"], self._arn):
            raise BadSignature("This comes from another topic.")
        age = now - _sent_at(said)
        if not -NEWEST <= age <= OLDEST:
            raise BadSignature("This was sent at another time; is this machine's clock right?")
        digest = _HASHES.get(said.get("SignatureVersion", ""))
        if digest is None:
            raise BadSignature
        certificate = self._certificate(said.get("SigningCertURL"), now)
        key = certificate.public_key()
        if not isinstance(key, rsa.RSAPublicKey):
            raise BadSignature
        try:
            signature = base64.b64decode(said.get("Signature", ""), validate=True)
            key.verify(signature, signed, padding.PKCS1v15(), digest)
        except (InvalidSignature, binascii.Error, ValueError, TypeError) as error:
            raise BadSignature from error
        return said

    def confirm(self, said: dict[str, Any]) -> None:
        """Say that we want the topic's deliveries. Raises Later when SNS does not hear it, BadSignature elsewhere."""
        where = urlsplit(said["SubscribeURL"])
        asked = parse_qs(where.query)
        if (where.scheme, where.netloc, where.path) != ("https", self._host(), "/"):
            raise BadSignature("The address for the confirmation is not SNS's.")
        if asked.get("Action") != ["ConfirmSubscription"] or asked.get("TopicArn") != [self._arn]:
            raise BadSignature("The address for the confirmation is about something else.")
        answer = ask(self._http, "GET", said["SubscribeURL"], headers={"Accept": "*/*"})
        if not answer.is_success:
            raise Later(f"SNS answered our confirmation with {answer.status}.")

    def _host(self) -> str:
        found = TOPIC.fullmatch(self._arn)
        if found is None:
            raise BadSignature("The topic of this connection is none.")
        return f"sns.{found['region']}.amazonaws.com" + (".cn" if found["partition"] == "aws-cn" else "")

    def _certificate(self, url: Any, now: datetime) -> x509.Certificate:
        where = urlsplit(url) if isinstance(url, str) else urlsplit("")
        if (where.scheme, where.netloc, where.query) != ("https", self._host(), "") or not _CERTIFICATE.fullmatch(
            where.path
        ):
            raise BadSignature("The certificate's address is not SNS's.")
        with self._lock:
            found = self._certificates.get(where.path)
        if found is None:
            found = self._fetched(f"https://{where.netloc}{where.path}")
            with self._lock:
                if len(self._certificates) >= _KEPT:
                    self._certificates.clear()
                self._certificates[where.path] = found
        if not found.not_valid_before_utc <= now <= found.not_valid_after_utc:
            raise BadSignature("The certificate is not valid today; is this machine's clock right?")
        return found

    def _fetched(self, url: str) -> x509.Certificate:
        answer = ask(self._http, "GET", url, headers={"Accept": "*/*"})
        if not answer.is_success:
            raise Later(f"SNS answered the question for its certificate with {answer.status}.")
        try:
            return x509.load_pem_x509_certificate(answer.body)
        except ValueError as error:
            raise BadSignature("What lies at the certificate's address is none.") from error


def _signed(said: dict[str, Any]) -> bytes:
    """What the signature is over: each field's name and value in lines of their own. Raises BadSignature."""
    fields = SIGNED.get(said["Type"]) if isinstance(said.get("Type"), str) else None
    if fields is None:
        raise BadSignature
    if said.get("Subject") is None:
        fields = tuple(f for f in fields if f != "Subject")
    if not all(isinstance(said.get(f), str) for f in (*fields, "Signature", "SignatureVersion", "SigningCertURL")):
        raise BadSignature
    return "".join(f"{f}\n{said[f]}\n" for f in fields).encode()


def _sent_at(said: dict[str, Any]) -> datetime:
    try:
        return instant(said["Timestamp"], "Timestamp")
    except Unreadable as error:
        raise BadSignature from error
