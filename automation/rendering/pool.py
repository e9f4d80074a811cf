"""The render children: pre-forked processes without environment, with limits of memory, time and output.

A mail that kills its child is the only one that is lost: what came before it has arrived, what comes after it is
rendered by the next child.
"""

from __future__ import annotations

import queue
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from automation.errors import TemplateBroken
from automation.rendering.mail import Compiled, Link, MailSource, Rendered
from automation.rendering.process import Died, Finished, RenderProcess

_DEATHS = 3
"""After so many mails of one batch that killed their child, the rest is given up: the template is to blame."""


class RenderPool:
    """Renders batches of contexts in children that may be killed at any time. Any thread may call it."""

    def __init__(self, children: int, link_key: bytes = b"") -> None:
        self._link_key = link_key
        self._idle: queue.LifoQueue[RenderProcess | None] = queue.LifoQueue()
        for _ in range(children):
            self._idle.put(None)
        self._running: set[RenderProcess] = set()
        self._is_closed = False
        self.patience: float | None = None
        """Seconds to wait for a child before TemplateBroken; None for as long as it takes. Pages do not wait long."""
        self.versions: dict[int, Compiled] = {}
        """Template versions that were read from the database, by id; see `versions.py`."""
        self.guises: dict[int, Mapping[str, Any]] = {}
        """What campaigns' versions put in the place of subjects and senders, by id; see `guises.py`."""

    def render(
        self, version_key: str, compiled: Compiled, contexts: Sequence[dict[str, Any]], *, is_strict: bool = False
    ) -> list[Rendered | TemplateBroken]:
        """One result per context, in order: the mail, or why it cannot be rendered.

        `version_key` names the compiled version, so that a child compiles its Jinja once. Strict rendering fails on
        names that are not there; it is for previews.
        """
        found = self.finish(version_key, compiled, contexts, is_strict=is_strict)
        return [f.rendered if isinstance(f, Finished) else f for f in found]

    def finish(
        self, version_key: str, compiled: Compiled, contexts: Sequence[dict[str, Any]], *, is_strict: bool = False
    ) -> list[Finished | TemplateBroken]:
        """The same with the hashes of HTML and text, which the child computed."""
        results: list[Finished | TemplateBroken] = []
        deaths, again = 0, -1
        while len(results) < len(contexts):
            process = self._take()
            try:
                process.load(f"{version_key}{'!' if is_strict else ''}", compiled, is_strict=is_strict)
                for result in process.render(contexts[len(results) :]):
                    results.append(result)  # noqa: PERF402  what came before a death has to stay
            except TemplateBroken as broken:
                return [*results, *([broken] * (len(contexts) - len(results)))]
            except Died as died:
                # Its last mail killed it; but a child that was killed from outside gets a second chance.
                if died.is_certain or again == len(results):
                    results.append(died.reason)
                    deaths, again = deaths + 1, -1
                else:
                    again = len(results)
                if deaths >= _DEATHS:
                    untried = TemplateBroken(str(died.reason), is_poison=True)
                    return [*results, *([untried] * (len(contexts) - len(results)))]
            finally:
                self._give_back(process)
        return results

    def compile(self, source: MailSource) -> Compiled:
        """Compile a source in a child. Raises TemplateBroken."""
        for is_last in (False, True):
            process = self._take()
            try:
                found = process.compile(source)
            except Died as died:
                if died.is_certain or is_last:
                    raise TemplateBroken(f"The mail cannot be compiled. {died.reason}", part="body") from died
            else:
                links = tuple(Link(**link) for link in found.pop("links"))
                for name in ("names", "warnings"):
                    found[name] = tuple(found[name])
                return Compiled(**found, links=links)
            finally:
                self._give_back(process)
        raise AssertionError("the second death was certain")

    def close(self) -> None:
        """Stop all children. Safe to call twice, and while others render: they get TemplateBroken."""
        self._is_closed = True
        for process in list(self._running):
            process.end()
        idle: list[RenderProcess | None] = []
        with suppress(queue.Empty):
            while True:
                idle.append(self._idle.get_nowait())
        for unused in idle:
            if unused is not None:
                self._stop(unused)
            self._idle.put(None)

    def _take(self) -> RenderProcess:
        try:
            process = self._idle.get(timeout=self.patience)
        except queue.Empty:
            raise TemplateBroken("Other mails are being rendered just now; try again in a moment.") from None
        if self._is_closed:
            self._idle.put(None)
            raise TemplateBroken("Rendering was stopped.")
        if process is not None and (not process.is_alive() or process.is_worn):
            self._stop(process)
            process = None
        if process is None:
            try:
                process = RenderProcess(self._link_key)
            except BaseException:
                self._idle.put(None)
                raise
            self._running.add(process)
        return process

    def _give_back(self, process: RenderProcess) -> None:
        if self._is_closed or not process.is_alive():
            self._stop(process)
            self._idle.put(None)
        else:
            self._idle.put(process)

    def _stop(self, process: RenderProcess) -> None:
        process.dispose()
        self._running.discard(process)
