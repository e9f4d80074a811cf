from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from automation.demo.catalogue import CATEGORIES
from automation.demo.pictures import draw


@pytest.mark.parametrize("category", CATEGORIES)
def test_every_shelf_has_a_motif_that_is_sound_xml(category: str) -> None:
    drawing = ET.fromstring(draw('Mug & saucer "blue" <small>', category, "85123A"))  # noqa: S314  our own words
    assert drawing.get("aria-label") == 'Mug & saucer "blue" <small>'


def test_a_product_keeps_its_looks_and_differs_from_the_next() -> None:
    assert draw("Mug", "Kitchen", "85123A") == draw("Mug", "Kitchen", "85123A")
    assert draw("Mug", "Kitchen", "85123A") != draw("Mug", "Kitchen", "85123B")
