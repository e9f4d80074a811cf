"""SMTP: any mail server that takes mails by submission, a relay of one's own or a provider's.

The standard library speaks the protocol; `letter` writes the mail, `talk` keeps the connection, `reports` reads what
comes back. SMTP knows neither an idempotency key nor a look-up: a mail whose last answer did not come stays unknown
unless a report tells of it. Batches are small because of that: they are what a crash leaves unknown.

Bounces come as mails. Whoever receives them for the bounce address posts them here as they are, with user and
password, e.g. by an alias that pipes into curl; delivery reports and complaints become events, other mails are
counted and left alone. Opens, clicks and unsubscriptions are seen at our own doors.
"""

from __future__ import annotations

import hashlib
import re
import ssl
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, StringConstraints, field_validator, model_validator

from automation import hook_password
from automation.changes import Change
from automation.errors import SendError, Unsure
from automation.hook_password import HookPassword, HookUser
from automation.mail_flaws import send_sound
from automation.provider import Envelope, Mail, Outcome, Provider, ProviderSettings, Request
from automation.providers.smtp import reports, talk
from automation.providers.smtp.letter import Letter, letter
from automation.security import random_id

LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
_ADDRESS = re.compile(r"|[^\s,;:<>()\[\]\"\\@]+@[^\s,;:<>()\[\]\"\\@]+")


def _printable(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if not text.isascii() or not (text.isprintable() or not text):
        raise ValueError("this holds a letter beyond ASCII or a control character")
    return value


class Smtp(Provider):
    """Sends through a mail server by SMTP. It needs the server's name and, mostly, user and password.

    Port 587 with STARTTLS is usual, 465 with TLS from the start works as well. SMTP itself says nothing of bounces:
    they come as mails to the bounce address. To have them counted, let that mailbox post each mail to the address
    shown here, for example by an alias: |curl --data-binary @- ADDRESS. Without that, an address that bounces is
    noticed only if the server refuses it at once.
    """

    label = "SMTP"
    guarantee: ClassVar[Literal["A", "B", "C"]] = "C"
    batch_size = 20
    topics = frozenset({reports.DELIVERY, reports.FEEDBACK})

    class Settings(ProviderSettings):
        """One mail server, and what posted bounces must bring along."""

        host: Annotated[
            str, StringConstraints(strip_whitespace=True, pattern=r"^[A-Za-z0-9]([A-Za-z0-9.:-]{0,252})$|^::1$")
        ] = Field(description="Name of the mail server.")
        port: int = Field(587, ge=1, le=65535, description="587 for STARTTLS, 465 for TLS from the start.")
        security: Literal["starttls", "tls", "none"] = Field(
            "starttls", description="How the connection is encrypted; none is for this machine or a network of trust."
        )
        user: str = Field("", max_length=320, pattern=r"^[!-~]*$", description="User name, if the server asks for one.")
        password: Annotated[SecretStr, AfterValidator(_printable)] = Field(
            SecretStr(""), description="Password of that user."
        )
        bounce_address: str = Field(
            "", max_length=320, description="Where bounces go (MAIL FROM); the sender's address if empty."
        )
        webhook_user: HookUser = Field("cartwheel", description="User name in the address for posted bounces.")
        webhook_password: HookPassword = Field(
            default_factory=lambda: SecretStr(random_id()),
            description="Password in the address for posted bounces; made up if you leave it out.",
        )
        authority: str = Field(
            "",
            max_length=20_000,
            description="PEM certificate of your own authority, if the server's is not publicly known.",
            json_schema_extra={"advanced": True},
        )
        hello_name: str = Field(
            "",
            max_length=253,
            pattern=r"^[A-Za-z0-9.-]*$",
            description="How this machine introduces itself; its address if empty.",
            json_schema_extra={"advanced": True},
        )
        timeout: float = Field(
            30, gt=0, le=60, description="Seconds to wait for an answer.", json_schema_extra={"advanced": True}
        )

        @field_validator("bounce_address")
        @classmethod
        def _is_address(cls, value: str) -> str:
            if not _ADDRESS.fullmatch(value):
                raise ValueError("one plain address, or nothing")
            return value

        @field_validator("authority")
        @classmethod
        def _is_certificate(cls, value: str) -> str:
            if value:
                try:
                    ssl.create_default_context(cadata=value)
                except (ssl.SSLError, ValueError) as error:
                    raise ValueError("a certificate begins with -----BEGIN CERTIFICATE-----; is it whole?") from error
            return value

        @model_validator(mode="after")
        def _keeps_the_password(self) -> Self:
            if self.user and self.security == "none" and self.host not in LOCAL:
                raise ValueError("a password does not travel unencrypted; choose STARTTLS or TLS")
            return self

    def send(self, mails: Sequence[Mail], key: str) -> list[Outcome]:  # noqa: ARG002  SMTP knows no key
        return send_sound(mails, self._submit)

    def _submit(self, mails: Sequence[Mail]) -> list[Outcome]:
        letters = [self._letter(mail) for mail in mails]
        sound = [one for one in letters if isinstance(one, Letter)]
        outcomes = talk.line(self._server()).hand_over(sound) if sound else []
        if len(outcomes) == 1 and isinstance(outcomes[0], Unsure):
            raise outcomes[0]  # a server that broke off is left alone for a while
        sent = iter(outcomes)
        return [next(sent) if isinstance(one, Letter) else one for one in letters]

    def _letter(self, mail: Mail) -> Letter | SendError:
        try:
            return letter(mail, self.settings.bounce_address)
        except SendError as error:
            return error

    def _server(self) -> talk.Server:
        settings: Any = self.settings
        return talk.Server(
            host=settings.host,
            port=settings.port,
            security=settings.security,
            user=settings.user,
            password=settings.password.get_secret_value(),
            authority=settings.authority,
            hello=settings.hello_name,
            timeout=settings.timeout,
        )

    def check(self) -> str:
        line = talk.Line(self._server())
        try:
            how = line.tls or "no encryption"
            who = f"knows the user {self.settings.user}" if self.settings.user else "asks for no user"
            extras = [name.upper() for name in ("pipelining", "8bitmime", "smtputf8", "dsn") if name in line.offers]
        finally:
            line.close()
        return f"The server answers with {how} and {who}. It offers {', '.join(extras) or 'no extension'}."

    def hook_url(self, url: str) -> str:
        return hook_password.address(url, self.settings.webhook_user, self.settings.webhook_password)

    def open(self, request: Request, now: datetime) -> Envelope:
        settings = self.settings
        hook_password.verify(request, settings.webhook_user, settings.webhook_password, self.label)
        mail = reports.parsed(request.body)
        at = min(reports.dated(mail.get("date")) or now, now)
        return Envelope(hashlib.sha256(request.body).hexdigest(), reports.topic(mail), request.body, at)

    def translate(self, envelope: Envelope) -> list[Change]:
        mail = reports.parsed(envelope.body)
        at = envelope.triggered_at or reports.dated(mail.get("date")) or reports.LONG_AGO
        if envelope.topic == reports.DELIVERY:
            return list(reports.deliveries(mail, at))
        if envelope.topic == reports.FEEDBACK:
            return list(reports.complaints(mail, at))
        return []
