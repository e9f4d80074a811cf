"""A form is drawn from the model that reads it, keeps what was typed, and never tells a secret."""

from __future__ import annotations

from datetime import time
from typing import Literal

from pydantic import BaseModel, Field, SecretStr, model_validator

from webapp.forms import draw, read


class Kettle(BaseModel):
    name: str = Field(max_length=20, description="What it is called.")
    litres: float = Field(1.5, ge=0, le=10)
    cups: int = Field(4, gt=0)
    colour: Literal["red", "dark_blue"] = "red"
    is_loud: bool = False
    key: SecretStr = Field(title="Its key")
    spare: SecretStr | None = None
    boils_at: time = time(7, 30)
    notes: str = Field("", max_length=1000)
    address: str = Field("https://kettle.example.com", json_schema_extra={"advanced": True})

    @model_validator(mode="after")
    def _may_not_be_loud_and_red(self) -> Kettle:
        if self.is_loud and self.colour == "red":
            raise ValueError("a red kettle is silent")
        return self


TYPED = {"name": "Ada", "litres": "2", "cups": "3", "colour": "dark_blue", "key": "s3cret", "boils_at": "08:15"}


def test_each_field_gets_the_widget_that_its_type_asks_for() -> None:
    form = draw(Kettle)
    assert {f.name: f.widget for f in form.fields} == {
        "name": "text",
        "litres": "number",
        "cups": "number",
        "colour": "select",
        "is_loud": "switch",
        "key": "password",
        "spare": "password",
        "boils_at": "time",
        "notes": "area",
        "address": "text",
    }
    assert form["name"].help == "What it is called."
    assert form["key"].label == "Its key"
    assert form["litres"].limits == {"min": 0, "max": 10, "step": "any"}
    assert form["cups"].limits == {"min": 1}
    assert form["colour"].choices == [("red", "Red"), ("dark_blue", "Dark blue")]
    assert form["boils_at"].value == "07:30"
    assert [f.name for f in form.advanced] == ["address"]


def test_what_was_typed_becomes_the_model() -> None:
    kettle, form = read(Kettle, TYPED)
    assert isinstance(kettle, Kettle)
    assert (kettle.litres, kettle.cups, kettle.is_loud, kettle.boils_at) == (2.0, 3, False, time(8, 15))
    assert kettle.key.get_secret_value() == "s3cret"
    assert not form.is_wrong


def test_what_is_wrong_stands_at_its_field_and_what_was_typed_stays() -> None:
    kettle, form = read(Kettle, {**TYPED, "litres": "much", "cups": "0", "name": "", "is_loud": "on"})
    assert kettle is None
    assert form["litres"].error == "This must be a number."
    assert form["litres"].value == "much"
    assert "greater than 0" in form["cups"].error
    assert form["name"].error == "This is needed."
    assert form["is_loud"].value is True
    assert form["colour"].value == "dark_blue"


def test_what_is_wrong_with_the_whole_stands_above_it() -> None:
    kettle, form = read(Kettle, {**TYPED, "colour": "red", "is_loud": "on"})
    assert kettle is None
    assert form.error == "A red kettle is silent."


def test_a_secret_is_never_drawn_neither_a_stored_nor_a_typed_one() -> None:
    stored = Kettle(name="Ada", key=SecretStr("s3cret"))
    assert all("s3cret" not in str(vars(f)) for f in draw(Kettle, stored).fields)
    assert draw(Kettle, stored)["key"].placeholder
    assert not draw(Kettle, stored)["spare"].placeholder
    _, form = read(Kettle, {**TYPED, "litres": "much"})
    assert all("s3cret" not in str(vars(f)) for f in form.fields)


def test_an_empty_secret_keeps_the_stored_one_and_a_typed_one_replaces_it() -> None:
    stored = Kettle(name="Ada", key=SecretStr("s3cret"))
    kept, _ = read(Kettle, {**TYPED, "key": ""}, stored)
    assert isinstance(kept, Kettle)
    assert kept.key.get_secret_value() == "s3cret"
    changed, _ = read(Kettle, {**TYPED, "key": "other"}, stored)
    assert isinstance(changed, Kettle)
    assert changed.key.get_secret_value() == "other"
    nothing, form = read(Kettle, {**TYPED, "key": ""})
    assert nothing is None
    assert form["key"].error == "This is needed."


def test_a_prefix_keeps_two_forms_on_a_page_apart() -> None:
    kettle, form = read(Kettle, {f"kettle_{k}": v for k, v in TYPED.items()} | {"name": "other"}, prefix="kettle_")
    assert isinstance(kettle, Kettle)
    assert kettle.name == "Ada"
    assert form["kettle_name"].id == "field-kettle-name"
