"""The composition root: everything the machine is made of, put together once and passed in."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, partial

import httpx

from automation import clock as clocks
from automation import outside
from automation.clock import Clock
from automation.counts import Counts
from automation.database import Database
from automation.discovery import implementations, plugged_in
from automation.platform import Platform
from automation.provider import Provider
from automation.public_net import keep_outside
from automation.reliance import Reliance
from automation.rendering.pool import RenderPool
from automation.security import Keyring, load_keyring, random_id
from automation.settings import Settings
from automation.step import Step
from automation.timed_http import TimedTransport
from automation.trigger import Trigger

_TIMEOUT = httpx.Timeout(30, connect=10)


@dataclass(frozen=True)
class App:
    """All collaborators of a process. Frozen: what a stage needs, it is given."""

    settings: Settings
    db: Database
    clock: Clock
    keyring: Keyring
    triggers: Mapping[str, Trigger]
    steps: Mapping[str, Step]
    reliances: Mapping[str, Reliance]
    platforms: Mapping[str, type[Platform]]
    providers: Mapping[str, type[Provider]]
    renderer: RenderPool
    http: Callable[[], httpx.Client]
    """Makes a client for one thread; tests hand in one with a MockTransport."""
    outside: Callable[[], httpx.Client]
    """Makes a client for addresses that people typed in: it reaches the public internet and nothing else."""
    counts: Counts = field(default_factory=Counts)
    """What this process has counted, for monitors."""
    worker_id: str = field(default_factory=lambda: f"{socket.gethostname()[:20]}:{os.getpid()}:{random_id()[:8]}")

    def close(self) -> None:
        """Stop the render children and close the database's connections."""
        self.renderer.close()
        self.db.dispose()


def _triggers() -> dict[str, Trigger]:
    found: dict[str, Trigger] = {}
    for package in plugged_in("cartwheel.triggers") or ("triggers",):
        for kind, cls in implementations(package, Trigger).items():  # type: ignore[type-abstract]  # the contract itself is looked for
            found[kind] = cls()
    return found


@cache
def _tls() -> ssl.SSLContext:
    # Reading the authorities takes longer than a whole batch; clients come and go, this stays.
    return httpx.create_ssl_context(trust_env=False)


def client(timeout: httpx.Timeout = _TIMEOUT, longest: float = 60, *, may_reach_inside: bool = True) -> httpx.Client:
    """A client for one thread: no redirects, no environment, and answers that end within `longest` seconds."""
    limits = httpx.Limits(max_connections=10, max_keepalive_connections=10, keepalive_expiry=20)
    transport = TimedTransport(_tls(), limits, longest)
    return httpx.Client(
        transport=transport if may_reach_inside else keep_outside(transport),
        timeout=timeout,
        follow_redirects=False,
        trust_env=False,
        headers={"User-Agent": "Cartwheel"},
    )


def build(
    settings: Settings,
    *,
    clock: Clock | None = None,
    http: Callable[[], httpx.Client] | None = None,
) -> App:
    """Put an App together. Opens nothing: connections and render children start at first use."""
    if clock is None:
        clock = clocks.ShiftedClock(settings.data / "clock") if settings.demo else clocks.real_time
    secret = settings.secret_key.get_secret_value() if settings.secret_key else None
    keyring = load_keyring(secret, settings.data)
    return App(
        settings=settings,
        db=Database(settings.database, keyring.derive("erasure")),
        clock=clock,
        keyring=keyring,
        triggers=_triggers(),
        steps={k: c() for k, c in implementations("automation.steps", Step).items()},  # type: ignore[type-abstract]  # as above
        reliances={k: c() for k, c in implementations("automation.reliances", Reliance).items()},  # type: ignore[type-abstract]  # as above
        platforms=implementations("automation.platforms", Platform),  # type: ignore[type-abstract]  # as above
        providers=implementations("automation.providers", Provider),  # type: ignore[type-abstract]  # as above
        renderer=RenderPool(settings.render_children, keyring.derive("links")),
        http=http or partial(client, may_reach_inside=settings.private_network),
        outside=http or (lambda: outside.client(_tls())),
    )
