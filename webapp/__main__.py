"""The web process: `python -m webapp`. Waitress until somebody says stop."""

from __future__ import annotations

import logging
import signal
import socket
import sys
from types import FrameType
from typing import Any

from flask import Flask
from waitress.server import create_server

from automation.app import build
from automation.errors import SetupError
from automation.settings import Settings, load
from webapp.assets import require_built
from webapp.factory import create_app


class _Stop(BaseException):
    """A signal said so."""


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise _Stop


def main() -> int:
    """Serve until SIGTERM or SIGINT; 0 then, 2 when it could not start."""
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, _stop)
    try:
        settings = load()
        require_built()
        listener = socket.create_server((settings.host, settings.port))
        app = build(settings)
        flask = create_app(app)
    except (SetupError, OSError) as error:
        print(error, file=sys.stderr)  # noqa: T201  the one who started it reads this
        return 2
    except _Stop:
        return 0
    # Waitress tells of every request that waits a moment for a thread; under load that is all of them.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    server = create_server(
        flask,
        sockets=[listener],
        threads=settings.web_threads,
        ident="",
        clear_untrusted_proxy_headers=True,
        **proxy_arguments(settings),
    )
    print(f"Cartwheel listens on http://{settings.host}:{listener.getsockname()[1]}", flush=True)  # noqa: T201  the one line
    try:
        server.run()
    except _Stop:
        pass
    finally:
        server.close()
        server.task_dispatcher.shutdown(timeout=1)
        _close(flask)
        app.close()
    return 0


def proxy_arguments(settings: Settings) -> dict[str, Any]:
    """What Waitress is told of the web server in front of us; nothing, so that nobody is believed, without one."""
    if settings.trusted_proxy is None:
        return {}
    return {
        "trusted_proxy": settings.trusted_proxy,
        "trusted_proxy_count": settings.trusted_proxy_count,
        "trusted_proxy_headers": {"x-forwarded-for", "x-forwarded-proto"},
    }


def _close(flask: Flask) -> None:
    """What was accepted is committed before the process ends."""
    for name in ("cartwheel.reception", "cartwheel.writer"):
        if name in flask.extensions:
            flask.extensions[name].close()


if __name__ == "__main__":
    raise SystemExit(main())
