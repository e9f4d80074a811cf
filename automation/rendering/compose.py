"""From messages and their variables to finished mails."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

import orjson

from automation.app import App
from automation.errors import TemplateBroken
from automation.models import Message
from automation.provider import Mail
from automation.rendering.context import Variables
from automation.rendering.links import Addresses, addresses, key_of, token
from automation.rendering.process import Finished
from automation.rendering.versions import versions

_NO_PIXEL = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"


@dataclass(frozen=True, slots=True)
class Composed:
    """A finished mail and the hash that is stored with it."""

    mail: Mail
    payload_hash: str


def compose(
    app: App,
    messages: Sequence[Message],
    variables: Mapping[int, Variables],
    dates: Mapping[int, datetime] = MappingProxyType({}),
) -> list[Composed | TemplateBroken]:
    """One result per message, in order: the mail, or why it cannot be rendered. Call it outside a transaction.

    `dates`: when each was rendered first, by message id; it becomes the date of the mail. A message without variables
    gets TemplateBroken: it has no recipient.
    """
    key = key_of(app.keyring)
    results: dict[int, Composed | TemplateBroken] = {}
    for (version_id, subject), group in _by_version(messages, variables).items():
        compiled = app.renderer.versions.get(version_id)
        if compiled is None:
            with app.db.read() as session:
                compiled = versions(app, session, [version_id])[version_id]
        links = [_links(variables[m.id]["envelope"], token(key, m.public_id)) for m in group]
        contexts = [context(variables[m.id]["values"], a) for m, a in zip(group, links, strict=True)]
        name = f"version {version_id}"
        if subject:
            compiled, name = replace(compiled, subject=subject), f"{name} as {subject}"
        found = app.renderer.finish(name, compiled, contexts)
        for message, address, mail in zip(group, links, found, strict=True):
            number = message.id
            results[number] = (
                _composed(message.public_id, variables[number]["envelope"], address, mail, dates.get(number))
                if isinstance(mail, Finished)
                else mail
            )
    nobody = TemplateBroken("The customer has no mail address, or the mail's template is gone.")
    return [results.get(m.id, nobody) for m in messages]


def _by_version(
    messages: Sequence[Message], variables: Mapping[int, Variables]
) -> dict[tuple[int, str], list[Message]]:
    """By template version, and the subject that takes the place of its own."""
    groups: dict[tuple[int, str], list[Message]] = defaultdict(list)
    for message in messages:
        if message.id in variables:
            subject = variables[message.id]["envelope"].get("subject", "")
            groups[message.template_version_id, subject].append(message)
    return groups


def _links(envelope: Mapping[str, Any], of: str) -> Addresses:
    found = addresses(envelope["base_url"], of)
    # A picture that stands in the mail itself is asked for nowhere.
    return replace(found, pixel=_NO_PIXEL) if envelope.get("tracking") == "off" else found


def context(values: Mapping[str, Any], links: Addresses) -> dict[str, Any]:
    """What the template sees: its values, and the addresses of one message."""
    return {
        **values,
        "_click": links.click,
        "_pixel": links.pixel,
        "unsubscribe_url": links.unsubscribe,
        "browser_url": links.browser,
        "points_url": links.points,
        "rating_url": links.rating,
        "confirm_url": links.confirm,
        "preferences_url": links.preferences,
    }


def _headers(envelope: Mapping[str, Any], links: Addresses) -> dict[str, str]:
    headers = {"Feedback-ID": envelope["feedback_id"]}
    if envelope["mail_class"] != "transactional":
        headers["List-ID"] = f"<{envelope['list_id']}>"
        headers["List-Unsubscribe"] = f"<{links.unsubscribe}>"
        headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    return headers


def _composed(
    public_id: str, envelope: Mapping[str, Any], links: Addresses, found: Finished, dated_at: datetime | None
) -> Composed:
    mail = Mail(
        message_id=public_id,
        from_email=envelope["from_email"],
        from_name=envelope["from_name"],
        to_email=envelope["to_email"],
        to_name=envelope["to_name"],
        reply_to=envelope["reply_to"],
        subject=found.rendered.subject,
        html=found.rendered.html,
        text=found.rendered.text,
        headers=_headers(envelope, links),
        mail_class=envelope["mail_class"],
        campaign=envelope["campaign"],
        dated_at=dated_at,
    )
    return Composed(mail, _hash(mail, found.html_hash, found.text_hash))


def payload_hash(mail: Mail) -> str:
    """SHA-256 in hex over everything that is sent; equal mails have equal hashes, in every process."""
    return _hash(mail, hashlib.sha256(mail.html.encode()).digest(), hashlib.sha256(mail.text.encode()).digest())


def _hash(mail: Mail, html_hash: bytes, text_hash: bytes) -> str:
    sent = (
        mail.message_id,
        mail.from_email,
        mail.from_name,
        mail.to_email,
        mail.to_name,
        mail.reply_to,
        mail.subject,
        mail.mail_class,
        mail.campaign,
        sorted(mail.headers.items()),
        html_hash.hex(),
        text_hash.hex(),
    )
    return hashlib.sha256(orjson.dumps(sent)).hexdigest()
