"""The people who were drawn into one arm of an experiment, and what came of all of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Group:
    """Everybody who was drawn into an arm, whether a mail reached them or not (intention to treat)."""

    name: str
    people: int
    clicked: int = 0
    """People who clicked in a mail after they were drawn."""
    spent: tuple[int, ...] = ()
    """Minor units, refunds taken off, of each who ordered within the window; in ascending order."""

    @property
    def converted(self) -> int:
        """People with an order within the window."""
        return len(self.spent)

    @property
    def revenue(self) -> int:
        """Minor units."""
        return sum(self.spent)

    @property
    def squares(self) -> int:
        """The sum of squares of what each spent."""
        return sum(amount * amount for amount in self.spent)

    @property
    def mean(self) -> float:
        """Revenue per person, minor units."""
        return self.revenue / self.people if self.people else 0.0

    @property
    def variance(self) -> float:
        """Of the revenue of one person, those who bought nothing included; 0 where there are fewer than two people."""
        if self.people < 2:
            return 0.0
        return max(0.0, (self.squares - self.revenue * self.mean) / (self.people - 1))

    def as_json(self) -> dict[str, Any]:
        """For a Json column."""
        return {"name": self.name, "people": self.people, "clicked": self.clicked, "spent": list(self.spent)}


def group(name: str, people: int, clicked: int, spent: Iterable[int]) -> Group:
    """A group, its amounts put in order."""
    return Group(name, people, clicked, tuple(sorted(spent)))
