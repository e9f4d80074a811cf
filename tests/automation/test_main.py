from __future__ import annotations

import subprocess
import sys


def test_the_command_line_starts_without_loading_what_it_does_not_need() -> None:
    code = (
        "import sys; from automation.__main__ import main; main(['--help'], standalone_mode=False); "
        "sys.exit(any(m.startswith(('apscheduler', 'flask', 'mjml')) for m in sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    assert "Email engagement automation" in found.stdout
