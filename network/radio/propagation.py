"""Path loss, line-of-sight probability and shadowing spread of TR 38.901 and TR 37.885.

Scenarios between a base station and a vehicle are TR 38.901's ``"UMa"``, ``"UMi"`` (street canyon)
and ``"RMa"``; between vehicles TR 37.885's ``"V2X-highway"`` and ``"V2X-urban"``. Everything takes
and returns arrays that broadcast against each other. Results come in the precision of distances and
heights: single is good for 1e-4 dB, and several times as fast.

Outside a model's range a carrier frequency is refused. Distances under the least one of the model
are taken as that least one; beyond the greatest the last formula goes on, which only makes a lost
station more lost. Antenna heights are moved to the nearest one within the range. What was moved is
logged once.
"""

from __future__ import annotations

import logging
import math
from functools import cache
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from network.arrays import Floats, floating
from network.radio.quantiles import normal_quantile

Scenario: TypeAlias = Literal["UMa", "UMi", "RMa", "V2X-highway", "V2X-urban"]

SPEED_OF_LIGHT_MPS = 3.0e8
"""What TR 38.901 takes in the breakpoint distances (Table 7.4.1-1, note 1)."""

_log = logging.getLogger(__name__)


class _Range(NamedTuple):
    """Where a scenario's formulas hold (TR 38.901 Table 7.4.1-1, TR 37.885 6.2.1)."""

    carrier_ghz: tuple[float, float]
    least_distance_m: float
    greatest_distance_m: float
    ue_height_m: tuple[float, float]
    bs_height_m: tuple[float, float]


_RANGES: dict[str, _Range] = {
    "UMa": _Range((0.5, 100.0), 10.0, 5_000.0, (1.5, 22.5), (10.0, 150.0)),
    "UMi": _Range((0.5, 100.0), 10.0, 5_000.0, (1.5, 22.5), (3.0, 50.0)),
    "RMa": _Range((0.5, 30.0), 10.0, 10_000.0, (1.0, 10.0), (10.0, 150.0)),
    "V2X-highway": _Range((0.5, 100.0), 1.0, 10_000.0, (0.5, 10.0), (0.5, 10.0)),
    "V2X-urban": _Range((0.5, 100.0), 1.0, 10_000.0, (0.5, 10.0), (0.5, 10.0)),
}


class CorrelationDistances(NamedTuple):
    """Over which distances [m] large-scale quantities stay alike along a path."""

    shadowing_los_m: float
    shadowing_nlos_m: float
    los_state_m: float


CORRELATION_DISTANCES: dict[str, CorrelationDistances] = {
    "UMa": CorrelationDistances(37.0, 50.0, 50.0),
    "UMi": CorrelationDistances(10.0, 13.0, 50.0),
    "RMa": CorrelationDistances(37.0, 120.0, 60.0),
    "V2X-highway": CorrelationDistances(10.0, 13.0, 50.0),
    "V2X-urban": CorrelationDistances(10.0, 13.0, 50.0),
}
"""TR 38.901 Table 7.5-6 (SF) and Table 7.6.3.1-2 (LOS state); sidelink as UMi (TR 37.885 6.2.3)."""


