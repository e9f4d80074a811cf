"""Signature Version 4, with which every request to Amazon Web Services proves who makes it.

https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlsplit

_ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class Signer:
    """Whose signature it is, and for which service."""

    key_id: str
    secret: str = field(repr=False)
    region: str
    service: str

    def headers(self, method: str, url: str, body: bytes, at: datetime, **given: str) -> dict[str, str]:
        """The headers of a request, signed: those `given` (names with _ for -), its time and Authorization.

        `url` has no query, and a path of unreserved letters. `at` is in UTC; AWS takes it for five minutes.
        """
        where = urlsplit(url)
        stamp = at.strftime("%Y%m%dT%H%M%SZ")
        headers = {name.lower().replace("_", "-"): value for name, value in given.items()} | {"x-amz-date": stamp}
        signed = dict(sorted({**headers, "host": where.netloc}.items()))
        names = ";".join(signed)
        lines = "".join(f"{name}:{' '.join(value.split())}\n" for name, value in signed.items())
        request = "\n".join((method, where.path or "/", "", lines, names, hashlib.sha256(body).hexdigest()))
        scope = f"{stamp[:8]}/{self.region}/{self.service}/aws4_request"
        to_sign = "\n".join((_ALGORITHM, stamp, scope, hashlib.sha256(request.encode()).hexdigest()))
        signature = hmac.digest(self._key(stamp[:8]), to_sign.encode(), "sha256").hex()
        credential = f"Credential={self.key_id}/{scope}, SignedHeaders={names}, Signature={signature}"
        return headers | {"authorization": f"{_ALGORITHM} {credential}"}

    def _key(self, day: str) -> bytes:
        key = f"AWS4{self.secret}".encode()
        for part in (day, self.region, self.service, "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        return key
