from __future__ import annotations

import io

from automation.terminal import Terminal


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_without_a_terminal_each_new_word_is_a_line() -> None:
    out = io.StringIO()
    terminal = Terminal(out)
    for done in (0.1, 0.2):
        terminal.bar(done, "loading")
    terminal.bar(1, "done")
    terminal.say("Ready.")
    assert out.getvalue().splitlines() == ["   10 % loading", "  100 % done", "Ready."]


def test_on_a_terminal_the_bar_redraws_itself_below_the_lines() -> None:
    out = Screen()
    terminal = Terminal(out)
    terminal.bar(0.5, "loading")
    terminal.say("By the way.")
    terminal.end()
    last = out.getvalue().rpartition("By the way.\n")[2]
    assert "loading" in last
    assert last.endswith("\r\x1b[2K")
