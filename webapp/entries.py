"""What somebody typed into a sign-up form, and what is wrong with it, in the form's language."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from werkzeug.datastructures import MultiDict

from automation.addresses import key_of
from automation.languages import Words
from automation.signup.definition import FormDefinition

NAMES = ("first_name", "last_name")


@dataclass
class Typed:
    """A form as it was filled in; shown again as it is where something is wrong."""

    values: Mapping[str, str] = field(default_factory=dict)
    topics: tuple[str, ...] = ()
    answers: dict[str, Any] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    """By the field's name."""
    error: str = ""
    """What is wrong with it as a whole."""
    is_fresh: bool = False
    """Nothing was typed yet."""

    @property
    def email(self) -> str:
        """The address, as it was typed."""
        return self.values.get("email", "")


def empty() -> Typed:
    """A form that nobody has filled in."""
    return Typed(is_fresh=True)


def read(definition: FormDefinition, given: MultiDict[str, str], say: Words) -> Typed:
    """What was typed, with each error at its field."""
    typed = Typed({name: given.get(name, "").strip()[:320] for name in given})
    if not typed.email:
        typed.errors["email"] = say("Please write your mail address.")
    elif key_of(typed.email) is None or len(typed.email) > 254:
        typed.errors["email"] = say("This is no mail address.")
    for name in NAMES:
        asked, value = getattr(definition, name), typed.values.get(name, "")
        if asked == "required" and not value:
            typed.errors[name] = say("Please fill this in.")
        elif asked != "hidden" and value:
            typed.answers[name] = value[:200]
    if definition.birthday != "hidden":
        _birthday(definition, typed, say)
    _topics(definition, typed, given, say)
    if definition.needs_tick and not given.get("agreed"):
        typed.errors["agreed"] = say("Please tick this; else we may not write to you.")
    return typed


def _birthday(definition: FormDefinition, typed: Typed, say: Words) -> None:
    day, month = typed.values.get("birthday_day", ""), typed.values.get("birthday_month", "")
    if not day and not month:
        if definition.birthday == "required":
            typed.errors["birthday"] = say("Please choose a day and a month.")
        return
    numbers = [int(n) if n.isascii() and n.isdigit() and len(n) < 3 else 0 for n in (day, month)]
    # 2000 has a February 29.
    if not 1 <= numbers[1] <= 12 or not 1 <= numbers[0] <= monthrange(2000, numbers[1])[1]:
        typed.errors["birthday"] = say("There is no such day.")
        return
    typed.answers |= {"birthday_day": numbers[0], "birthday_month": numbers[1]}


def _topics(definition: FormDefinition, typed: Typed, given: MultiDict[str, str], say: Words) -> None:
    codes = [topic.code for topic in definition.topic_list]
    if len(codes) == 1:
        typed.topics = (codes[0],)
        return
    chosen = given.getlist("topic")
    typed.topics = tuple(code for code in codes if code in chosen)
    if not typed.topics:
        typed.errors["topic"] = say("Please choose at least one.")
