"""Who may use a route: declared on every one of them, checked in one place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeVar

from flask import Flask

View = TypeVar("View", bound=Callable[..., Any])

Permission = Literal["public", "view", "edit", "manage", "own"]
"""public: anybody (the view proves who speaks in its own way); the others: an admin whose role allows it."""

ROLES: dict[str, frozenset[str]] = {
    "viewer": frozenset({"view"}),
    "editor": frozenset({"view", "edit"}),
    "manager": frozenset({"view", "edit", "manage"}),
    "owner": frozenset({"view", "edit", "manage", "own"}),
}
"""What each role may do."""


def permission(needed: Permission) -> Callable[[View], View]:
    """Declare what a view needs; stands below its route."""

    def mark(view: View) -> View:
        view.permission = needed  # type: ignore[attr-defined]  # read by `check_declared` and by the log-in guard
        return view

    return mark


def permission_of(flask: Flask, endpoint: str) -> str | None:
    """What an endpoint declared."""
    return getattr(flask.view_functions.get(endpoint), "permission", None)


def check_declared(flask: Flask) -> None:
    """Raise RuntimeError when a route declares no permission."""
    missing = sorted(e for e in flask.view_functions if e != "static" and permission_of(flask, e) is None)
    if missing:
        raise RuntimeError(f"These routes declare no permission: {', '.join(missing)}")
