"""How the processes log: one plain line an event, or one JSON object. Customers' addresses never get in."""

from __future__ import annotations

import logging
import re
import sys
from datetime import UTC, datetime

import orjson

from automation.settings import Settings

_ADDRESS = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+(?:@|%40)[\w-]+(?:\.[\w-]+)+")
_QUIET = ("httpx", "httpcore", "waitress.queue", "alembic", "asyncio")
"""Libraries whose chatter below a warning helps nobody."""
_MUTE = ("apscheduler",)
"""It warns whenever a stage works longer than one tick, which is what stages do when there is work."""


def without_addresses(text: str) -> str:
    """The text with every mail address blanked."""
    return _ADDRESS.sub("…@…", text)


class PlainFormatter(logging.Formatter):
    """12:03:04 worker INFO    enrol: 12 customers entered."""

    def __init__(self, process: str) -> None:
        super().__init__(f"%(asctime)s {process:6} %(levelname)-7s %(message)s", "%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        return without_addresses(super().format(record))


class JsonFormatter(logging.Formatter):
    """One object per line: at, process, level, logger, message; where there are, message_ids and the traceback."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "process": self._process,
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": without_addresses(record.getMessage()),
        }
        ids = getattr(record, "message_ids", None)
        if ids:
            line["message_ids"] = [str(i) for i in ids]
        if record.exc_info:
            line["traceback"] = without_addresses(self.formatException(record.exc_info))
        return orjson.dumps(line).decode()


def configure(settings: Settings, process: str) -> None:
    """Send everything to standard error in the settings' form; `process` is web, worker …"""
    out = logging.StreamHandler(sys.stderr)
    out.setFormatter(JsonFormatter(process) if settings.log_json else PlainFormatter(process))
    logging.basicConfig(level=settings.log_level, handlers=[out], force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelName(settings.log_level)))
    for name in _MUTE:
        logging.getLogger(name).setLevel(logging.ERROR)
    logging.captureWarnings(capture=True)
