"""Add or remove tags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from automation.step import Desk, Move, Next, Place, Step, StepSettings

_Tag = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]


def _listed(value: Any) -> Any:
    return [word for word in value.split(",") if word.strip()] if isinstance(value, str) else value


_Tags = Annotated[tuple[_Tag, ...], BeforeValidator(_listed), Field(max_length=20)]


class TagSettings(StepSettings):
    """Which tags."""

    add: _Tags = Field((), description="Tags to add, with commas between them.")
    remove: _Tags = Field((), description="Tags to remove.")

    @model_validator(mode="after")
    def _makes_sense(self) -> TagSettings:
        if both := set(self.add) & set(self.remove):
            raise ValueError(f"{', '.join(sorted(both))} cannot be added and removed at once")
        return self


class Tag(Step):
    """Adds tags to the customer, or removes some; segments and rules see them at once."""

    label = "Tag"
    icon = "tag"
    Settings = TagSettings
    acts = True

    def take(self, places: Sequence[Place], step_id: str, settings: TagSettings, desk: Desk) -> Mapping[int, Move]:
        del step_id
        for place in places:
            desk.tag(place, add=settings.add, remove=settings.remove)
        return {place.enrolment_id: Next() for place in places}

    def sentence(self, settings: TagSettings) -> str:
        said = [
            f"{verb} {', '.join(f'“{tag}”' for tag in tags)}"
            for verb, tags in (("add", settings.add), ("remove", settings.remove))
            if tags
        ]
        return f"Tag: {' and '.join(said)}" if said else "Tag: nothing yet"
