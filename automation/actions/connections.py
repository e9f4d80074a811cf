"""What a person may do with a connection: make, change, check, pause, prefer, remove."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from automation import audit, connections, errands
from automation.app import App
from automation.errors import NotAllowed, SendError
from automation.models import (
    ApiKey,
    Attempt,
    Connection,
    Errand,
    Identity,
    InboundWebhook,
    Message,
    PrivacyRequest,
    RateState,
    Store,
    TopicCount,
    WarmDay,
)
from automation.pacing import Pacing
from automation.source import SourceSettings
from automation.times import local_date, zone


def find(session: Session, public_id: str) -> Connection:
    """A connection by the id in its addresses. Raises NotAllowed when there is none."""
    row = session.scalars(select(Connection).where(Connection.public_id == public_id)).first()
    if row is None:
        raise NotAllowed("This connection is gone.")
    return row


def add(
    app: App,
    session: Session,
    *,
    store_id: int,
    role: str,
    kind: str,
    name: str,
    settings: SourceSettings,
    now: datetime,
    admin_id: int | None = None,
) -> Connection:
    """Connect a shop or a provider whose settings were read already. Raises NotAllowed for an unknown kind."""
    row = connections.connect(
        app,
        session,
        store_id=store_id,
        role=role,
        kind=kind,
        name=name.strip()[:200] or kind,
        settings={n: getattr(settings, n) for n in type(settings).model_fields},
        now=now,
    )
    errands.begin(app, session, row, now)
    audit.note(session, admin_id, "connection.created", row.public_id, now, kind=kind)
    return row


def change(
    app: App,
    session: Session,
    row: Connection,
    *,
    name: str,
    settings: SourceSettings,
    now: datetime,
    admin_id: int | None = None,
) -> None:
    """Store other settings. A broken connection is given another chance with them."""
    row.secrets = connections.seal(app, row.public_id, settings)
    row.name = name.strip()[:200] or row.name
    if row.state == "broken":
        row.state, row.state_reason, row.not_before, row.down_since = "active", "", None, None
    errands.begin(app, session, row, now)
    audit.note(session, admin_id, "connection.changed", row.public_id, now)


def check(app: App, public_id: str, now: datetime) -> tuple[bool, str]:
    """Try the settings without sending or changing anything: whether they work, and a sentence.

    The other end is asked outside any transaction. Raises NotAllowed for a platform that has no API.
    """
    with app.db.read() as session:
        row = find(session, public_id)
    with app.http() as http:
        adapter = connections.source_of(app, row, http)
        try:
            said = adapter.check()
        except SendError as error:
            return False, str(error)
    if row.state == "broken":
        with app.db.write() as session:
            mended = find(session, public_id)
            mended.state, mended.state_reason, mended.down_since = "active", "", None
            errands.try_again(session, mended.id, now)
            audit.note(session, None, "connection.mended", public_id, now)
    return True, said


def pause(session: Session, row: Connection, now: datetime, admin_id: int | None = None) -> None:
    """Nothing is sent through it, and its webhooks are turned away, until it is resumed."""
    row.state, row.state_reason = "paused", ""
    row.down_since = row.down_since or now
    audit.note(session, admin_id, "connection.paused", row.public_id, now)


def resume(session: Session, row: Connection, now: datetime, admin_id: int | None = None) -> None:
    """Use it again; also one that was broken, when its cause is gone."""
    row.state, row.state_reason, row.not_before, row.down_since = "active", "", None, None
    errands.try_again(session, row.id, now)
    audit.note(session, admin_id, "connection.resumed", row.public_id, now)


def repeat(session: Session, row: Connection, kind: str, now: datetime, admin_id: int | None = None) -> None:
    """Do one of its errands now: go on with what failed, or do once more what was done. Raises NotAllowed for none."""
    errand = next((e for e in errands.errands_of(session, row.id) if e.kind == kind), None)
    if errand is None:
        raise NotAllowed("There is no such thing to do at this shop.")
    errands.retry(errand, now)
    audit.note(session, admin_id, "connection.repeated", row.public_id, now, kind=kind)


def set_pacing(session: Session, row: Connection, given: Pacing, now: datetime, admin_id: int | None = None) -> None:
    """Set a provider's rate, its warm-up, and what it does for other connections.

    A warm-up that is switched on without a first day begins today, in the store's zone. Raises NotAllowed for a
    platform, and for what would let mails be taken by the built-in mailbox, which sends none.
    """
    if row.role != "provider":
        raise NotAllowed("Only mail providers send mails.")
    if row.kind == "mailbox" and given.use != "off":
        raise NotAllowed("The mailbox keeps every mail and sends none: it cannot stand in for a provider.")
    if given.warm_up and given.warm_up_on is None:
        store = session.get_one(Store, row.store_id)
        given = given.model_copy(update={"warm_up_on": local_date(now, zone(store.timezone))})
    row.pacing = given.model_dump(mode="json", exclude_defaults=True)
    audit.note(session, admin_id, "connection.paced", row.public_id, now, **row.pacing)


def prefer(session: Session, row: Connection, now: datetime, admin_id: int | None = None) -> None:
    """Send the store's mails through it from now on. Raises NotAllowed for a platform or one that is not active."""
    if row.role != "provider" or row.state != "active":
        raise NotAllowed("Only an active mail provider can be the one that mails leave through.")
    session.execute(
        update(Connection)
        .where(Connection.store_id == row.store_id, Connection.role == "provider", Connection.id != row.id)
        .values(is_default=False)
    )
    row.is_default = True
    audit.note(session, admin_id, "connection.preferred", row.public_id, now)


def remove(session: Session, row: Connection, now: datetime, admin_id: int | None = None) -> None:
    """Take a connection away, with its secrets.

    Raises NotAllowed for the provider that mails leave through, and for one that history hangs on: that can be
    paused.
    """
    if row.is_default:
        raise NotAllowed("Mails leave through this provider. Choose another one first.")
    used = (
        select(Message.id).where(Message.connection_id == row.id),
        select(Attempt.id).where(Attempt.connection_id == row.id),
        select(InboundWebhook.id).where(InboundWebhook.connection_id == row.id),
        select(Identity.customer_id).where(Identity.connection_id == row.id),
        select(PrivacyRequest.id).where(PrivacyRequest.connection_id == row.id),
    )
    if any(session.execute(query.limit(1)).first() for query in used):
        raise NotAllowed(f"{row.name} has a history that customers and mails refer to. Pause it instead.")
    session.execute(delete(ApiKey).where(ApiKey.connection_id == row.id))
    session.execute(delete(TopicCount).where(TopicCount.connection_id == row.id))
    for model in (Errand, RateState, WarmDay):
        session.execute(delete(model).where(model.connection_id == row.id))
    session.delete(row)
    audit.note(session, admin_id, "connection.removed", row.public_id, now, kind=row.kind)