def path_loss_db(
    scenario: Scenario,
    distance_2d_m: ArrayLike,
    carrier_ghz: float,
    *,
    los: ArrayLike,
    bs_height_m: ArrayLike,
    ue_height_m: ArrayLike,
    environment_height_m: ArrayLike = 1.0,
    building_height_m: float = 5.0,
    street_width_m: float = 20.0,
) -> Floats:
    """Return the mean path loss, without shadowing.

    TR 38.901 Table 7.4.1-1 for UMa, UMi and RMa; TR 37.885 Table 6.2.1-1 between vehicles, where
    the two antenna heights only make the slant distance and NLOSv takes the LOS formula plus
    `penetration.vehicle_blockage_loss_db`.

    Args:
        scenario: One of the scenarios above.
        distance_2d_m: Distance in the plane [m].
        carrier_ghz: Carrier frequency [GHz].
        los: True where there is line of sight.
        bs_height_m: Height of the base station's antenna above ground [m].
        ue_height_m: Height of the station's antenna above ground [m].
        environment_height_m: UMa only: h_E of the effective antenna heights [m]; 1 m for every
            station under 13 m (see `environment_height_m`).
        building_height_m: RMa only: average height of buildings, 5 to 50 m.
        street_width_m: RMa only: average street width, 5 to 50 m.

    Returns:
        Path loss [dB], positive, of the broadcast shape.

    Raises:
        ValueError: An unknown scenario; a carrier, building height or street width outside the
            model's range; a distance that is negative or not a number.
    """
    in_sight, blocked = path_losses_db(
        scenario,
        distance_2d_m,
        carrier_ghz,
        bs_height_m=bs_height_m,
        ue_height_m=ue_height_m,
        environment_height_m=environment_height_m,
        building_height_m=building_height_m,
        street_width_m=street_width_m,
    )
    return np.where(np.asarray(los, dtype=bool), in_sight, blocked)


def path_losses_db(
    scenario: Scenario,
    distance_2d_m: ArrayLike,
    carrier_ghz: float,
    *,
    bs_height_m: ArrayLike,
    ue_height_m: ArrayLike,
    environment_height_m: ArrayLike = 1.0,
    building_height_m: float = 5.0,
    street_width_m: float = 20.0,
) -> tuple[Floats, Floats]:
    """Return what `path_loss_db` gives in line of sight, and what it gives out of it [dB]."""
    distance_2d, bs_height, ue_height = _within_range(
        scenario, distance_2d_m, carrier_ghz, bs_height_m, ue_height_m
    )
    distance_3d = np.sqrt(distance_2d**2 + (bs_height - ue_height) ** 2)
    if scenario == "UMa":
        return _uma(
            distance_2d, distance_3d, carrier_ghz, bs_height, ue_height,
            np.asarray(environment_height_m, dtype=distance_2d.dtype),
        )  # fmt: skip
    if scenario == "UMi":
        return _umi(distance_2d, distance_3d, carrier_ghz, bs_height, ue_height)
    if scenario == "RMa":
        for name, value in (
            ("building_height_m", building_height_m),
            ("street_width_m", street_width_m),
        ):
            if not 5.0 <= value <= 50.0:
                raise ValueError(f"RMa holds for a {name} of 5 to 50 m, got {value}")
        return _rma(
            distance_2d, distance_3d, carrier_ghz, bs_height, ue_height,
            building_height_m, street_width_m,
        )  # fmt: skip
    return _between_vehicles(scenario, distance_3d, carrier_ghz)


def los_probability(
    scenario: Scenario, distance_2d_m: ArrayLike, *, ue_height_m: ArrayLike = 1.5
) -> Floats:
    """Return the probability of line of sight.

    TR 38.901 Table 7.4.2-1; TR 37.885 Table 6.2.1-2 between vehicles, where the rest is NLOSv.

    Args:
        scenario: One of the scenarios above.
        distance_2d_m: Distance in the plane [m], outdoors.
        ue_height_m: Height of the station's antenna [m]; matters in UMa above 13 m.

    Returns:
        Probabilities in [0, 1] of the broadcast shape.

    Raises:
        ValueError: An unknown scenario or a distance that is negative or not a number.
    """
    _known(scenario)
    d = _distances(distance_2d_m)
    if scenario == "V2X-highway":
        near = np.minimum(1.0, 2.1013e-6 * d**2 - 0.002 * d + 1.0193)
        return np.where(d <= 475.0, near, np.maximum(0.0, 0.54 - 0.001 * (d - 475.0)))
    if scenario == "V2X-urban":
        return np.minimum(1.0, 1.05 * np.exp(-0.0114 * d))
    if scenario == "RMa":
        return np.asarray(np.exp(-np.maximum(d - 10.0, 0.0) / 1000.0))
    beyond = np.maximum(d, 18.0)
    decay = 63.0 if scenario == "UMa" else 36.0
    probability = 18.0 / beyond + np.exp(-beyond / decay) * (1.0 - 18.0 / beyond)
    if scenario == "UMa" and np.max(ue_height_m, initial=0.0) > 13.0:
        probability = np.minimum(1.0, probability * (1.0 + _height_gain(beyond, ue_height_m)))
    return np.asarray(probability)


