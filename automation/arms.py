"""The arms that a flow's splits have: named, weighted, and written as a person types them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

ArmName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]+$", max_length=40)]
_TYPED = re.compile(r"\s*(\S+?)\s*[:\s]\s*(\d+(?:\.\d+)?)\s*%?\s*")


class Arm(BaseModel):
    """One way on, and how many take it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: ArmName
    weight: float = Field(1, ge=0, le=1_000_000)

    def __str__(self) -> str:
        return f"{self.name} {self.weight:g}"


def _weighted(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    arms = []
    for part in filter(str.strip, value.split(",")):
        found = _TYPED.fullmatch(part)
        arms.append({"name": found[1], "weight": found[2]} if found else {"name": part.strip()})
    return arms


def _named(value: Any) -> Any:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


Arms = Annotated[tuple[Arm, ...], BeforeValidator(_weighted), Field(min_length=2, max_length=10)]
"""Also as text: "a 50, b 50"."""
ArmNames = Annotated[tuple[ArmName, ...], BeforeValidator(_named), Field(min_length=2, max_length=5)]
"""Also as text: "a, b"."""


def distinct(names: Sequence[str]) -> None:
    """Raise ValueError when two arms have one name."""
    if len(set(names)) < len(names):
        raise ValueError("two arms have the same name")
