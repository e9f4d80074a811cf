from __future__ import annotations

import pytest

from automation.editing.checks import contrast


def test_contrast_is_that_of_the_standard() -> None:
    assert contrast("#000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#fff") == pytest.approx(4.48, abs=0.01)
    assert contrast("{{ accent }}", "#fff") is None
