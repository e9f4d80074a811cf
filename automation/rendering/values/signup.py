"""What a confirmation mail asks about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import select

from automation.languages import words
from automation.models import FormVersion, Message, SignUp
from automation.rendering.value import Batch, Value
from automation.signup.definition import FormDefinition


class SignupValue(Value):
    """The sign-up that a confirmation mail asks about: `topics`, and the mail's words in the form's language as
    headline, text, button, ignore, because, unsubscribe and browser. For any other mail, those words in English.
    """

    def load(self, batch: Batch, messages: Sequence[Message]) -> Callable[[Message], Any]:
        ids = {m.subject_id for m in messages if m.version_id is None and m.subject_id is not None}
        rows = batch.session.execute(
            select(SignUp.id, SignUp.customer_id, SignUp.topics, FormVersion.definition)
            .join(FormVersion, FormVersion.id == SignUp.version_id)
            .where(SignUp.id.in_(ids))
        )
        found = {(row.id, row.customer_id): row for row in rows} if ids else {}

        def of(message: Message) -> dict[str, Any]:
            name = batch.stores[message.store_id].name
            row = found.get((message.subject_id or 0, message.customer_id)) if message.version_id is None else None
            if row is None:
                return said("en", name, [])
            definition = FormDefinition.model_validate(row.definition)
            labels = [topic.label for topic in definition.topic_list if topic.code in row.topics]
            return said(definition.language, name, labels)

        return of


def said(language: str, store: str, topics: Sequence[str]) -> dict[str, Any]:
    """The words of a confirmation mail."""
    say = words(language)
    return {
        "topics": list(topics),
        "subject": say("Please confirm your sign-up"),
        "preview": say("One press of a button, and you are on our list."),
        "headline": say("Was it you?"),
        "text": say("Somebody signed up at {store} with this address. If it was you, please confirm it.").replace(
            "{store}", store
        ),
        "for": say("It is about:"),
        "button": say("Yes, it was me"),
        "ignore": say("If it was not you, do nothing: without your confirmation we will not write to you."),
        "because": say("You are getting this because your address was typed into a form of {store}.").replace(
            "{store}", store
        ),
        "unsubscribe": say("Never write to me"),
        "browser": say("View in browser"),
    }
