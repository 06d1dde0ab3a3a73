"""What goes wrong when: backhaul, core, cells off the air, jammers.

All of it stands on a timeline from the settings, so its effect on a packet or a station follows
from instants alone, whatever spans the link is advanced by. Load bursts are not here: they are a
part of the cells' utilisation (`ran.cells.utilisation_of`).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from network.arrays import Bools, Floats, Ints
from network.draws import DrawKeys, Draws
from network.packet import NEVER, NS_PER_MS, NS_PER_S, Fate
from network.radio.channel import Cells
from network.radio.propagation import SPEED_OF_LIGHT_MPS, path_loss_db
from network.ran.cells import cells_called
from network.settings import (
    BackhaulCut,
    BackhaulDelay,
    BackhaulLoss,
    CellOutage,
    CoreFailure,
    Impairment,
    Jammer,
    NetworkSettings,
)

_NEAREST_M = 1.0


class WireImpairments:
    """Delay, loss and cuts of the backhaul, and failures of the core.

    A packet on its way up meets the backhaul as it is when the packet leaves the base station, one
    on its way down as it is when the packet would have reached it; a station without a cell has a
    backhaul that only what concerns all cells concerns.

    Args:
        settings: The network's settings.
        names: The cells' names.
        seed: Seed of the run.

    Raises:
        ValueError: A cell that isn't there.
    """

    def __init__(self, settings: NetworkSettings, names: tuple[str, ...], seed: int) -> None:
        backhaul = [
            (one, *_span_ns(one), self._columns(one, names))
            for one in settings.impairments
            if isinstance(one, BackhaulDelay | BackhaulLoss | BackhaulCut)
        ]
        instants = sorted(
            {0, *(i for _, begin, end, _ in backhaul for i in (begin, end))} - {NEVER}
        )
        shape = (len(instants), len(names) + 1)
        self._from_ns = np.array(instants)
        self._extra_ns = np.zeros(shape)
        self._jitter_ns = np.zeros(shape)
        self._passes = np.ones(shape)
        kept = np.zeros(shape, dtype=np.bool_)
        for one, begin, end, columns in backhaul:
            at = (self._from_ns >= begin) & (self._from_ns < end)
            part = np.ix_(at, columns)
            if isinstance(one, BackhaulDelay):
                self._extra_ns[part] += one.extra_ms * NS_PER_MS
                self._jitter_ns[part] += one.jitter_ms * NS_PER_MS
            elif isinstance(one, BackhaulLoss):
                self._passes[part] *= 1.0 - one.probability
            elif one.packets == "lost":
                self._passes[part] = 0.0
            else:
                kept[part] = True
        # When a packet that comes to a cut gets on: the beginning of the next stretch without one.
        self._goes_on_ns = np.zeros(shape, dtype=np.int64)
        after = np.full(shape[1], NEVER)
        for row in range(len(instants) - 1, -1, -1):
            self._goes_on_ns[row] = np.where(kept[row], after, 0)
            after = np.where(kept[row], after, instants[row])
        self._core = [_span_ns(one) for one in settings.impairments if isinstance(one, CoreFailure)]
        self._draws = {
            way: (Draws(seed, f"backhaul loss/{way}"), Draws(seed, f"backhaul jitter/{way}"))
            for way in ("up", "down")
        }

    @staticmethod
    def wanted(settings: NetworkSettings) -> bool:
        """Return whether settings ask for any of this."""
        kinds = BackhaulDelay | BackhaulLoss | BackhaulCut | CoreFailure
        return any(isinstance(one, kinds) for one in settings.impairments)

    def up(self, plan_ns: Ints, cells: Ints, draw: DrawKeys) -> tuple[Ints, Ints]:
        """Return plans of packets from base station to server as they come about, and their fates.

        Args:
            plan_ns: As `Core.up` has it (n, 4) [ns].
            cells: The cells that they come from (n,).
            draw: The packets'.
        """
        later, lost = self._backhaul("up", plan_ns[:, 0], cells, draw)
        plan = plan_ns.copy()
        never = later == NEVER
        plan[:, 1:] += np.where(never, 0, later)[:, None]
        plan[never, 1:] = NEVER
        plan[lost, 1:] = plan[lost, :1]
        stuck = self._core_fails(plan[:, 1]) & ~lost
        plan[stuck, 2:] = plan[stuck, 1:2]
        return plan, _fates(lost, stuck)

    def leave_server(self, plan_ns: Ints) -> tuple[Ints, Ints]:
        """Return plans of packets from server to base station (n, 4) [ns], and their fates (n,)."""
        stuck = self._core_fails(plan_ns[:, 0])
        plan = np.where(stuck[:, None], plan_ns[:, :1], plan_ns)
        return plan, _fates(np.zeros_like(stuck), stuck)

    def down(self, arrival_ns: Ints, cells: Ints, draw: DrawKeys) -> tuple[Ints, Ints]:
        """Return how the way through the backhaul goes on for packets at its end.

        Args:
            arrival_ns: When they would come to the base station (n,) [ns].
            cells: The cells that they are for, -1 if there is none (n,).
            draw: The packets'.

        Returns:
            Plans from `arrival_ns` to the base station (n, 4) [ns], and their fates (n,).
        """
        later, lost = self._backhaul("down", arrival_ns, cells, draw)
        later[lost] = 0
        never = later == NEVER
        there = np.where(never, NEVER, arrival_ns + np.where(never, 0, later))
        plan = np.stack([arrival_ns, there, there, there], axis=1)
        return plan, _fates(lost, np.zeros_like(lost))

    def _backhaul(self, way: str, at_ns: Ints, cells: Ints, draw: DrawKeys) -> tuple[Ints, Bools]:
        """Return how much later packets get through (NEVER: not at all), and which are lost."""
        stretch = self._stretch(at_ns)
        goes_on = np.maximum(self._goes_on_ns[stretch, cells], at_ns)
        never = goes_on == NEVER
        stretch = self._stretch(np.where(never, at_ns, goes_on))
        loss, jitter = self._draws[way]
        lost = loss.uniform(draw.key, draw.counter) > self._passes[stretch, cells]
        extra = self._extra_ns[stretch, cells]
        extra = extra + self._jitter_ns[stretch, cells] * jitter.exponential(draw.key, draw.counter)
        later = goes_on - at_ns + np.rint(np.where(never, 0.0, extra)).astype(np.int64)
        return np.where(never, NEVER, later), lost & ~never

    def _stretch(self, at_ns: Ints) -> Ints:
        return np.asarray(np.searchsorted(self._from_ns, at_ns, side="right") - 1)

    def _core_fails(self, at_ns: Ints) -> Bools:
        fails = np.zeros(len(at_ns), dtype=np.bool_)
        for begin, end in self._core:
            fails |= (at_ns >= begin) & (at_ns < end)
        return fails

    @staticmethod
    def _columns(one: BackhaulDelay | BackhaulLoss | BackhaulCut, names: tuple[str, ...]) -> Bools:
        """Return which cells are concerned, and last whether no cell is."""
        if one.cell is None:
            return np.ones(len(names) + 1, dtype=np.bool_)
        return np.append(cells_called(one.cell, names, one.kind), False)


class RadioImpairments:
    """Cells off the air, and jammers.

    Args:
        settings: The network's settings.
        names: The cells' names, those on the ground first.
        cells: Where the cells on the ground are.
        prbs: Resource blocks of the carrier.

    Raises:
        ValueError: A cell that isn't there.
    """

    def __init__(
        self, settings: NetworkSettings, names: tuple[str, ...], cells: Cells, *, prbs: int
    ) -> None:
        self._radio = settings.radio
        self._cells = cells
        self._names = names
        self._prbs = prbs
        self._outages: list[tuple[int, int, Bools]] = []
        self._jammers = [
            (*_span_ns(one), one) for one in settings.impairments if isinstance(one, Jammer)
        ]
        self._changes_ns = [NEVER]
        for begin, end, _ in self._jammers:
            self._change_at(begin, end)
        for one in settings.impairments:
            if isinstance(one, CellOutage):
                self.add(one)

    def add(self, outage: CellOutage) -> None:
        """Add an outage that hasn't begun; ValueError if there is no such cell."""
        begin, end = _span_ns(outage)
        self._outages.append((begin, end, cells_called(outage.cell, self._names, outage.kind)))
        self._change_at(begin, end)

    @property
    def has_jammers(self) -> bool:
        """Whether anybody jams at any time."""
        return bool(self._jammers)

    @property
    def next_change_ns(self) -> int:
        """When something begins or ends next [ns]."""
        return self._changes_ns[0]

    def change(self) -> None:
        """Go on to the change after the next."""
        self._changes_ns.pop(0)

    def _change_at(self, *instants_ns: int) -> None:
        self._changes_ns = sorted({*self._changes_ns, *instants_ns})

    def off_air(self, instant_ns: int) -> Bools:
        """Return which cells are off the air at an instant (cells,)."""
        off = np.zeros(len(self._names), dtype=np.bool_)
        for begin, end, mask in self._outages:
            if begin <= instant_ns < end:
                off |= mask
        return off

    def jamming_mw(
        self,
        instant_ns: int,
        x_m: Floats,
        y_m: Floats,
        height_m: Floats,
        whereabouts: Callable[[str], tuple[float, float] | None],
    ) -> tuple[Floats, Floats]:
        """Return what jammers are heard with on each resource block.

        Args:
            instant_ns: Now [ns].
            x_m: Positions of stations (n,) [m].
            y_m: Positions of stations (n,) [m].
            height_m: Heights of their antennas (n,) [m].
            whereabouts: Tells x and y [m] of a station by its key; None if it isn't there.

        Returns:
            Power at the stations (n,) and at the base stations on the ground (cells,) [mW].
        """
        down, up = np.zeros(len(x_m)), np.zeros(len(self._cells.x_m))
        for begin, end, jammer in self._jammers:
            if not begin <= instant_ns < end:
                continue
            if jammer.station is not None:
                place = whereabouts(jammer.station)
            else:
                assert jammer.x_m is not None
                assert jammer.y_m is not None
                place = jammer.x_m, jammer.y_m
            if place is None:
                continue
            power_dbm = jammer.power_dbm - 10.0 * np.log10(self._prbs)
            loss_db = self._loss_to_stations_db(jammer, place, x_m, y_m, height_m)
            down += 10.0 ** ((power_dbm + self._radio.ue_antenna_gain_dbi - loss_db) / 10.0)
            up += 10.0 ** ((power_dbm + self._gain_to_cells_db(jammer, place)) / 10.0)
        return down, up

    def _loss_to_stations_db(
        self,
        jammer: Jammer,
        place: tuple[float, float],
        x_m: Floats,
        y_m: Floats,
        height_m: Floats,
    ) -> Floats:
        distance_2d = np.hypot(x_m - place[0], y_m - place[1])
        if jammer.propagation == "free_space":
            return self._free_space_db(distance_2d, height_m - jammer.height_m)
        return path_loss_db(
            "V2X-urban",
            distance_2d,
            self._radio.carrier_ghz,
            los=False,
            bs_height_m=jammer.height_m,
            ue_height_m=height_m,
        )

    def _gain_to_cells_db(self, jammer: Jammer, place: tuple[float, float]) -> Floats:
        cells = self._cells
        x_m, y_m, height_m = (np.array([one]) for one in (*place, jammer.height_m))
        gain_dbi: Floats = cells.antenna_gain_dbi(x_m, y_m, height_m)[0]
        distance_2d = np.hypot(x_m - cells.x_m, y_m - cells.y_m)
        if jammer.propagation == "free_space":
            return gain_dbi - self._free_space_db(distance_2d, height_m - cells.height_m)
        return gain_dbi - path_loss_db(
            self._radio.scenario,
            distance_2d,
            self._radio.carrier_ghz,
            los=False,
            bs_height_m=cells.height_m,
            ue_height_m=jammer.height_m,
        )

    def _free_space_db(self, distance_2d_m: Floats, height_m: Floats) -> Floats:
        """Return the loss 20 lg(4 pi d / lambda) [dB] (ITU-R P.525), of 1 m at least."""
        distance_m = np.maximum(np.hypot(distance_2d_m, height_m), _NEAREST_M)
        wavelength_m = SPEED_OF_LIGHT_MPS / (self._radio.carrier_ghz * 1e9)
        return np.asarray(20.0 * np.log10(4.0 * np.pi * distance_m / wavelength_m))


def _span_ns(one: Impairment) -> tuple[int, int]:
    end = NEVER if one.to_s is None else round(one.to_s * NS_PER_S)
    return round(one.from_s * NS_PER_S), end


def _fates(lost: Bools, stuck: Bools) -> Ints:
    fates = np.where(stuck, int(Fate.CORE), int(Fate.IN_FLIGHT))
    return np.where(lost, int(Fate.BACKHAUL), fates)
