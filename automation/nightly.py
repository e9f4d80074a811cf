"""Checks that go over everything once a night, a few rows at a time: how far one has come, and what it found."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta

from sqlalchemy import ScalarSelect, select
from sqlalchemy.orm import Session

from automation import cursors
from automation.app import App
from automation.models import Cursor

_DONE = 2**62
_REMEMBERED = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Nightly:
    """A check, by the names of its two cursors."""

    progress: str
    """The cursor of how far tonight's check has come; its `at` is when it began or last went on."""
    differences: str
    """The cursor that holds how many differences the latest check found so far, since its `at`."""
    at: time
    """From this hour (UTC) on, once a day."""

    def stands_at(self, app: App, now: datetime) -> int | None:
        """The id behind which tonight's check goes on; None where there is nothing to do.

        An installation that was never checked has only just counted everything: its first check is the next night's.
        """
        with app.db.read() as session:
            row = session.get(Cursor, self.progress)
        if row is None:
            with app.db.write() as session:
                cursors.move(session, self.progress, _DONE, now)
            return None
        begins = datetime.combine(now.date(), self.at, now.tzinfo)
        begins -= timedelta(days=0 if begins <= now else 1)
        position = row.position if row.at >= begins else 0
        return None if position == _DONE else position

    def go_on(self, session: Session, position: int, last: int | None, wrong: int, now: datetime) -> None:
        """Note that the rows behind `position` up to `last` were looked at, and how many were wrong; None: all were."""
        if position == 0:
            cursors.move(session, self.differences, 0, now)
        if wrong:
            session.get_one(Cursor, self.differences).position += wrong
        cursors.move(session, self.progress, _DONE if last is None else last, now)

    def count(self, now: datetime) -> ScalarSelect[int]:
        """How many differences the latest check found; NULL once it is two days old."""
        remembered = (Cursor.name == self.differences, Cursor.at > now - _REMEMBERED)
        return select(Cursor.position).where(*remembered).scalar_subquery()

    def found(self, session: Session, now: datetime) -> int:
        """The same as a number, 0 for none."""
        return session.scalar(select(self.count(now))) or 0