def soft_los_state(
    probability: ArrayLike, normal: ArrayLike, carrier_ghz: float
) -> NDArray[np.float32]:
    """Return how much of a link is in line of sight, from 0 to 1 (TR 38.901 equation 7.6-18).

    Between sight and none lies a strip in which the signal fades, the narrower the shorter its
    wave. The state is over one half exactly where `normal` exceeds the quantile of 1 - P_LOS: with
    the probability of sight.

    Args:
        probability: Of line of sight.
        normal: Standard normal variables that are alike in space.
        carrier_ghz: Carrier frequency [GHz].

    Returns:
        States of the broadcast shape.
    """
    wavelength_m = SPEED_OF_LIGHT_MPS / (carrier_ghz * 1e9)
    quantile = normal_quantile(np.asarray(probability, dtype=np.float32))
    clear = quantile + np.asarray(normal, dtype=np.float32)
    state = np.arctan(clear * math.sqrt(20.0 / wavelength_m))
    return np.asarray(state * (1.0 / math.pi) + 0.5)


def sigma_db(
    scenario: Scenario,
    distance_2d_m: ArrayLike,
    carrier_ghz: float,
    *,
    los: ArrayLike,
    bs_height_m: ArrayLike,
    ue_height_m: ArrayLike,
) -> Floats:
    """Return the standard deviation of shadowing.

    TR 38.901 Table 7.4.1-1, TR 37.885 Table 6.2.1-1. Arguments and errors as `path_loss_db`.

    Returns:
        Standard deviation [dB] of the broadcast shape.
    """
    in_sight, blocked = sigmas_db(
        scenario, distance_2d_m, carrier_ghz, bs_height_m=bs_height_m, ue_height_m=ue_height_m
    )
    return np.where(np.asarray(los, dtype=bool), in_sight, blocked)


def sigmas_db(
    scenario: Scenario,
    distance_2d_m: ArrayLike,
    carrier_ghz: float,
    *,
    bs_height_m: ArrayLike,
    ue_height_m: ArrayLike,
) -> tuple[Floats, Floats]:
    """Return what `sigma_db` gives in line of sight, and what it gives out of it [dB]."""
    distance_2d, bs_height, ue_height = _within_range(
        scenario, distance_2d_m, carrier_ghz, bs_height_m, ue_height_m
    )
    sigma_los, sigma_nlos = {
        "UMa": (4.0, 6.0),
        "UMi": (4.0, 7.82),
        "RMa": (4.0, 8.0),
        "V2X-highway": (3.0, 4.0),
        "V2X-urban": (3.0, 4.0),
    }[scenario]
    in_sight = np.asarray(sigma_los, dtype=distance_2d.dtype)
    blocked = np.asarray(sigma_nlos, dtype=distance_2d.dtype)
    if scenario == "RMa":
        breakpoint_m = _rma_breakpoint_m(bs_height, ue_height, carrier_ghz)
        in_sight = np.where(distance_2d > breakpoint_m, in_sight + 2.0, in_sight)
    shape = np.broadcast(distance_2d, bs_height, ue_height).shape
    return np.broadcast_to(in_sight, shape), np.broadcast_to(blocked, shape)


