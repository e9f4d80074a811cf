"""What a campaign would have done: replays its trigger, audience, entry rules and flow over the store's own history.

It reads only. Everything that ever fell due in the span is asked about as of its own moment, by the very conditions
that a live sweep would have asked; who entered for what before, and what mails went before, is played through in
Python, customer by customer and in order. Steps and arbiter are the real ones.

The campaign is taken as if its draft had gone live at the beginning of the span, with nobody in it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Subquery
from sqlalchemy.orm import Session
from sqlalchemy.types import TypeEngine

from automation import versions
from automation.app import App
from automation.backtest.asking import Asker, Question
from automation.backtest.candidates import Candidate, find, windows_of
from automation.backtest.caveats import caveats
from automation.backtest.entering import Entry, EntryRules, enter, play
from automation.backtest.history import History
from automation.backtest.report import Backtest, Day, Entrant, Sent, StepFigures
from automation.backtest.summing import Sums
from automation.backtest.ticks import TICK, Ticks
from automation.backtest.travelling import Road, travel
from automation.models import Campaign
from automation.timetable import ID, INSTANT, TEXT, timetable
from automation.trigger import Window
from automation.versions import Version

__all__ = ["MOST_DAYS", "Backtest", "Day", "Entrant", "Sent", "StepFigures", "backtest"]

MOST_DAYS = 365
FOR_GOOD = timedelta(days=36_500)


def backtest(
    app: App,
    session: Session,
    campaign: Campaign,
    since: datetime,
    until: datetime,
    every: timedelta = timedelta(),
) -> Backtest:
    """What the campaign's draft would have done from `since` to `until`, both included.

    `every` is how often the worker would have looked, counted from `since`; at once, if it is nothing. Reads only.
    Raises CampaignBroken for a draft that cannot be read, RuleBroken for its audience, ValueError for a span that is
    empty or longer than a year.
    """
    if not since < until <= since + timedelta(days=MOST_DAYS):
        raise ValueError(f"A backtest looks at a span of up to {MOST_DAYS} days.")
    version = versions.of_draft(app, session, campaign, since)
    return _Replay(app, session, version, since, until, Ticks(since, every)).run()


class _Replay:
    def __init__(
        self, app: App, session: Session, version: Version, since: datetime, until: datetime, ticks: Ticks
    ) -> None:
        self._app, self._session, self._version = app, session, version
        self._since, self._until, self._ticks = since, until, ticks
        self._scope = versions.segments_of(session, version.store_id)
        self._ask = Asker(session, version, self._scope)
        self._history = History(
            session, version.store_id, version.campaign_id, version.definition.topic, version.timezone
        )
        self._loaded: set[int] = set()
        self._kept_out: Counter[str] = Counter()

    def run(self) -> Backtest:
        version = self._version
        candidates, entries = self._enter()
        road = Road(self._app, self._session, version, self._history, self._scope, self._ticks, self._until)
        journeys = [
            journey
            for found in play([travel(road, mine) for mine in entries.values() if mine], self._ask)
            for journey in found
        ]
        words = {i: self._app.steps[n.kind].sentence(version.steps[i]) for i, n in version.nodes.items()}
        sums = Sums(version, self._history, journeys, words)
        return Backtest(
            campaign=version.campaign_name,
            since=self._since,
            until=self._until,
            timezone=version.timezone,
            occurrences=len(candidates),
            entered=len(journeys),
            customers=len({j.place.customer_id for j in journeys}),
            kept_out=dict((+self._kept_out).most_common()),
            ordered_within_hour=sums.ordered_within_hour(candidates),
            mails=sums.mails(),
            days=sums.days(self._since, self._until),
            steps=sums.steps(),
            collisions=sums.collisions(),
            would_hold_back=sums.would_hold_back(),
            offers=sums.offers(),
            under_way=sum(j.state == "active" for j in journeys),
            caveats=caveats(self._session, version, self._scope),
            entrants=sums.entrants(),
        )

    def _enter(self) -> tuple[list[Candidate], dict[int, list[Entry]]]:
        """All occurrences, and by customer the entries for them."""
        candidates: list[Candidate] = []
        entries: dict[int, list[Entry]] = {}
        version = self._version
        for window in windows_of(version, self._window()):
            asked = replace(window, enrolled=_enrolled(entries)) if version.trigger.remembers else window
            found = find(self._session, version, asked)
            candidates += found
            if version.trigger.remembers:
                self._play(found, entries)
        if not version.trigger.remembers:
            self._play(candidates, entries)
        return candidates, entries

    def _play(self, candidates: Sequence[Candidate], entries: dict[int, list[Entry]]) -> None:
        rules = self._rules()
        by_customer: dict[int, list[Candidate]] = defaultdict(list)
        for candidate in candidates:
            by_customer[candidate.customer_id].append(candidate)
        fresh = by_customer.keys() - self._loaded
        self._history.load(fresh, self._since, self._until)
        self._loaded |= fresh
        # What is sure to be asked is asked at once: most customers are done after it.
        firsts = ((c, self._ticks.at_or_after(c.due_at)) for c in candidates)
        self._ask(Question(c, at) for c, at in firsts if at <= self._until)
        turns = [enter(mine, rules, entries.get(who, ())) for who, mine in by_customer.items()]
        for who, (came, kept_out) in zip(by_customer, play(turns, self._ask), strict=True):
            entries.setdefault(who, []).extend(came)
            self._kept_out += kept_out

    def _rules(self) -> EntryRules:
        version = self._version
        definition = version.definition
        is_asked = version.trigger.mailable_only and definition.mail_class != "transactional"
        return EntryRules(
            ticks=self._ticks,
            until=self._until,
            catch_up=min(
                version.policy.catch_up, version.trigger.catch_up(version.settings) or version.policy.catch_up
            ),
            cooldown=FOR_GOOD if definition.entry == "once" else timedelta(days=definition.cooldown_days),
            has_agreed=self._history.has_agreed if is_asked else lambda _who, _at: True,
        )

    def _window(self) -> Window:
        version = self._version
        return Window(
            since=self._since - TICK,
            until=self._until,
            store_id=version.store_id,
            timezone=version.timezone,
            zones=version.zones,
            is_replay=True,
        )


def _enrolled(entries: dict[int, list[Entry]]) -> Subquery:
    """What the replay let in so far, as a trigger reads it."""
    columns: dict[str, TypeEngine[Any]] = {"customer_id": ID, "key": TEXT, "anchor_at": INSTANT, "entered_at": INSTANT}
    rows = [(who, e.key, e.candidate.at, e.at) for who, mine in entries.items() for e in mine]
    return timetable("enrolled", columns, rows)
