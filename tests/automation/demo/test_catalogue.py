from __future__ import annotations

import pytest

from automation.demo.catalogue import CATEGORIES, category_of, picture_url, title_of


@pytest.mark.parametrize(
    ("description", "title"),
    [
        ("WHITE HANGING HEART T-LIGHT HOLDER", "White hanging heart T-light holder"),
        ("SET/6 RED SPOTTY PAPER CUPS", "Set of 6 red spotty paper cups"),
        ("KNITTED UNION FLAG HOT WATER BOTTLE", "Knitted Union flag hot water bottle"),
        ("JUMBO  BAG VINTAGE CHRISTMAS ", "Jumbo bag vintage Christmas"),
        ("SMOKEY GREY CANDLE W/ LID", "Smokey grey candle with lid"),
    ],
)
def test_titles_read_as_people_write_them(description: str, title: str) -> None:
    assert title_of(description) == title


@pytest.mark.parametrize(
    ("title", "category"),
    [
        ("Small white retrospot mug in box", "Kitchen"),
        ("French carriage lantern", "Candles and lights"),
        ("Blue polkadot kids bag", "Bags"),
        ("Purple gemstone bracelet", "Jewellery"),
        ("Cinderella chandelier", "Home"),
    ],
)
def test_the_shelf_is_guessed_from_what_a_thing_is(title: str, category: str) -> None:
    assert category_of(title) == category
    assert category in CATEGORIES


def test_pictures_come_from_our_own_door() -> None:
    assert picture_url("http://shop", "85123A") == "http://shop/demo/pictures/85123a.svg"
