"""An answer to "why" as lines for a terminal, with a mark before everything that has to hold."""

from __future__ import annotations

from collections.abc import Iterator

from automation.explaining.answer import Check, Occasion, Way, Why
from automation.reasons import day_and_time
from automation.rules.explain import Reason

PASS, FAIL, NOTE = "✓", "✗", "·"


def lines(answer: Why) -> Iterator[tuple[str, str]]:
    """Each line with its mark: PASS, FAIL, NOTE, or nothing for a heading."""
    zone = answer.timezone
    yield "", f"{answer.campaign} — as of {day_and_time(answer.at, zone)} ({zone})"
    yield "", answer.verdict
    yield from _checks("The campaign", answer.campaign_checks)
    yield from _checks("The customer", answer.customer_checks)
    yield from _checks("Entering", answer.entry_checks)
    if answer.nothing:
        yield "", "What it is about"
        yield FAIL, answer.nothing
    for occasion in answer.occasions:
        yield from _occasion(occasion, zone)
    for way in answer.ways:
        yield from _way(way, zone)


def _checks(heading: str, checks: tuple[Check, ...]) -> Iterator[tuple[str, str]]:
    yield "", heading
    for check in checks:
        yield PASS if check.holds else FAIL, check.sentence


def _occasion(occasion: Occasion, zone: str) -> Iterator[tuple[str, str]]:
    happened, due = day_and_time(occasion.happened_at, zone), day_and_time(occasion.due_at, zone)
    yield "", f"“{occasion.key}”: happened {happened}, due {due}"
    if occasion.entered:
        yield PASS, "It led into the campaign."
    elif not occasion.is_due:
        yield FAIL, f"It is too long ago to count now; this is how it was {day_and_time(occasion.asked_at, zone)}:"
    for check in occasion.checks:
        yield PASS if check.holds else FAIL, f"{check.sentence[0].upper()}{check.sentence[1:]}."
    if occasion.audience is not None:
        yield from _reason(occasion.audience, 0)


def _reason(reason: Reason, depth: int) -> Iterator[tuple[str, str]]:
    seen = ", ".join(f"{key.removesuffix('_at')} {value}" for key, value in reason.as_json()["seen"].items())
    yield (
        PASS if reason.holds else FAIL,
        f"{'  ' * depth}Audience: {reason.sentence}{f' (seen: {seen})' if seen else ''}",
    )
    for part in reason.parts:
        yield from _reason(part, depth + 1)


def _way(way: Way, zone: str) -> Iterator[tuple[str, str]]:
    yield "", f"Entered {day_and_time(way.entered_at, zone)} for “{way.key}”"
    if way.due_at is not None:
        yield NOTE, f"Next: {way.step}, {day_and_time(way.due_at, zone)}."
    else:
        yield NOTE, f"It is over: {way.exit_reason or way.state}."
    for mail in way.mails:
        yield NOTE, f"Mail {mail.step_id}, drafted {day_and_time(mail.drafted_at, zone)}: {mail.sentence}"
        for at, said in (*mail.decisions, *mail.fate):
            yield NOTE, f"  {day_and_time(at, zone)}: {said}"
