"""When a station changes its cell: events, and cells prepared for a conditional handover."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from network.arrays import Bools, Ints
from network.packet import NEVER, NS_PER_MS
from network.plugins import handover_rule
from network.ran.measurement import EventA2, EventA3, EventA5, Levels, NeighbourEvent
from network.settings import HandoverSettings


class HandoverTriggers:
    """Decides from measurements who is handed over to which cell.

    Normally a station reports event A3 or A5, and the source commands the handover. In a
    conditional handover (TS 38.331 clause 5.3.5.13) the station is told of the target sooner, when
    it has only come within `conditional_lead_db` of the event, and executes the handover by itself
    once the event triggers; nothing has to come from the source any more. A target that falls back
    out of that reach is released.

    With an a2-Threshold, neighbours are measured only while event A2 is triggered.

    Args:
        stations: Rows to keep track of.
        cells: Number of cells.
        settings: The events and the procedure.
    """

    def __init__(self, stations: int, cells: int, settings: HandoverSettings) -> None:
        time_to_trigger_ns = settings.time_to_trigger_ms * NS_PER_MS
        self._event = _event(stations, cells, settings, time_to_trigger_ns)
        self._rule = handover_rule(stations, cells, settings)
        self._weak: EventA2 | None = None
        if settings.a2_threshold_dbm is not None:
            self._weak = EventA2(
                stations,
                threshold_dbm=settings.a2_threshold_dbm,
                hysteresis_db=settings.hysteresis_db,
                time_to_trigger_ns=time_to_trigger_ns,
            )
        self._early: NeighbourEvent | None = None
        if settings.procedure == "conditional":
            lead_db = settings.conditional_lead_db
            self._early = _event(stations, cells, settings, 0, lead_db=lead_db)
            self._prepared_ns = np.full((stations, cells), NEVER)
        self._preparation_ns = round(settings.preparation_ms * NS_PER_MS)

    def grow(self, stations: int) -> None:
        """Make room for more rows."""
        self._event.grow(stations)
        if self._rule is not None:
            self._rule.grow(stations)
        if self._weak is not None:
            self._weak.grow(stations)
        if self._early is not None:
            self._early.grow(stations)
            more = ((0, stations - len(self._prepared_ns)), (0, 0))
            self._prepared_ns = np.pad(self._prepared_ns, more, constant_values=NEVER)

    def reset(self, stations: Ints) -> None:
        """Forget what was going on in rows, as after a change of cell."""
        self._event.reset(stations)
        if self._rule is not None:
            self._rule.reset(stations)
        if self._weak is not None:
            self._weak.reset(stations)
        if self._early is not None:
            self._early.reset(stations)
            self._prepared_ns[stations] = NEVER

    def update(
        self,
        instant_ns: int,
        stations: Ints,
        rsrp_dbm: Levels,
        serving: Ints,
        hears: Callable[[Ints], Bools],
    ) -> tuple[Ints, Ints]:
        """Take in one measurement of some rows, each once.

        Args:
            instant_ns: When it was taken [ns].
            stations: The rows (n,).
            rsrp_dbm: Filtered RSRP of every cell (n, cells) [dBm].
            serving: Serving cell of each (n,).
            hears: Returns whether what the source sends to stations now gets through.

        Returns:
            The stations that are handed over, and to which cells: normally on a command after the
            preparation, in a conditional handover at once.
        """
        if self._weak is not None:
            own_dbm = rsrp_dbm[np.arange(len(stations)), serving]
            weak = self._weak.update(instant_ns, stations, own_dbm)
            (self._rule or self._event).reset(stations[~weak])
            stations, rsrp_dbm, serving = stations[weak], rsrp_dbm[weak], serving[weak]
        if not stations.size:
            return stations, serving
        if self._early is not None:
            self._early.update(instant_ns, stations, rsrp_dbm, serving)
            self._prepare(instant_ns, stations, hears)
            prepared = self._prepared_ns[stations] <= instant_ns
            return self._event.update(instant_ns, stations, rsrp_dbm, serving, prepared)
        rule = self._rule or self._event
        reporting, target = rule.update(instant_ns, stations, rsrp_dbm, serving)
        if not reporting.size:
            return reporting, target
        heard = hears(reporting)
        return reporting[heard], target[heard]

    def prepared(self, stations: Ints, cells: Ints, instant_ns: int) -> Bools:
        """Return whether cells are prepared for a conditional handover of stations (n,)."""
        if self._early is None:
            return np.zeros(len(stations), dtype=np.bool_)
        return np.asarray(self._prepared_ns[stations, cells] <= instant_ns)

    def _prepare(self, instant_ns: int, stations: Ints, hears: Callable[[Ints], Bools]) -> None:
        assert self._early is not None
        wanted = self._early.triggered(stations)
        ready_ns = np.where(wanted, self._prepared_ns[stations], NEVER)
        new = wanted & (ready_ns == NEVER)
        asking = np.flatnonzero(new.any(axis=1))
        if asking.size:
            new[asking] &= hears(stations[asking])[:, None]
            ready_ns[new] = instant_ns + self._preparation_ns
        self._prepared_ns[stations] = ready_ns


def _event(
    stations: int,
    cells: int,
    settings: HandoverSettings,
    time_to_trigger_ns: int,
    *,
    lead_db: float = 0.0,
) -> NeighbourEvent:
    """Return the event of the settings, or one that comes a lead sooner."""
    if settings.event == "A3":
        return EventA3(
            stations,
            cells,
            offset_db=settings.offset_db - lead_db,
            hysteresis_db=settings.hysteresis_db,
            time_to_trigger_ns=time_to_trigger_ns,
        )
    return EventA5(
        stations,
        cells,
        threshold1_dbm=settings.a5_threshold1_dbm + lead_db,
        threshold2_dbm=settings.a5_threshold2_dbm - lead_db,
        hysteresis_db=settings.hysteresis_db,
        time_to_trigger_ns=time_to_trigger_ns,
    )
