"""Puts an answer together: the campaign, the customer, the rules of entering, each occasion, each way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from automation import versions
from automation.app import App
from automation.arbiter import CAPPED
from automation.dice import draw
from automation.explaining.answer import Check, Occasion, Way, Why
from automation.explaining.occasions import Looker
from automation.explaining.ways import ways
from automation.holdouts import lots
from automation.models import AuditEntry, Campaign, CampaignVersion, ConsentState, Customer, Enrolment, Suppression
from automation.reasons import SUPPRESSIONS, day_and_time
from automation.versions import Version

_STATES = {
    "draft": "the campaign is a draft: nobody enters",
    "live": "the campaign is live",
    "paused": "the campaign is paused: nobody enters, nobody moves",
    "stopping": "the campaign lets nobody enter any more; who is inside finishes",
    "finished": "the campaign has finished: nobody enters any more",
    "archived": "the campaign was put away",
}
_BECAME = {"campaign.published": "live", **{f"campaign.{state}": state for state in _STATES}}


_OUT = "It has gone out"


def why(app: App, session: Session, campaign: Campaign, customer: Customer, at: datetime) -> Why:
    """Why a customer did, or did not, get a campaign's mails, as of `at`. Reads only.

    Raises CampaignBroken for a draft that cannot be read, ValueError for a customer of another store.
    """
    if customer.store_id != campaign.store_id:
        raise ValueError("The campaign and the customer belong to different stores.")
    version = _version(app, session, campaign, at)
    timezone = customer.timezone or version.timezone
    enrolments = session.scalars(
        select(Enrolment)
        .where(
            Enrolment.campaign_id == campaign.id,
            Enrolment.customer_id == customer.id,
            Enrolment.entered_at <= at,
        )
        .order_by(Enrolment.entered_at.desc(), Enrolment.id.desc())
    ).all()
    scope = versions.segments_of(session, version.store_id)
    looker = Looker(session, version, customer, scope, at, enrolments, timezone)
    campaign_checks = tuple(_campaign(session, campaign, version, at, timezone))
    customer_checks = tuple(_customer(session, version, customer, at))
    entry_checks = tuple(_entry(version, enrolments, at, timezone))
    due = _one_of(version, looker.due())
    past = looker.past(due)
    is_let_in = all(check.holds for check in (*campaign_checks, *entry_checks)) and _is_asked(version, customer_checks)
    due = due if is_let_in else [replace(occasion, may_enter=False) for occasion in due]
    told = ways(app, session, enrolments, at, timezone)
    would_enter = any(occasion.may_enter for occasion in due)
    return Why(
        campaign=campaign.name,
        customer=customer.public_id,
        at=at,
        timezone=timezone,
        verdict=_verdict(
            told, would_enter, (*campaign_checks, *customer_checks, *entry_checks), [*due, *past], timezone
        ),
        would_enter=would_enter,
        campaign_checks=campaign_checks,
        customer_checks=customer_checks,
        entry_checks=entry_checks,
        nothing=looker.nothing(due, past),
        occasions=(*due, *past),
        ways=told,
    )


def _version(app: App, session: Session, campaign: Campaign, at: datetime) -> Version:
    """The version that was live at a moment: the newest published by then; a campaign never published has its draft."""
    published = session.scalars(
        select(CampaignVersion.id)
        .where(CampaignVersion.campaign_id == campaign.id, CampaignVersion.created_at <= at)
        .order_by(CampaignVersion.number.desc())
        .limit(1)
    ).first()
    if campaign.live_version_id is None:
        return versions.of_draft(app, session, campaign, at - timedelta(days=3650))
    version = versions.of_ids(app, session, [published or campaign.live_version_id])
    return versions.with_zones(session, next(iter(version.values())))


def _campaign(session: Session, campaign: Campaign, version: Version, at: datetime, timezone: str) -> Iterator[Check]:
    then = _state_at(session, campaign, at)
    yield Check(then == "live", _sentence(_STATES.get(then, then)))
    since = version.live_since
    if campaign.live_version_id is not None and since is not None:
        words = f"it went live {day_and_time(since, timezone)}; nothing that fell due before counts"
        yield Check(since <= at, _sentence(words))
    if campaign.enrolled_at is not None:
        words = f"{_OUT}: its last hour was swept {day_and_time(campaign.enrolled_at, timezone)}"
        yield Check(at < campaign.enrolled_at, f"{words}.")


def _state_at(session: Session, campaign: Campaign, at: datetime) -> str:
    """Its state at a moment, by the audit log; what it is now, where nothing has been noted since."""
    noted = session.execute(
        select(AuditEntry.action, AuditEntry.at)
        .where(AuditEntry.object_id == campaign.public_id, AuditEntry.action.in_(_BECAME))
        .order_by(AuditEntry.id)
    ).all()
    if not any(row.at > at for row in noted):
        return campaign.state
    before = [row.action for row in noted if row.at <= at]
    return _BECAME[before[-1]] if before else "draft"


def _customer(session: Session, version: Version, customer: Customer, at: datetime) -> Iterator[Check]:
    yield Check(customer.erased_at is None, "The customer was not erased.")
    yield Check(customer.email_key is not None, "The customer has a mail address.")
    blocked = session.scalars(
        select(Suppression).where(
            Suppression.store_id == customer.store_id, Suppression.email_key == (customer.email_key or "")
        )
    ).first()
    words = "The address may be mailed."
    if blocked is not None:
        words = f"The address must not be mailed: {SUPPRESSIONS.get(blocked.reason, blocked.reason)}."
    yield Check(blocked is None or blocked.at > at, words)
    definition = version.definition
    zone = customer.timezone or version.timezone
    for lot, percent, words in lots(version):
        if draw(lot, customer.id) < percent / 100:
            yield Check(False, f"The customer is {words}: they enter, and are not mailed.")
    if definition.mail_class in CAPPED and customer.paused_until is not None:
        words = f"The customer wants no such mail before {day_and_time(customer.paused_until, zone)}."
        yield Check(customer.paused_until <= at, words)
    if definition.mail_class == "transactional":
        return
    consent = session.get(ConsentState, (customer.id, definition.topic))
    status = consent.status if consent is not None else "never asked"
    said = f"Consent to {definition.topic}: {status}"
    if consent is not None:
        said += f" since {day_and_time(consent.at, zone)}"
    yield Check(status == "granted", f"{said}.")


def _is_asked(version: Version, checks: Sequence[Check]) -> bool:
    """What keeps somebody from entering; all else keeps mails from going."""
    if not checks[0].holds:
        return False
    needs_consent = version.trigger.mailable_only and version.definition.mail_class != "transactional"
    return checks[-1].holds if needs_consent else True


def _entry(version: Version, enrolments: Sequence[Enrolment], at: datetime, timezone: str) -> Iterator[Check]:
    cooldown = version.definition.cooldown_days
    if version.definition.entry == "once":
        said = "nobody enters twice"
        if enrolments:
            said += f"; they entered {day_and_time(enrolments[-1].entered_at, timezone)} for “{enrolments[-1].key}”"
        yield Check(not enrolments, _sentence(said))
        return
    if not cooldown:
        yield Check(True, "Each occasion counts, once.")
        return
    said = f"nobody enters again within {cooldown:g} days"
    last = enrolments[0] if enrolments else None
    free_at = last.entered_at + timedelta(days=cooldown) if last is not None else None
    if last is None or free_at is None:
        yield Check(True, _sentence(f"{said}; they never entered before"))
        return
    said += f"; they entered {day_and_time(last.entered_at, timezone)} for “{last.key}”"
    if free_at > at:
        said += f" and may again from {day_and_time(free_at, timezone)}"
    yield Check(free_at <= at, _sentence(said))


def _one_of(version: Version, due: list[Occasion]) -> list[Occasion]:
    """Where entries are spaced only the newest of several that are due starts."""
    if not version.definition.cooldown_days and version.definition.entry != "once":
        return due
    found, is_taken = [], False
    for occasion in due:
        if occasion.may_enter and is_taken:
            check = Check(False, "nothing newer of theirs is due at the same time")
            occasion = replace(occasion, may_enter=False, checks=(*occasion.checks, check))  # noqa: PLW2901  one more check
        is_taken |= occasion.may_enter
        found.append(occasion)
    return found


def _verdict(
    told: Sequence[Way], would_enter: bool, checks: Sequence[Check], occasions: Sequence[Occasion], timezone: str
) -> str:
    if would_enter:
        return "They enter at the next sweep."
    if told:
        way = told[0]
        gone = [mail for mail in way.mails if mail.fate]
        said = f"They entered {day_and_time(way.entered_at, timezone)}; "
        said += f"{len(gone)} of {len(way.mails)} mails left" if way.mails else "no mail was drafted yet"
        if way.state == "active" and way.due_at is not None:
            return f"{said}; next: {way.step}, {day_and_time(way.due_at, timezone)}."
        return f"{said}; {way.exit_reason or 'the way is over'}."
    # That it has gone out explains nothing of those whom it was never for.
    failing = sorted((check for check in checks if not check.holds), key=_has_gone_out)
    amiss = _amiss(occasions)
    if failing and not (amiss and _has_gone_out(failing[0])):
        return f"They did not enter. {failing[0].sentence}"
    return f"They did not enter. {amiss or 'Nothing of theirs is due.'}"


def _has_gone_out(check: Check) -> bool:
    return check.sentence.startswith(_OUT)


def _amiss(occasions: Sequence[Occasion]) -> str:
    """What kept the newest occasion from counting; "" for none."""
    for occasion in occasions[:1]:
        failing = next((check.sentence for check in occasion.checks if not check.holds), None)
        if failing is not None:
            return f"What does not hold: {failing}."
        if occasion.audience is not None and not occasion.audience.holds:
            return "They are not in the audience."
    return ""


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}."
