"""What a form asks and says. The model is the editor's form, too: titles and descriptions stand on its page."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from automation.languages import words

Asked = Literal["hidden", "optional", "required"]
ADVANCED: dict[str, Any] = {"advanced": True}

_TOPIC = re.compile(r"^\s*([a-z0-9_]{1,64})\s*:\s*(\S.*?)\s*$")
_HINT = "write one topic a line, as in “news: News and offers”"


@dataclass(frozen=True, slots=True)
class Topic:
    """Something that one can agree to by itself."""

    code: str
    label: str


def read_topics(text: str) -> list[Topic]:
    """Topics as they are typed. Raises ValueError for a line that is none, and for a topic that stands there twice."""
    found = []
    for line in filter(str.strip, text.splitlines()):
        match = _TOPIC.match(line)
        if match is None:
            raise ValueError(f"“{line.strip()[:40]}” is no topic; {_HINT}")
        found.append(Topic(match[1], match[2][:200]))
    if not found:
        raise ValueError(_HINT)
    if len({topic.code for topic in found}) < len(found):
        raise ValueError("a topic stands there twice")
    return found


def _topics(text: str) -> str:
    read_topics(text)
    return text


def _paths(text: str) -> str:
    if any(not line.strip().startswith("/") for line in filter(str.strip, text.splitlines())):
        raise ValueError("a page begins with a slash, as in /products/*")
    return text


_Line = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200, pattern=r"^[^\x00-\x1f]*$")]


class FormDefinition(BaseModel):
    """A form as one of its versions keeps it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    title: _Line = Field("Be the first to know", min_length=1)
    text: str = Field("What is new, before it is gone. Rarely more than one mail a week.", max_length=500)
    button: _Line = Field("Sign up", min_length=1, max_length=60, title="Button")
    language: Literal["en", "de"] = Field(
        "en", description="Of everything that you do not write yourself: labels, errors, the mail that asks."
    )
    accent: Literal["green", "teal", "blue", "violet", "red", "brown", "black"] = Field("green", title="Colour")
    first_name: Asked = Field("optional")
    last_name: Asked = Field("hidden")
    birthday: Asked = Field("hidden", description="Day and month; nobody is asked how old they are.")
    topics: Annotated[str, AfterValidator(_topics)] = Field(
        "marketing: News and offers",
        max_length=1000,
        description="One a line, code and words: “marketing: News and offers”. With several, people choose.",
    )
    consent: str = Field(
        "I want to get mails about the topics above. I can withdraw that at any time, by the link in every mail.",
        min_length=10,
        max_length=2000,
        title="What people agree to",
        description="Kept word for word with everybody who signs up; a change makes a new version.",
    )
    needs_tick: bool = Field(False, title="People must tick that they agree", json_schema_extra=ADVANCED)
    double_opt_in: bool = Field(
        True, title="Ask by mail whether it was really them", description="Most laws want it, and it keeps robots out."
    )
    confirm_hours: int = Field(
        168, ge=1, le=720, title="Hours to confirm in", json_schema_extra=ADVANCED, description="Then the link is over."
    )
    offer: Annotated[_Line, Field(max_length=64)] = Field(
        "", description="Name of an offer that everybody gets once they have confirmed."
    )
    done_text: str = Field(
        "", max_length=500, title="Said when it was sent", description="Our own words when this is empty."
    )
    confirmed_text: str = Field("", max_length=500, title="Said when it was confirmed")
    redirect_url: Annotated[str, Field(max_length=500, pattern=r"^(https?://\S+)?$")] = Field(
        "", title="Where the confirmed go on to", description="The shop's address when this is empty."
    )
    popup: bool = Field(False, title="Pop up in the shop", description="By the storefront snippet.")
    popup_delay: int = Field(8, ge=0, le=600, title="Seconds before it pops up", json_schema_extra=ADVANCED)
    popup_scroll: int = Field(
        0, ge=0, le=100, title="Percent of the page to have seen first", json_schema_extra=ADVANCED
    )
    popup_exit: bool = Field(False, title="Only when the pointer leaves the page", json_schema_extra=ADVANCED)
    popup_pages: Annotated[str, AfterValidator(_paths)] = Field(
        "",
        max_length=1000,
        title="Pages",
        json_schema_extra=ADVANCED,
        description="One a line, with * for anything, as in /products/*. Empty means all.",
    )
    popup_days: int = Field(30, ge=1, le=365, title="Days until it may pop up again", json_schema_extra=ADVANCED)

    @property
    def topic_list(self) -> list[Topic]:
        """The topics to choose from; at least one."""
        return read_topics(self.topics)

    @property
    def page_list(self) -> list[str]:
        """Patterns of paths on which it pops up; none means on all."""
        return [line.strip() for line in self.popup_pages.splitlines() if line.strip()]

    def is_for(self, path: str) -> bool:
        """Whether it pops up on a page."""
        return not self.page_list or any(fnmatchcase(path, pattern) for pattern in self.page_list)


def fresh(language: str) -> FormDefinition:
    """What a new form begins with, in the words of a language."""
    say = words(language)
    plain = FormDefinition()
    said = {name: say(getattr(plain, name)) for name in ("title", "text", "button", "consent")}
    topics = f"marketing: {say('News and offers')}"
    return FormDefinition.model_validate({**said, "topics": topics, "language": language})
