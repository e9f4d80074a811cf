"""Adds a replay up."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from automation import reasons
from automation.arbiter import CAPPED
from automation.backtest.candidates import Candidate
from automation.backtest.history import History
from automation.backtest.report import Day, Entrant, Sent, StepFigures
from automation.backtest.travelling import Journey, Mail
from automation.times import DAY, local_date, zone
from automation.versions import Version

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Sums:
    """Reads the journeys of a replay of one version."""

    version: Version
    history: History
    journeys: Sequence[Journey]
    words: dict[str, str]
    """Each step in a few words."""

    def days(self, since: datetime, until: datetime) -> tuple[Day, ...]:
        """Every local date of the store in (since, until], also those on which nothing would have happened."""
        where = zone(self.version.timezone)
        entered = Counter(local_date(j.entry.at, where) for j in self.journeys)
        by_step: dict[date, Counter[str]] = defaultdict(Counter)
        for _, mail in self._gone():
            assert mail.decided_at is not None
            by_step[local_date(mail.decided_at, where)][mail.step_id] += 1
        on, last = local_date(since, where), local_date(until, where)
        found = []
        while on <= last:
            found.append(Day(on, entered[on], by_step[on].total(), dict(sorted(by_step[on].items()))))
            on += DAY
        return tuple(found)

    def steps(self) -> tuple[StepFigures, ...]:
        """Each mail step of the flow, in its order."""
        return tuple(self._step(node.id) for node in self.version.nodes.values() if node.kind == "mail")

    def _step(self, step_id: str) -> StepFigures:
        sent = put_off = ordered = undecided = 0
        not_sent: Counter[str] = Counter()
        for journey in self.journeys:
            mails = [mail for mail in journey.mails if mail.step_id == step_id]
            sent += sum(mail.outcome == "go" for mail in mails)
            put_off += sum(mail.outcome == "go" and bool(mail.waited_for) for mail in mails)
            undecided += sum(mail.outcome == "open" for mail in mails)
            missed = [(m.decided_at, reasons.kind_of_reason(m.reason, m.facts)) for m in mails if m.outcome == "drop"]
            if journey.missed_step == step_id:
                missed.append((journey.ended_at, journey.exit_reason))
            for at, why in missed:
                not_sent[why] += 1
                ordered += at is not None and self._ordered(journey, at)
        return StepFigures(
            step_id, self.words[step_id], sent, dict(not_sent.most_common()), ordered, put_off, undecided
        )

    def _ordered(self, journey: Journey, at: datetime) -> bool:
        return self.history.has_ordered(journey.place.customer_id, journey.place.anchor_at, at)

    def _gone(self) -> Iterator[tuple[Journey, Mail]]:
        return ((j, m) for j in self.journeys for m in j.mails if m.outcome == "go")

    def mails(self) -> int:
        """How many would have gone."""
        return sum(1 for _ in self._gone())

    def collisions(self) -> int:
        """How many were put off, or kept back for good, by a mail of another campaign."""
        return sum(mail.is_held_by_other for j in self.journeys for mail in j.mails)

    def would_hold_back(self) -> int:
        """Mails of other campaigns within the gap after one of these."""
        if self.version.definition.mail_class not in CAPPED:
            return 0
        gap, found = self.version.policy.gap, set()
        for journey, mail in self._gone():
            assert mail.decided_at is not None
            others = self.history.other_mails(journey.place.customer_id, mail.decided_at, mail.decided_at + gap)
            found |= {o.message_id for o in others if o.mail_class in CAPPED and o.at > mail.decided_at}
        return len(found)

    def offers(self) -> int:
        """How often a step that gives an offer was taken."""
        kinds = {step_id: node.kind for step_id, node in self.version.nodes.items()}
        return sum(n for j in self.journeys for step_id, n in j.taken.items() if kinds[step_id] == "offer")

    def ordered_within_hour(self, candidates: Sequence[Candidate]) -> int:
        """Occurrences after which their customer ordered within an hour."""
        return sum(self.history.has_ordered(c.customer_id, c.at, c.at + HOUR) for c in candidates)

    def entrants(self) -> tuple[Entrant, ...]:
        """Everybody who entered, the first first."""
        found = sorted(self.journeys, key=lambda j: (j.entry.at, j.place.customer_id))
        return tuple(self._entrant(journey) for journey in found)

    def _entrant(self, journey: Journey) -> Entrant:
        person = self.history.people[journey.place.customer_id]
        mails = tuple(
            Sent(m.step_id, m.decided_at, m.outcome == "go", reasons.reason(m.reason, m.facts, person.timezone))
            for m in journey.mails
            if m.decided_at is not None
        )
        return Entrant(
            customer=person.public_id,
            name=person.name,
            key=journey.entry.key,
            happened_at=journey.entry.candidate.at,
            entered_at=journey.entry.at,
            state=journey.state,
            exit_reason=journey.exit_reason,
            mails=mails,
        )
