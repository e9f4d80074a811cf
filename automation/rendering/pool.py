"""The render children: pre-forked processes without environment, with limits of memory, time and output."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from automation.errors import TemplateBroken
from automation.rendering.mail import Compiled, Rendered


class RenderPool:
    """Renders batches of contexts in children that may be killed at any time."""

    def __init__(self, children: int) -> None:
        self._children = children

    def render(
        self, version_key: str, compiled: Compiled, contexts: Sequence[dict[str, Any]]
    ) -> list[Rendered | TemplateBroken]:
        """One result per context, in order: the mail, or why it cannot be rendered.

        `version_key` names the compiled version, so that a child compiles its Jinja once.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Stop all children."""