def environment_height_m(
    distance_2d_m: ArrayLike, ue_height_m: ArrayLike, first_uniform: Floats, second_uniform: Floats
) -> Floats:
    """Return h_E of UMa's effective antenna heights (TR 38.901 Table 7.4.1-1, note 1).

    1 m for every station under 13 m. Above, the reflection may come off a roof: then one of
    12, 15, ... up to 1.5 m below the station's antenna, each as likely.

    Args:
        distance_2d_m: Distance in the plane [m].
        ue_height_m: Height of the station's antenna [m].
        first_uniform: Draws in (0, 1) that decide between ground and roof.
        second_uniform: Draws in (0, 1) that choose the roof's height.

    Returns:
        h_E [m] of the broadcast shape.
    """
    height = np.asarray(ue_height_m, dtype=np.float64)
    on_ground = first_uniform < 1.0 / (1.0 + _height_gain(_distances(distance_2d_m), height))
    choices = np.maximum(np.floor((height - 1.5 - 12.0) / 3.0) + 1.0, 1.0)
    return np.where(on_ground, 1.0, 12.0 + 3.0 * np.floor(second_uniform * choices))


def _uma(
    d2: Floats,
    d3: Floats,
    f: float,
    bs_height: Floats,
    ue_height: Floats,
    environment_height: Floats,
) -> tuple[Floats, Floats]:
    log_d3 = np.log10(d3)
    log_f = math.log10(f)
    breakpoint_m = _street_breakpoint_m(bs_height, ue_height, f, environment_height)
    beyond = 9.0 * np.log10(breakpoint_m**2 + (bs_height - ue_height) ** 2)
    in_sight = (
        28.0 + 20.0 * log_f + np.where(d2 <= breakpoint_m, 22.0 * log_d3, 40.0 * log_d3 - beyond)
    )
    blocked = 13.54 + 39.08 * log_d3 + 20.0 * log_f - 0.6 * (ue_height - 1.5)
    return in_sight, np.maximum(in_sight, blocked)


def _umi(
    d2: Floats, d3: Floats, f: float, bs_height: Floats, ue_height: Floats
) -> tuple[Floats, Floats]:
    log_d3 = np.log10(d3)
    log_f = math.log10(f)
    breakpoint_m = _street_breakpoint_m(bs_height, ue_height, f, 1.0)
    beyond = 9.5 * np.log10(breakpoint_m**2 + (bs_height - ue_height) ** 2)
    in_sight = (
        32.4 + 20.0 * log_f + np.where(d2 <= breakpoint_m, 21.0 * log_d3, 40.0 * log_d3 - beyond)
    )
    blocked = 22.4 + 35.3 * log_d3 + 21.3 * log_f - 0.3 * (ue_height - 1.5)
    return in_sight, np.maximum(in_sight, blocked)


def _rma(
    d2: Floats,
    d3: Floats,
    f: float,
    bs_height: Floats,
    ue_height: Floats,
    building_height: float,
    street_width: float,
) -> tuple[Floats, Floats]:
    h = building_height
    breakpoint_m = _rma_breakpoint_m(bs_height, ue_height, f)
    slant_at_breakpoint = np.sqrt(breakpoint_m**2 + (bs_height - ue_height) ** 2)

    def before_breakpoint(distance: Floats) -> Floats:
        return np.asarray(
            20.0 * np.log10(40.0 * np.pi * distance * f / 3.0)
            + min(0.03 * h**1.72, 10.0) * np.log10(distance)
            - min(0.044 * h**1.72, 14.77)
            + 0.002 * math.log10(h) * distance
        )

    near = before_breakpoint(d3)
    far = before_breakpoint(slant_at_breakpoint) + 40.0 * np.log10(d3 / slant_at_breakpoint)
    in_sight = np.where(d2 <= breakpoint_m, near, far)
    blocked = (
        161.04
        - 7.1 * math.log10(street_width)
        + 7.5 * math.log10(h)
        - (24.37 - 3.7 * (h / bs_height) ** 2) * np.log10(bs_height)
        + (43.42 - 3.1 * np.log10(bs_height)) * (np.log10(d3) - 3.0)
        + 20.0 * math.log10(f)
        - (3.2 * np.log10(11.75 * ue_height) ** 2 - 4.97)
    )
    return in_sight, np.maximum(in_sight, blocked)


