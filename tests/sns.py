"""Amazon SNS as the tests play it: a topic, a certificate, and deliveries signed as its documentation says."""

from __future__ import annotations

import base64
import hashlib
import uuid
from datetime import UTC, datetime
from functools import cache
from typing import Any

import orjson
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

TOPIC_ARN = "arn:aws:sns:eu-west-1:123456789012:mails"
CERTIFICATE_URL = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0a1b2c.pem"


@cache
def sns_key() -> rsa.RSAPrivateKey:
    """The key that the tests sign SNS's deliveries with."""
    return rsa.generate_private_key(65537, 2048)


@cache
def sns_certificate() -> bytes:
    """Its certificate, as it lies at SNS."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(sns_key().public_key())
    made = made.serial_number(1).not_valid_before(datetime(2016, 1, 1, tzinfo=UTC))
    made = made.not_valid_after(datetime(2030, 1, 1, tzinfo=UTC))
    return made.sign(sns_key(), hashes.SHA256()).public_bytes(Encoding.PEM)


def sns_signed(said: dict[str, Any], version: str = "1") -> bytes:
    """A delivery of SNS, signed as its documentation says."""
    said = {**said, "SignatureVersion": version, "SigningCertURL": CERTIFICATE_URL}
    unsigned = {"Signature", "SignatureVersion", "SigningCertURL", "UnsubscribeURL"}
    lines = "".join(f"{name}\n{said[name]}\n" for name in sorted(said) if name not in unsigned)
    digest = hashes.SHA1() if version == "1" else hashes.SHA256()  # noqa: S303  SNS's first version
    signature = sns_key().sign(lines.encode(), padding.PKCS1v15(), digest)
    return orjson.dumps({**said, "Signature": base64.b64encode(signature).decode()})


def sns_envelope(body: bytes, now: datetime, **given: str) -> dict[str, Any]:
    """What SNS wraps around a message of SES."""
    return {
        "Type": "Notification",
        "MessageId": str(uuid.UUID(bytes=hashlib.md5(body).digest())),  # noqa: S324  just an id
        "TopicArn": TOPIC_ARN,
        "Message": body.decode("latin-1"),
        "Timestamp": now.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        **given,
    }
