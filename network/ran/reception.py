"""What stations receive: levels of all cells, SINR in some, jammers, and cells off the air."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from network.arrays import Bools, Floats, Ints
from network.base import StationState
from network.draws import key_of
from network.impairments import RadioImpairments
from network.packet import Positions
from network.phy import prb_count
from network.radio.penetration import CarLoss
from network.ran.cells import cells_of
from network.ran.fades import UP, FadedPackets, Fades
from network.ran.layered import LayeredScheduler, LayeredSignals
from network.ran.layers import NO_CELL, Layer, slices_of
from network.ran.measurement import Layer1Errors, Levels, layer_1_period_ms
from network.ran.scheduler import Scheduler
from network.ran.signals import Signals
from network.settings import CellOutage


class Reception:
    """What stations receive in all layers, one row for each station.

    Args:
        stations: Number of rows.
        layers: The network's layers; cells are numbered through.
        seed: Seed of the run.
        down: The downlink's scheduler, which knows how loaded the cells are.
        up: The uplink's.

    Raises:
        ValueError: An impairment of an unknown cell.
    """

    def __init__(
        self,
        stations: int,
        layers: tuple[Layer, ...],
        *,
        seed: int,
        down: Scheduler | LayeredScheduler,
        up: Scheduler | LayeredScheduler,
    ) -> None:
        ground = layers[0]
        settings = self._settings = ground.settings
        radio, handover = settings.radio, settings.handover
        self._layers = layers
        self._cells = slices_of(layers)
        self._down, self._up = down, up
        names = tuple(name for layer in layers for name in layer.cell_names)
        keys = np.array([key_of(name) for name in names], dtype=np.uint64)
        self._now_ns = 0
        self._positions: Positions | None = None
        self._impairments = RadioImpairments(
            settings, names, cells_of(ground.sites), prbs=down.prbs
        )
        self.off_air: Bools = np.zeros(len(names), dtype=np.bool_)
        """Which cells are off the air (cells,)."""
        self.one_way_ns = np.concatenate([layer.one_way_ns() for layer in layers])
        """How long signals take through space to each cell's base station (cells,) [ns]."""
        self.signals = self._signals_of(stations)
        """The received levels."""
        self._car_loss = CarLoss(
            radio.in_car_share, metallised_windows=radio.metallised_windows, seed=seed
        )
        self._fades = Fades(stations, settings, keys, seed=seed) if radio.fast_fading else None
        self._errors = (
            Layer1Errors(
                stations,
                keys,
                sigma_db=handover.layer_1_error_db,
                period_ms=layer_1_period_ms(handover.smtc_period_ms),
                seed=seed,
            )
            if handover.layer_1_error_db
            else None
        )
        self.attached: Bools = np.zeros(stations, dtype=np.bool_)
        """Which rows are in use."""
        self.key: NDArray[np.uint64] = np.zeros(stations, dtype=np.uint64)
        """Keys of the stations' draws."""
        self._height_m = np.zeros(stations)
        self._measured = np.zeros(stations, dtype=np.bool_)
        self.down_sinr_db: Floats = np.full(stations, np.nan)
        """SINR down in the cell that a station was last seen in (stations,) [dB]."""
        self.up_sinr_db: Floats = np.full(stations, np.nan)
        """The same up."""
        self._reported_down_db = np.full(stations, np.nan)
        self._reported_up_db = np.full(stations, np.nan)

    @property
    def next_change_ns(self) -> int:
        """When a cell goes off the air or comes back next, or a jammer changes [ns]."""
        return self._impairments.next_change_ns

    def take_off_air(self, outage: CellOutage) -> None:
        """Add an outage that hasn't begun; ValueError if there is no such cell."""
        self._impairments.add(outage)

    def attach(self, station: int, key: int, antenna_height_m: float) -> None:
        """Take a row into use; arguments as for `Connections.attach`."""
        self.attached[station] = True
        self.key[station] = key
        self._height_m[station] = antenna_height_m
        self._measured[station] = False
        if self._errors is not None:
            self._errors.reset(station)
        if self._settings.radio.in_car_share:
            loss_db = self._car_loss.loss_db(self.key[station : station + 1])
            self.signals.lose(station, float(loss_db[0]))
        if self._fades is not None:
            self._fades.reset(station)

    def detach(self, station: int) -> None:
        """Take a row out of use."""
        self.attached[station] = False

    def grow(self, stations: int) -> None:
        """Make room for more rows."""
        more = (0, stations - len(self.attached))
        for name in (
            "attached",
            "key",
            "_height_m",
            "_measured",
            "down_sinr_db",
            "up_sinr_db",
            "_reported_down_db",
            "_reported_up_db",
        ):
            setattr(self, name, np.pad(getattr(self, name), more))
        self.signals.grow(stations)
        if self._errors is not None:
            self._errors.grow(stations)
        if self._fades is not None:
            self._fades.grow(stations)

    def move(self, instant_ns: int, positions: Positions | None = None) -> None:
        """Go on to an instant [ns], with other positions from there on if they are given."""
        self._now_ns = instant_ns
        self._positions = positions or self._positions
        for layer in self._layers:
            if layer.orbit is not None:
                layer.orbit.move_to(instant_ns)

    def change_air(self) -> tuple[Ints, Ints] | None:
        """Do what is due of the impairments on the air.

        Returns:
            The cells that went off the air and those that came back, or None if nothing was due.
        """
        if self._now_ns < self._impairments.next_change_ns:
            return None
        self._impairments.change()
        before, self.off_air = self.off_air, self._impairments.off_air(self._now_ns)
        rows = np.flatnonzero(self.attached & self._measured)
        if (before != self.off_air).any():
            self.signals.switch(self.off_air, rows, *self._places(rows))
        self._hear_jammers(rows)
        return np.flatnonzero(self.off_air & ~before), np.flatnonzero(before & ~self.off_air)

    def begin(self) -> Ints:
        """Let new stations measure for the first time; return their rows."""
        new = np.flatnonzero(self.attached & ~self._measured)
        if new.size:
            self.signals.begin(new, *self._places(new), self._error_db(new))
            self._hear_jammers(new)
            self._measured[new] = True
        return new

    def measure(self) -> Ints:
        """Let all stations measure, and cells their load; return the stations' rows."""
        self._up.measure(self._now_ns)
        self._down.measure(self._now_ns)
        if self._fades is not None:
            self._fades.adapt()
        rows = np.flatnonzero(self.attached)
        if rows.size:
            self.signals.measure(rows, *self._places(rows), self._error_db(rows))
            self._hear_jammers(rows)
        if len(self._layers) > 1:
            self.one_way_ns = np.concatenate([layer.one_way_ns() for layer in self._layers])
        return rows

    def see(self, stations: Ints, cells: Ints) -> None:
        """Work out the SINR of stations in cells, with every cell's present load."""
        self.down_sinr_db[stations], self.up_sinr_db[stations] = self.sinr_db(stations, cells)
        if self._fades is not None:
            self._fades.see(stations, self.signals.los(stations, cells))

    def report(self, stations: Ints) -> None:
        """Let stations report the SINR that they have now."""
        self._reported_down_db[stations] = self.down_sinr_db[stations]
        self._reported_up_db[stations] = self.up_sinr_db[stations]

    def enter(self, stations: Ints, cells: Ints) -> None:
        """Let data of stations take cells from now on."""
        if self._fades is not None:
            self._fades.enter(stations, self.key[stations], cells)
        self.see(stations, cells)
        self.report(stations)

    def sinr_db(self, stations: Ints, cells: Ints) -> tuple[Floats, Floats]:
        """Return SINR down and up of stations in cells [dB], with every cell's present load."""
        return self.signals.sinr_db(stations, cells, self._down.utilisation, self._up.utilisation)

    def hears(self, stations: Ints, cells: Ints) -> Bools:
        """Return which stations what cells command reaches.

        A command is sent several times over, and so are the messages of random access. In a slot in
        which a neighbour is silent it doesn't disturb, so they only suffer from who is busy in all
        of these slots.
        """
        busy_throughout = self._down.utilisation**self._settings.scheduling.harq_max_transmissions
        sinr_db, _ = self.signals.sinr_db(stations, cells, busy_throughout, self._up.utilisation)
        return np.asarray(sinr_db >= self._settings.handover.qout_db)

    def select(self, stations: Ints) -> tuple[Ints, Ints]:
        """Return those stations that a cell can be selected for, and the cell of each."""
        cell = self._selected(self.signals.rsrp_dbm[stations])
        found = cell != NO_CELL
        return stations[found], cell[found]

    def quality(
        self, way: int, stations: Ints, begin_ns: Ints
    ) -> tuple[Floats, Floats, FadedPackets | None]:
        """Return what packets (n,) are sent with: reported SINR, SINR [dB], and fast fading.

        Args:
            way: `fades.UP` or `fades.DOWN`.
            stations: The station of each.
            begin_ns: When each comes to its queue [ns].
        """
        reported_db = (self._reported_up_db if way == UP else self._reported_down_db).take(stations)
        sinr_db = (self.up_sinr_db if way == UP else self.down_sinr_db).take(stations)
        if self._fades is None:
            return reported_db, sinr_db, None
        assert self._positions is not None
        return (
            reported_db + self._fades.margin_db(stations, way),
            sinr_db,
            self._fades.packets(way, stations, sinr_db, self._positions, begin_ns),
        )

    def expected_sinr_db(self, x_m: Floats, y_m: Floats, height_m: Floats) -> Floats:
        """Return the downlink SINR to be expected at places; as `LinkModel.expected_sinr_db`."""
        places = np.arange(len(x_m))
        signals = self._signals_of(len(x_m))
        signals.begin(places, x_m, y_m, height_m)
        cell = self._selected(np.where(self.off_air, -np.inf, signals.rsrp_dbm))
        on_air = ~self.off_air
        down_db, _ = signals.sinr_db(
            places,
            np.maximum(cell, 0),
            self._down.utilisation * on_air,
            self._up.utilisation * on_air,
        )
        return np.where(cell == NO_CELL, -np.inf, down_db)

    def state(self, cell: Ints, interrupted_until_ns: Ints) -> StationState:
        """Return the radio state of all stations.

        Args:
            cell: The cell that each station's data takes (stations,).
            interrupted_until_ns: Until when it waits (stations,) [ns].
        """
        n = len(self.attached)
        rows = np.flatnonzero(self.attached & self._measured)
        serving = np.where(self.attached, cell, NO_CELL)
        served = rows[serving[rows] != NO_CELL]
        served = served[~self.off_air[serving[served]]]
        rsrp, neighbour_rsrp = np.full(n, np.nan), np.full(n, np.nan)
        sinr, up_sinr = np.full(n, np.nan), np.full(n, np.nan)
        neighbour = np.full(n, NO_CELL)
        rsrp[served] = self.signals.rsrp_dbm[served, serving[served]]
        sinr[served] = self.down_sinr_db[served]
        up_sinr[served] = self.up_sinr_db[served]
        if rows.size and self.off_air.size > 1:
            others = self.signals.rsrp_dbm[rows]
            own = serving[rows] != NO_CELL
            others[own, serving[rows[own]]] = -np.inf
            neighbour[rows] = np.argmax(others, axis=1)
            neighbour_rsrp[rows] = others[np.arange(len(rows)), neighbour[rows]]
        until = np.where(self.attached, interrupted_until_ns, 0)
        return StationState(serving, rsrp, sinr, up_sinr, neighbour, neighbour_rsrp, until)

    def _selected(self, rsrp_dbm: Levels) -> Ints:
        """Return the strongest cell of the first layer that has one strong enough (n,), or NO_CELL.

        Args:
            rsrp_dbm: RSRP of every cell (n, cells) [dBm].
        """
        selected = np.full(len(rsrp_dbm), NO_CELL)
        for layer, cells in zip(self._layers, self._cells, strict=True):
            if not layer.selectable:
                continue
            rows = np.flatnonzero(selected == NO_CELL)
            strongest = np.argmax(rsrp_dbm[rows, cells], axis=1)
            reached = rsrp_dbm[rows, cells.start + strongest] >= layer.min_rsrp_dbm
            selected[rows[reached]] = cells.start + strongest[reached]
        return selected

    def _signals_of(self, stations: int) -> Signals | LayeredSignals:
        """Return what so many stations receive in all layers."""
        received = [signals_of(layer, stations) for layer in self._layers]
        return received[0] if len(received) == 1 else LayeredSignals(received, self._cells)

    def _error_db(self, stations: Ints) -> NDArray[np.float32] | None:
        if self._errors is None:
            return None
        return self._errors.at(self._now_ns, stations, self.key[stations])

    def _hear_jammers(self, stations: Ints) -> None:
        if self._impairments.has_jammers:
            down, up = self._impairments.jamming_mw(
                self._now_ns, *self._places(stations), self._whereabouts
            )
            self.signals.jam(stations, down, up)

    def _whereabouts(self, key: str) -> tuple[float, float] | None:
        station = np.flatnonzero(self.attached & (self.key == np.uint64(key_of(key))))
        if not station.size:
            return None
        x_m, y_m, _ = self._places(station)
        return float(x_m[0]), float(y_m[0])

    def _places(self, stations: Ints) -> tuple[Floats, Floats, Floats]:
        """Return x, y and the antenna's height [m] of stations now."""
        assert self._positions is not None
        x_m, y_m = self._positions.at(self._now_ns, stations)
        # The last bits hang on the instant that the caller gave positions for; on the edge of a
        # square of the shadowing map they would decide.
        return np.round(x_m, 6), np.round(y_m, 6), self._height_m[stations]


def signals_of(layer: Layer, stations: int) -> Signals:
    """Return what so many stations receive in a layer."""
    radio = layer.settings.radio
    return Signals(
        stations,
        layer.settings,
        layer.channel,
        layer.power_dbm,
        prbs=prb_count(radio.bandwidth_mhz, radio.subcarrier_spacing_khz),
        uplink_interference_mw=layer.uplink_interference_mw,
        moving=layer.orbit is not None,
    )