def _between_vehicles(scenario: Scenario, d3: Floats, f: float) -> tuple[Floats, Floats]:
    log_d3 = np.log10(d3)
    log_f = math.log10(f)
    if scenario == "V2X-highway":
        in_sight = 32.4 + 20.0 * log_d3 + 20.0 * log_f
    else:
        in_sight = 38.77 + 16.7 * log_d3 + 18.2 * log_f
    return np.asarray(in_sight), np.asarray(36.85 + 30.0 * log_d3 + 18.9 * log_f)


def _street_breakpoint_m(
    bs_height: Floats, ue_height: Floats, f_ghz: float, environment_height: Floats | float
) -> Floats:
    return np.asarray(
        4.0
        * (bs_height - environment_height)
        * (ue_height - environment_height)
        * (f_ghz * 1e9 / SPEED_OF_LIGHT_MPS)
    )


def _rma_breakpoint_m(bs_height: Floats, ue_height: Floats, f_ghz: float) -> Floats:
    return np.asarray(2.0 * np.pi * bs_height * ue_height * (f_ghz * 1e9 / SPEED_OF_LIGHT_MPS))


def _height_gain(distance_2d: Floats, ue_height_m: ArrayLike) -> Floats:
    """C(d_2D, h_UT) of Table 7.4.1-1 note 1, the same term as in UMa's LOS probability."""
    above = np.clip((floating(ue_height_m) - 13.0) / 10.0, 0.0, 1.0)
    along = 1.25 * (distance_2d / 100.0) ** 3 * np.exp(-distance_2d / 150.0)
    return np.asarray(above**1.5 * np.where(distance_2d > 18.0, along, 0.0))


def _within_range(
    scenario: Scenario,
    distance_2d_m: ArrayLike,
    carrier_ghz: float,
    bs_height_m: ArrayLike,
    ue_height_m: ArrayLike,
) -> tuple[Floats, Floats, Floats]:
    allowed = _known(scenario)
    low, high = allowed.carrier_ghz
    if not low <= carrier_ghz <= high:
        raise ValueError(
            f"{scenario} holds for a carrier of {low:g} to {high:g} GHz, got {carrier_ghz}"
        )
    distance = _distances(distance_2d_m)
    if distance.size and distance.max() > allowed.greatest_distance_m:
        _report(scenario, f"distances over {allowed.greatest_distance_m:g} m are extrapolated")
    return (
        np.maximum(distance, allowed.least_distance_m),
        _heights(scenario, "base station antenna", bs_height_m, allowed.bs_height_m),
        _heights(scenario, "station antenna", ue_height_m, allowed.ue_height_m),
    )


def _known(scenario: str) -> _Range:
    try:
        return _RANGES[scenario]
    except KeyError:
        raise ValueError(
            f"scenario must be one of {', '.join(_RANGES)}, got {scenario!r}"
        ) from None


def _distances(distance_2d_m: ArrayLike) -> Floats:
    distance = floating(distance_2d_m)
    # Written so that a NaN fails it.
    if distance.size and not distance.min() >= 0.0:
        raise ValueError("distances must be numbers of at least 0 m")
    return distance


def _heights(scenario: str, what: str, values: ArrayLike, allowed: tuple[float, float]) -> Floats:
    heights = floating(values)
    low, high = allowed
    if not heights.size or (heights.min() >= low and heights.max() <= high):
        return heights
    if np.isnan(heights).any():
        raise ValueError(f"{what} heights must be numbers")
    _report(scenario, f"{what} heights are moved into {low:g} to {high:g} m")
    return np.clip(heights, low, high)


@cache
def _report(scenario: str, what: str) -> None:
    """Log once per process that something left the model's range."""
    _log.warning("%s: %s", scenario, what)
