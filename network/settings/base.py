"""What all settings have in common."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

ClassPath = Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")]


FiveQiNumber = Literal[
    1, 2, 3, 4, 5, 6, 7, 8, 9, 65, 66, 67, 69, 70, 75, 79, 80, 82, 83, 84, 85, 86
]  # fmt: skip


CellName = Annotated[str, Field(pattern=r"^[^/\s]+(/\d+)?$")]


class Settings(BaseModel):
    """Values that don't change once read; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
