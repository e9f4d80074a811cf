"""How an experiment stands, in words that a merchant understands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from automation.insights.experiments.enough import LEAST_IN_EACH, WORTH
from automation.insights.experiments.lifts import LEAST


@dataclass(frozen=True, slots=True)
class Said:
    """A verdict."""

    short: str
    tone: str
    """green, red, yellow, blue or secondary."""
    text: str


_WHAT = {"conversion": ("order more often", "order less often"), "revenue": ("spend more", "spend less")}
_PART = "a fifth"
_LIKELY = 0.95
"""From this probability on, the leader of a test is worth a word."""
assert WORTH == 0.2, "the words say a fifth"


def of_lift(lift: Mapping[str, Any], what: str) -> Said:
    """What the difference in `what` (conversion or revenue) tells."""
    more, less = _WHAT[what]
    missing = lift["missing"]
    count = f"{missing:,}" if missing else ""
    match lift["verdict"]:
        case "few":
            return Said(
                "Too early",
                "secondary",
                f"Comparing begins with {LEAST} customers, of whom at least {LEAST_IN_EACH} are held out. "
                f"About {count} more to go.",
            )
        case "more":
            return Said(
                "It works",
                "green",
                f"Customers who were mailed {more}. That is settled: it stays true however often you look.",
            )
        case "less":
            return Said(
                "It harms",
                "red",
                f"Customers who were mailed {less}. That is settled: it stays true however often you look.",
            )
        case "leaning_more" | "leaning_less":
            word = more if lift["verdict"] == "leaning_more" else less
            return Said(
                "Leaning",
                "blue",
                f"It looks as if customers who were mailed {word}. Whoever looks every day finds such a thing by "
                f"chance now and then, so wait{_for(count)}.",
            )
        case "alike":
            return Said(
                "No difference",
                "secondary",
                f"If there is a difference at all, it is smaller than {_PART} of what customers do anyway.",
            )
    if not count:
        return Said("Not enough data yet", "yellow", "Nobody has ordered within the window yet.")
    return Said(
        "Not enough data yet",
        "yellow",
        f"About {count} more customers would show a difference of {_PART} of what is usual, in four of five cases.",
    )


def _for(count: str) -> str:
    return f" for about {count} more customers" if count else ""


def of_test(figures: Mapping[str, Any], ended_at: datetime | None) -> Said:
    """How an A/B test stands by the metric that it goes by."""
    stands = figures[figures["metric"]]
    winner, missing = figures["winner"], stands["missing"]
    if winner and figures["is_proven"]:
        return Said("Winner", "green", f"“{winner}” is better than every other way. All who come now take it.")
    if winner:
        return Said(
            "No difference found",
            "secondary",
            f"No way was better than the others by the end of the test. All who come now take “{winner}”, which was "
            "ahead; that may have been luck.",
        )
    if figures["decided_at"]:
        return Said("No difference found", "secondary", "No way was better by the end of the test. All stay in use.")
    if stands["winner"]:
        best = f"“{stands['winner']}” is better than every other way."
        if ended_at is not None:
            return Said("Winner", "green", f"{best} The test ended when the campaign was changed.")
        return Said("Better", "green", f"{best} The test does not decide by itself: change the flow to keep it.")
    if ended_at is not None:
        return Said(
            "No difference found", "secondary", "The test ended when the campaign was changed, without a winner."
        )
    least = min(arm["people"] for arm in stands["arms"])
    if least < figures["at_least"]:
        return Said(
            "Too early",
            "secondary",
            f"Each way needs {figures['at_least']:,} people before anything is decided. About {missing or 0:,} to go.",
        )
    if not missing:
        return Said("No difference so far", "yellow", "The ways are level.")
    if max(arm["chance"] for arm in stands["arms"]) >= _LIKELY:
        return Said(
            "Leaning",
            "blue",
            f"“{stands['leader']}” is ahead. Whoever looks every day finds such a lead by chance now and then; if it "
            f"stays as it is, about {stands['to_settle']:,} more people settle it.",
        )
    return Said(
        "No difference so far",
        "yellow",
        f"About {missing:,} more people would show a difference of {_PART} of what is usual. The test goes on.",
    )
