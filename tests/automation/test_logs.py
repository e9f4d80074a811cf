from __future__ import annotations

import logging

import orjson
import pytest

from automation.logs import JsonFormatter, PlainFormatter, without_addresses


def record(message: str, *arguments: object) -> logging.LogRecord:
    return logging.LogRecord("automation.stages", logging.INFO, "x.py", 1, message, arguments, None)


@pytest.mark.parametrize("formatter", [PlainFormatter("worker"), JsonFormatter("worker")])
def test_addresses_of_customers_never_reach_the_log(formatter: logging.Formatter) -> None:
    line = formatter.format(record("Refused %s: <ada+shop@mail.example.com>", "bob@example.com"))
    assert "@example" not in line
    assert "ada" not in line
    assert "Refused" in line


def test_addresses_in_tracebacks_are_blanked_too() -> None:
    error = ValueError("no such customer: ada@example.com")
    found = record("failed")
    found.exc_info = (ValueError, error, None)
    assert "ada@" not in PlainFormatter("web").format(found)
    assert "ValueError" in PlainFormatter("web").format(found)


def test_plain_text_is_left_alone() -> None:
    assert without_addresses("12 rows @ 13:00, a@b") == "12 rows @ 13:00, a@b"


def test_json_lines_can_be_read_by_machines() -> None:
    line = orjson.loads(JsonFormatter("web").format(record("served %d", 3)))
    assert (line["process"], line["level"], line["message"]) == ("web", "info", "served 3")
