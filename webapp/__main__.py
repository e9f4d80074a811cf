"""The web process: `python -m webapp`. Waitress until somebody says stop."""

from __future__ import annotations

import signal
import sys
from types import FrameType

import waitress

from automation.app import build
from automation.errors import SetupError
from automation.settings import load
from webapp.assets import is_built
from webapp.factory import create_app


class _Stop(BaseException):
    """A signal said so."""


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise _Stop


def main() -> int:
    """Serve until SIGTERM or SIGINT; 0 then, 1 when it could not start."""
    try:
        settings = load()
        app = build(settings)
        if not is_built():
            raise SetupError("The front end is not built: run `python -m webapp.assets` (or `make run`).")
        flask = create_app(app)
        server = waitress.create_server(
            flask,
            host=settings.host,
            port=settings.port,
            threads=settings.web_threads,
            ident=None,
            channel_timeout=30,
            clear_untrusted_proxy_headers=True,
        )
    except (SetupError, OSError) as error:
        print(error, file=sys.stderr)  # noqa: T201  the one who started it reads this
        return 1
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, _stop)
    print(f"Cartwheel listens on http://{settings.host}:{server.effective_port}", flush=True)  # noqa: T201  the one line
    try:
        server.run()
    except _Stop:
        pass
    finally:
        server.close()
        server.task_dispatcher.shutdown(timeout=1)
        flask.extensions["cartwheel.writer"].close()
        app.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
