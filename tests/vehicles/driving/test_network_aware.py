from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from network.arrays import Floats
from tests.vehicles.driving.heard import MS, cam
from tests.vehicles.driving.scene import CAR, bodies, ego_at, situation, straight
from vehicles.driving.base import LinkView, Proposal
from vehicles.driving.network_aware import NetworkAware, NetworkAwareSettings

GOOD = LinkView("mast", -80.0, 15.0, False, "next", -95.0)
EGO = ego_at(500.0, 20.0)
ROAD = straight(length_m=3000.0, limit_mps=25.0)
STEP_NS = 100 * MS


class Hole:
    """Coverage that ends at a place."""

    def __init__(self, from_m: float) -> None:
        self._from_m = from_m

    def expected_sinr_db(self, x_m: Floats, y_m: Floats) -> Floats:
        del y_m
        return np.where(x_m < self._from_m, 15.0, -np.inf)


def after(
    seconds: float,
    *links: LinkView,
    delay_ms: float | None = None,
    gap_m: float | None = None,
    hole_m: float | None = None,
    settings: NetworkAwareSettings | None = None,
) -> Proposal | None:
    """What it wants in the end, with links (the last stays) and a message at every step."""
    function = NetworkAware(settings or NetworkAwareSettings())
    seen = bodies((500 + CAR[0] + gap_m, 0, 0, 20.0, CAR)) if gap_m is not None else None
    proposal = None
    for step in range(round(seconds / 0.1)):
        now_ns = (step + 1) * STEP_NS
        received = ()
        if delay_ms is not None:
            sent = cam(1, 550.0, 20.0, generated_ns=now_ns - round(delay_ms * MS))
            received = (replace(sent, received_ns=now_ns),)
        here = situation(ROAD, EGO, seen, received=received, instant_ns=now_ns)
        link = links[min(step, len(links) - 1)] if links else GOOD
        coverage = Hole(hole_m) if hole_m is not None else None
        proposal = function.decide(replace(here, link=link, coverage=coverage))
    return proposal


def test_with_a_good_network_it_has_nothing_to_say() -> None:
    assert after(5.0, delay_ms=30.0) is None
    assert after(5.0) is None


def test_late_messages_open_the_gap_by_how_late_they_are() -> None:
    wanted = []
    for delay_ms in (300.0, 350.0, 400.0, 500.0):
        proposal = after(4.0, delay_ms=delay_ms, gap_m=45.0)
        assert proposal is not None
        assert proposal.reason == "late messages"
        assert len(proposal.messages) == 1
        assert not proposal.takes_over
        wanted.append(proposal.acceleration_mps2)
    assert wanted == sorted(wanted, reverse=True)
    assert wanted[-1] == -1.0


def test_silence_after_messages_counts_and_silence_alone_does_not() -> None:
    function = NetworkAware(NetworkAwareSettings())
    heard = replace(cam(1, 550.0, 20.0), received_ns=0)
    function.decide(replace(situation(ROAD, EGO, received=(heard,)), link=GOOD))
    last = None
    for step in range(1, 40):
        here = situation(ROAD, EGO, instant_ns=step * STEP_NS)
        last = function.decide(replace(here, link=GOOD)) or last
    assert last is not None
    assert last.reason == "late messages"


@pytest.mark.parametrize(
    ("link", "reason"),
    [
        (replace(GOOD, sinr_db=-5.0), "poor link"),
        (replace(GOOD, interrupted=True), "no link"),
        (replace(GOOD, neighbour_rsrp_dbm=-80.5), "handover ahead"),
    ],
)
def test_its_own_link_counts(link: LinkView, reason: str) -> None:
    proposal = after(5.0, link)
    assert proposal is not None
    assert proposal.reason == reason
    assert -1.0 <= proposal.acceleration_mps2 < 1.0


def test_a_fading_link_counts_before_it_is_poor() -> None:
    # 3 dB a second less: in 2 s 6 dB less than now.
    fading = [replace(GOOD, sinr_db=20.0 - 0.3 * step) for step in range(40)]
    proposal = after(3.5, *fading)
    assert fading[34].sinr_db > 5.0
    assert proposal is not None
    assert proposal.reason == "fading link"


def test_a_dip_is_not_taken_for_the_cell_s_edge() -> None:
    # 4 dB a second less for as long as the trend is known, at 14 dB: 2 s on there are still 6 dB.
    dip = [replace(GOOD, sinr_db=22.0 - 0.4 * step) for step in range(21)]
    assert after(2.1, *dip) is None


def test_caution_that_goes_again_keeps_its_reason() -> None:
    proposal = after(4.0, *[replace(GOOD, sinr_db=-5.0)] * 20, GOOD)
    assert proposal is not None
    assert proposal.reason == "poor link"


def test_a_forecast_tells_of_what_lies_ahead() -> None:
    foresighted = NetworkAwareSettings(forecast=True)
    # 20 m/s for 5 s are 100 m.
    assert after(3.0, hole_m=650.0, settings=foresighted) is None
    proposal = after(3.0, hole_m=590.0, settings=foresighted)
    assert proposal is not None
    assert proposal.reason == "poor link ahead"
    assert after(3.0, hole_m=590.0) is None


def test_it_takes_its_speed_back_too() -> None:
    proposal = after(5.0, replace(GOOD, interrupted=True))
    assert proposal is not None
    # 80 % of 25 m/s is what it drives.
    assert proposal.acceleration_mps2 == pytest.approx(0.0, abs=1e-9)


def test_limits_the_wrong_way_round_are_refused() -> None:
    with pytest.raises(ValidationError, match="bad_delay_ms must be above good_delay_ms"):
        NetworkAwareSettings(good_delay_ms=100.0, bad_delay_ms=50.0)
    with pytest.raises(ValidationError, match="bad_sinr_db must be below good_sinr_db"):
        NetworkAwareSettings(good_sinr_db=0.0, bad_sinr_db=3.0)
