"""The 5G and C-V2X link: where stations are and what they send, in; what arrives and when, out.

It needs numpy arrays and nothing of the rest of the bridge. Time is in integer nanoseconds, and
stations are numbers that the caller chooses:

>>> import numpy as np
>>> from network import AREA, NetworkSettings, Positions, SiteSettings, open_link
>>> mast = SiteSettings(id="mast", x_m=0.0, y_m=60.0)
>>> link = open_link(NetworkSettings(cells=[mast]), seed=1, bounds_m=(-200.0, -50.0, 200.0, 50.0))
>>> link.attach(0, "lead", 1.5, subscribed=True)
>>> link.attach(1, "ego", 1.5, subscribed=True)
>>> warning = link.send(0, size_bytes=300, sent_ns=0, to=AREA, radius_m=150.0)

Two cars, 80 m apart, drive east at 20 m/s:

>>> x_m, still = np.array([80.0, 0.0]), np.zeros(2)
>>> at_start = Positions(0, x_m, still, still, vx_mps=np.array([20.0, 20.0]), vy_mps=still)
>>> received = link.advance(100_000_000, at_start)
>>> received.receiver.tolist()  # the server, which relays the warning, then the car behind
[-1, 1]
>>> packets = link.finished()
>>> bool((packets.stage_ns.sum(axis=1) == packets.ended_ns - packets.sent_ns).all())
True
>>> link.cell_names
('mast/0', 'mast/1', 'mast/2')
"""

from __future__ import annotations

from network.base import Cause, CellState, Handovers, LinkModel, StationState
from network.ideal import IdealLink
from network.link import Link
from network.packet import (
    AREA,
    NEVER,
    SERVER,
    Fate,
    Packets,
    Positions,
    Receptions,
    Stage,
)
from network.radio.channel import Sight
from network.ran.cells import Bounds
from network.settings import NetworkSettings, SiteSettings
from network.traces import TraceLink

__all__ = [
    "AREA",
    "NEVER",
    "SERVER",
    "Cause",
    "CellState",
    "Fate",
    "Handovers",
    "IdealLink",
    "Link",
    "LinkModel",
    "NetworkSettings",
    "Packets",
    "Positions",
    "Receptions",
    "SiteSettings",
    "Stage",
    "StationState",
    "TraceLink",
    "open_link",
]


def open_link(
    settings: NetworkSettings, *, seed: int, bounds_m: Bounds, buildings: Sight | None = None
) -> LinkModel:
    """Return the link that settings ask for by their `model`; arguments as for `Link`."""
    if settings.model == "ideal":
        return IdealLink()
    if settings.model == "trace":
        return TraceLink(settings, seed=seed)
    return Link(settings, seed=seed, bounds_m=bounds_m, buildings=buildings)
