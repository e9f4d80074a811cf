"""What a person says about a file beside what its columns mean."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Options(BaseModel):
    """How the rows of a file are to be read and what follows from them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    consent: Literal["as_told", "granted"] = Field(
        "as_told",
        description="As told: by the column of consent alone; without one nobody has agreed. Granted: all have agreed.",
    )
    topic: str = Field("marketing", min_length=1, max_length=64, description="What they agreed to, where no row says.")
    evidence: str = Field(
        "",
        max_length=1000,
        description="Where and by which words they agreed; stands in the ledger beside each of them.",
    )
    dates: Literal["iso", "day_first", "month_first"] = Field(
        "iso", description="How dates with slashes are meant: 3/4/2026 is in April, or in March."
    )
    welcome: bool = Field(
        default=False,
        description="Let welcome campaigns greet those who are new, if they agreed within the last two days.",
    )
    as_recorded: bool = Field(
        default=False,
        description="The file is Cartwheel's own export: keep each consent's source. Only into an empty ledger.",
    )
