"""Who would have entered, and when: one customer's occurrences in the order in which they fell due.

Whether somebody enters depends on what they entered for before, so each customer is played through by itself, and all
of them at once: where a customer's turn needs to know what held at a moment it says so and waits, and the questions of
everybody are asked together.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from automation.backtest.asking import AUDIENCE, Answer, Question
from automation.backtest.candidates import Candidate
from automation.backtest.ticks import TICK, Ticks

R = TypeVar("R")
Turn = Generator[list[Question], Mapping[Question, Answer], R]
Ask = Callable[[Iterable[Question]], Mapping[Question, Answer]]

COOLDOWN = "they had not entered a short while before"
SAME_KEY = "they had not entered for the same before"
RULE_APART = timedelta(hours=2)
"""How long an audience's rule has to hold, in the days after something fell due, to be found to hold."""
CONSENT = "they had agreed to the topic"
NEWEST = "nothing newer of theirs was due at the same time"


@dataclass(frozen=True, slots=True)
class Entry:
    """A customer who entered."""

    candidate: Candidate
    key: str
    at: datetime


@dataclass(frozen=True, slots=True)
class EntryRules:
    """What the campaign says of entering."""

    ticks: Ticks
    until: datetime
    """The end of the replay."""
    catch_up: timedelta
    """How long something stays due."""
    cooldown: timedelta
    has_agreed: Callable[[int, datetime], bool]


def play(turns: Sequence[Turn[R]], ask: Ask) -> list[R]:
    """Play all turns to their ends, with everybody's questions asked together; their results in the same order."""
    results: dict[int, R] = {}
    waiting: list[tuple[int, list[Question]]] = []

    def go(number: int, answers: Mapping[Question, Answer] | None) -> None:
        try:
            asked = next(turns[number]) if answers is None else turns[number].send(answers)
            waiting.append((number, asked))
        except StopIteration as stop:
            results[number] = stop.value

    for number in range(len(turns)):
        go(number, None)
    while waiting:
        round_, waiting = waiting, []
        answers = ask(question for _, asked in round_ for question in asked)
        for number, _ in round_:
            go(number, answers)
    return [results[number] for number in range(len(turns))]


@dataclass(slots=True)
class _Turn:
    """One customer's way through their occurrences."""

    rules: EntryRules
    entries: list[Entry]
    kept_out: Counter[str]

    def free_at(self) -> datetime | None:
        """When the cool-down after the last entry ends."""
        if not self.rules.cooldown or not self.entries:
            return None
        return self.entries[-1].at + self.rules.cooldown


def enter(
    candidates: Sequence[Candidate], rules: EntryRules, before: Sequence[Entry] = ()
) -> Turn[tuple[list[Entry], Counter[str]]]:
    """One customer's entries, and what kept them out of the others, by its words.

    `before` are entries of theirs that a window before this one brought.
    """
    turn = _Turn(rules, list(before), Counter())
    heap = [(rules.ticks.at_or_after(c.due_at), number, False) for number, c in enumerate(candidates)]
    heapq.heapify(heap)
    while heap and heap[0][0] <= rules.until:
        now = heap[0][0]
        ready = []
        while heap and heap[0][0] == now:
            _, number, has_failed = heapq.heappop(heap)
            free_at = turn.free_at()
            if free_at is None or free_at <= now:
                ready.append((number, has_failed))
            else:
                _put_off(heap, turn, number, candidates[number], free_at, COOLDOWN)
        if ready:
            passing = yield from _passing(heap, turn, candidates, ready, now)
            _let_in(heap, turn, candidates, passing, now)
    return turn.entries[len(before) :], turn.kept_out


def _put_off(
    heap: list[tuple[datetime, int, bool]],
    turn: _Turn,
    number: int,
    candidate: Candidate,
    until: datetime,
    why: str,
) -> None:
    """Look at it again when it may enter, if it is still due then."""
    at = turn.rules.ticks.at_or_after(until)
    if at < candidate.due_at + turn.rules.catch_up:
        heapq.heappush(heap, (at, number, False))
    else:
        turn.kept_out[why] += 1


def _passing(
    heap: list[tuple[datetime, int, bool]],
    turn: _Turn,
    candidates: Sequence[Candidate],
    ready: Sequence[tuple[int, bool]],
    now: datetime,
) -> Turn[list[tuple[int, str]]]:
    """Of those who are ready, the ones for whom everything holds, with their keys."""
    rules = turn.rules
    answers = yield [Question(candidates[number], now) for number, _ in ready]
    passing, failing = [], []
    for number, has_failed in ready:
        answer = _answer(rules, answers, candidates[number], now)
        if answer.failing is None:
            passing.append((number, answer.key))
        elif has_failed:
            turn.kept_out[answer.failing] += 1
        else:
            failing.append((number, answer.failing))
    # What did not hold when it fell due may hold before it is over: a rule came true, a consent was given.
    for number, why in failing:
        candidate = candidates[number]
        last = min(rules.ticks.before(candidate.due_at + rules.catch_up), rules.ticks.before(rules.until + TICK))
        later = None
        if last > now:
            apart = RULE_APART if why == AUDIENCE else last - now
            later = yield from _when(rules, candidate, now, last, apart)
        if later is None:
            turn.kept_out[why] += 1
        else:
            heapq.heappush(heap, (later, number, True))
    return passing


def _when(
    rules: EntryRules, candidate: Candidate, first: datetime, last: datetime, apart: timedelta
) -> Turn[datetime | None]:
    """When everything began to hold, between a moment at which it did not and the last one that counts.

    What held for less than `apart` in between may be missed.
    """
    looks = [rules.ticks.at_or_after(first + n * apart) for n in range(1, (last - first) // apart + 1)]
    looks = [*(at for at in looks if at < last), last]
    answers = yield [Question(candidate, at) for at in looks]
    held = [n for n, at in enumerate(looks) if _answer(rules, answers, candidate, at).failing is None]
    if not held:
        return None
    first, last = looks[held[0] - 1] if held[0] else first, looks[held[0]]
    while (middle := rules.ticks.middle(first, last)) is not None:
        answers = yield [Question(candidate, middle)]
        if _answer(rules, answers, candidate, middle).failing is None:
            last = middle
        else:
            first = middle
    return last


def _answer(rules: EntryRules, answers: Mapping[Question, Answer], candidate: Candidate, at: datetime) -> Answer:
    found = answers[Question(candidate, at)]
    if found.failing is None and not rules.has_agreed(candidate.customer_id, at):
        return Answer(CONSENT, found.key)
    return found


def _let_in(
    heap: list[tuple[datetime, int, bool]],
    turn: _Turn,
    candidates: Sequence[Candidate],
    passing: Sequence[tuple[int, str]],
    now: datetime,
) -> None:
    known = {entry.key for entry in turn.entries}
    fresh = [(number, key) for number, key in passing if key not in known]
    turn.kept_out[SAME_KEY] += len(passing) - len(fresh)
    if turn.rules.cooldown and fresh:
        newest = max(fresh, key=lambda f: (candidates[f[0]].at, candidates[f[0]].subject_id))
        for number, _ in fresh:
            if number != newest[0]:
                _put_off(heap, turn, number, candidates[number], now + turn.rules.cooldown, NEWEST)
        fresh = [newest]
    for number, key in fresh:
        if key in known:
            turn.kept_out[SAME_KEY] += 1
            continue
        known.add(key)
        turn.entries.append(Entry(candidates[number], key, now))
