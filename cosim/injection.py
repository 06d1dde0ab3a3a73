"""What people make happen in a run that goes on, which becomes a part of its scenario."""

from __future__ import annotations

from cosim.clock import NS_PER_MS, to_s
from cosim.events import Brake, Events, EventSettings
from cosim.scenario import Scenario
from cosim.sides.link import LinkSide
from network.settings import CellOutage, LoadBurst

# It happens so soon after it was asked for: at a whole millisecond that no side has reached.
_SOON_NS = 2 * NS_PER_MS


class Injections:
    """Brings events and outages into a run between its ticks, in its thread.

    Args:
        events: the run's events.
        link: the run's link.
    """

    def __init__(self, events: Events, link: LinkSide) -> None:
        self._events = events
        self._link = link
        self._brakes: list[EventSettings] = []
        self._impairments: list[CellOutage | LoadBurst] = []

    def __bool__(self) -> bool:
        """Whether anything was brought in."""
        return bool(self._brakes or self._impairments)

    def brake(self, vehicle: str, deceleration_mps2: float, now_ns: int) -> EventSettings:
        """A vehicle of SUMO's brakes to a stop from an instant on [ns]."""
        brake = Brake(vehicle=vehicle, deceleration_mps2=deceleration_mps2)
        event = EventSettings(at_s=_soon_s(now_ns), brake=brake)
        self._events.add(event)
        self._brakes.append(event)
        return event

    def outage(self, cell: str, lasts_s: float, now_ns: int) -> CellOutage:
        """A cell or a site goes off the air for some time [s]; ValueError if there is none."""
        from_s, to_end_s = _span_s(now_ns, lasts_s)
        outage = CellOutage(kind="cell_outage", cell=cell, from_s=from_s, to_s=to_end_s)
        self._impair(outage)
        return outage

    def load_burst(
        self, cell: str, prb_utilisation: float, lasts_s: float, now_ns: int
    ) -> LoadBurst:
        """Others ask so much of a cell or a site for some time [s]; ValueError if there is none."""
        from_s, to_end_s = _span_s(now_ns, lasts_s)
        burst = LoadBurst(
            kind="load_burst",
            cell=cell,
            from_s=from_s,
            to_s=to_end_s,
            prb_utilisation=prb_utilisation,
        )
        self._impair(burst)
        return burst

    def _impair(self, impairment: CellOutage | LoadBurst) -> None:
        self._link.impair(impairment)
        self._impairments.append(impairment)

    def into(self, scenario: Scenario) -> Scenario:
        """A scenario with all that was brought in."""
        impairments = (*scenario.network.impairments, *self._impairments)
        network = scenario.network.model_copy(update={"impairments": impairments})
        events = [*scenario.events, *self._brakes]
        return scenario.model_copy(update={"network": network, "events": events})


def _soon_s(now_ns: int) -> float:
    return to_s(-(-(now_ns + _SOON_NS) // NS_PER_MS) * NS_PER_MS)


def _span_s(now_ns: int, lasts_s: float) -> tuple[float, float]:
    from_s = _soon_s(now_ns)
    return from_s, round(from_s + lasts_s, 3)
