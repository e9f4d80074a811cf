"""Keys, signatures, encryption at rest and passwords.

One secret key per installation; every purpose derives its own from it, so that a signature for one purpose is
worth nothing for another. Connection settings are sealed with AES-256-GCM, bound to their row.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from functools import cache
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from automation.errors import SetupError

_HASHER = PasswordHasher()


@cache
def _nobodys() -> str:
    """Checked when there is no such admin, so that both answers take the same time."""
    return _HASHER.hash("nobody has this password")


_LETTERS = bytes(b"abcdefghijklmnopqrstuvwxyz234567"[n & 31] for n in range(256))
"""For each byte one of 32 letters, each as often as the others."""


def random_id() -> str:
    """130 random bits in 26 letters and digits: an id that can stand in a URL and cannot be guessed."""
    return os.urandom(26).translate(_LETTERS).decode()


def random_token() -> str:
    """256 random bits for a cookie, a link or a key."""
    return secrets.token_urlsafe(32)


def token_hash(token: str) -> str:
    """What is stored of a token: random tokens need no salt."""
    return hashlib.sha256(token.encode()).hexdigest()


def same(a: str | bytes, b: str | bytes) -> bool:
    """Compare in constant time."""
    a = a.encode() if isinstance(a, str) else a
    b = b.encode() if isinstance(b, str) else b
    return hmac.compare_digest(a, b)


def hash_password(password: str) -> str:
    """argon2id with the library's current profile."""
    return _HASHER.hash(password)


def is_password(password: str, stored: str) -> bool:
    """Whether it is the password; takes as long when nothing is stored."""
    try:
        return _HASHER.verify(stored or _nobodys(), password) and bool(stored)
    except (VerificationError, InvalidHashError):
        return False


def needs_rehash(stored: str) -> bool:
    """Whether a stored hash is weaker than today's profile."""
    return _HASHER.check_needs_rehash(stored)


class Keyring:
    """All keys of an installation, derived from its secret."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) < 16:
            raise SetupError("CARTWHEEL_SECRET_KEY needs at least 16 characters.")
        self._secret = secret
        self._aead = AESGCM(self.derive("connections"))

    def derive(self, purpose: str) -> bytes:
        """32 bytes for one purpose."""
        return hmac.digest(self._secret, b"cartwheel:" + purpose.encode(), "sha256")

    def seal(self, data: bytes, bound_to: str) -> bytes:
        """Encrypt; only `unseal` with the same `bound_to` opens it."""
        nonce = os.urandom(12)
        return b"\x01" + nonce + self._aead.encrypt(nonce, data, bound_to.encode())

    def unseal(self, sealed: bytes, bound_to: str) -> bytes:
        """Decrypt. Raises SetupError when the key is another one or the row was tampered with."""
        try:
            return self._aead.decrypt(sealed[1:13], sealed[13:], bound_to.encode())
        except InvalidTag as error:
            raise SetupError(
                "A connection's settings cannot be decrypted: CARTWHEEL_SECRET_KEY (or the file secret.key in the "
                "data folder) is not the one they were stored with."
            ) from error


def load_keyring(given: str | None, folder: Path) -> Keyring:
    """The keyring of `given`, or of the key file in `folder`, which is made on first use and readable by us alone."""
    if given:
        return Keyring(given.encode())
    path = folder / "secret.key"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(48))
    except FileExistsError:
        pass
    return Keyring(path.read_text().strip().encode())
