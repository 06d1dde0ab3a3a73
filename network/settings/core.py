"""The way between base station and server."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from network.settings.base import Settings


class ServerPathSettings(Settings):
    """One's own figures for the way between base station and server."""

    delay_ms: float = Field(ge=0.0, le=10_000.0, description="The least it takes, one way [ms].")
    jitter_ms: float = Field(
        0.0, ge=0.0, le=10_000.0, description="Mean of an exponential time on top, one way [ms]."
    )


class ServerTimeSettings(Settings):
    """The server's time as a distribution: log-normal, by its mean and standard deviation."""

    mean_ms: float = Field(gt=0.0, le=10_000.0, description="Mean time with a message [ms].")
    spread_ms: float = Field(ge=0.0, le=10_000.0, description="Its standard deviation [ms].")


class CoreSettings(Settings):
    """From the base station to the server and back."""

    server: Literal["gnb", "edge", "region", "cloud"] | ServerPathSettings = Field(
        "edge",
        description="Where user plane function and server stand: at the base station, at the "
        "access ring's first node, at the operator's core, or beyond it in the internet of the "
        "same country; or the way from the base station in one's own figures.",
    )
    backhaul_ms: float | None = Field(
        None,
        ge=0.0,
        le=1000.0,
        description="Base station to user plane function, one way [ms]; by default what nodes and "
        "fibre on the way to the server's place come to, and 0 with one's own figures.",
    )
    server_ms: Annotated[float, Field(ge=0.0, le=10_000.0)] | ServerTimeSettings = Field(
        1.0, description="Time the server takes with a message [ms], or its mean and spread."
    )
