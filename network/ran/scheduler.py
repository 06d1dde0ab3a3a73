"""One direction of all cells: who gets which resource blocks, and how often a block is sent."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from network import phy
from network.arrays import Bools, Floats, Ints
from network.five_qi import BEST_EFFORT, is_guaranteed
from network.packet import NEVER, NS_PER_MS, Fate
from network.ran.background import Background
from network.ran.cells import Timeline
from network.ran.fades import FadedPackets
from network.ran.frame import Frame
from network.ran.qos import Admission, QosQueues
from network.ran.queue import Queues
from network.ran.turns import Job
from network.settings import NetworkSettings

HEADER_BYTES = 40
"""IPv4 and UDP 28, SDAP 1, PDCP 3, RLC 2, MAC 3, the transport block's CRC 3."""

_DATA_SYMBOLS = 12
_UTILISATION_MEMORY_MS = 200.0
# N1 of TS 38.214 Table 5.3-1 (capability 1): symbols that a receiver takes to decode.
_DECODING_SYMBOLS = {15: 8, 30: 10, 60: 17}


class Arrivals(NamedTuple):
    """Packets that come to a base station's queue; each array has shape (n,)."""

    cell: Ints
    instant_ns: Ints
    deadline_ns: Ints
    packet_id: Ints
    size_bytes: Ints
    reported_sinr_db: Floats
    sinr_db: Floats
    luck: Floats  # uniform in (0, 1): decides the number of transmissions
    five_qi: Ints | None = None  # all of them best effort if none
    station_key: NDArray[np.uint64] | None = None  # whose flow it is; needed along with 5QIs
    faded: FadedPackets | None = None  # their fast fading


_NO_INTS, _NO_FLOATS = np.zeros(0, dtype=np.int64), np.zeros(0)
_NOBODY = Arrivals(
    _NO_INTS, _NO_INTS, _NO_INTS, _NO_INTS, _NO_INTS, _NO_FLOATS, _NO_FLOATS, _NO_FLOATS
)


class Scheduler:
    """The queues of one direction, with the background's bursts in them.

    First come, first served, or by 5QI and slice where the settings name such: then what becomes of
    a packet depends on who comes after it, and `settled` tells. Retransmissions go ahead of what
    waits, and their blocks are paid for when the packet is first sent.

    Args:
        settings: The network's settings.
        direction: `"D"` or `"U"`.
        cell_keys: Key of each cell's draws (cells,).
        utilisation: Background of each cell over time.
        seed: Seed of the run.
    """

    def __init__(
        self,
        settings: NetworkSettings,
        direction: str,
        *,
        cell_keys: NDArray[np.uint64],
        utilisation: Timeline,
        seed: int,
    ) -> None:
        radio, rules = settings.radio, settings.scheduling
        self.prbs = phy.prb_count(radio.bandwidth_mhz, radio.subcarrier_spacing_khz)
        self.slot_ns = NS_PER_MS * 15 // radio.subcarrier_spacing_khz
        pattern = radio.tdd_pattern if radio.duplex == "TDD" else direction
        self.frame = Frame(
            pattern,
            direction,
            slot_ns=self.slot_ns,
            prbs=self.prbs,
            special_downlink_symbols=radio.special_downlink_symbols,
        )
        down = direction == "D"
        burst_kb = (
            settings.background.downlink_burst_kb if down else settings.background.uplink_burst_kb
        )
        bits_per_prb = (
            settings.background.efficiency_bps_hz * phy.SUBCARRIERS_PER_PRB * _DATA_SYMBOLS
        )
        self._background_under = partial(
            Background,
            cell_keys,
            seed,
            direction,
            burst_blocks=burst_kb * 8000.0 / bits_per_prb,
            blocks_per_s=self.frame.blocks_per_s,
        )
        self._background = self._background_under(utilisation=utilisation)
        self._queues = Queues(len(cell_keys))
        self._qos: QosQueues | None = None
        self._background_five_qi = settings.background.five_qi
        if settings.qos or settings.slices or self._background_five_qi != BEST_EFFORT:
            reserved = () if down else rules.configured_grant_period_ms
            self._qos = QosQueues(len(cell_keys), self.frame, settings.slices, reserved)
        self._admission = Admission(len(cell_keys), rules.guaranteed_prb_share)
        self._guaranteed_bps = rules.guaranteed_kbps * 1e3
        # Of packets in the queues by 5QI: transmissions, blocks in slots, whether they get through.
        self._outlook: dict[int, tuple[int, int, bool]] = {}
        # Down, a slot is made ready while the one before it is on the air; up, the grant's delay
        # has done that.
        self._lead_ns = rules.downlink_preparation_slots * self.slot_ns if down else 0
        self._prbs_at_once = self.prbs if down else min(self.prbs, rules.uplink_allocation_prbs)
        self._layers = radio.downlink_layers if down else radio.uplink_layers
        # Layers share the power; what else they do to each other isn't modelled.
        self._spread_db = 10.0 * np.log10(self._layers)
        symbols = rules.decoding_symbols
        if symbols is None:
            symbols = _DECODING_SYMBOLS[radio.subcarrier_spacing_khz]
        self._decoding_ns = self.slot_ns * symbols // phy.SYMBOLS_PER_SLOT
        periods = -(-rules.harq_round_trip_slots // len(pattern))
        self._round_trip_ns = periods * len(pattern) * self.slot_ns
        self._most = rules.harq_max_transmissions
        self._target_bler = rules.target_bler
        self._discard_ns = rules.discard_timer_ms * NS_PER_MS
        # The background is queued when packets come, or when someone wants to know of it.
        self._queued_until_ns = 0
        self._used = np.zeros(len(cell_keys), dtype=np.int64)
        self._measured_ns = 0
        self.utilisation = np.minimum(utilisation.values[0], 1.0)
        """Share of its blocks that each cell used lately (cells,)."""
        self.last_utilisation = self.utilisation
        """Share of its blocks that each cell used between the last two measurements (cells,)."""

    def change_load(self, utilisation: Timeline) -> None:
        """Go on under another background, which is the same as before up to now."""
        # It is worked out from the beginning once more, as far as the one before had come.
        self._background = self._background_under(utilisation=utilisation)

    @property
    def by_qos(self) -> bool:
        """Whether 5QIs count, so that `settled` tells what became of packets."""
        return self._qos is not None

    @property
    def refused(self) -> Ints:
        """Guaranteed flows that didn't fit into each cell (cells,)."""
        return self._admission.refused

    @property
    def least_ns(self) -> int:
        """The least time from arrival to decoding [ns]."""
        return self._lead_ns + self.slot_ns + self._decoding_ns

    def measure(self, instant_ns: int) -> None:
        """Bring `utilisation` up to an instant: a mean that fades over 200 ms."""
        if self._qos is None:
            self._slots(instant_ns, _NOBODY, _NOBODY.cell)
            filled = 0
        else:
            self._enqueue(instant_ns, _NOBODY, _NOBODY.cell)
            self._qos.run(instant_ns, self._lead_ns)
            filled = self._lead_ns
        block = int(self.frame.blocks_from(instant_ns + filled))
        passed = block - int(self.frame.blocks_from(self._measured_ns + filled))
        if passed <= 0:
            return
        used = self._queues.done(block) if self._qos is None else self._qos.used.copy()
        share = np.clip((used - self._used) / passed, 0.0, 1.0)
        span_ms = (instant_ns - self._measured_ns) / NS_PER_MS
        weight = -np.expm1(-span_ms / _UTILISATION_MEMORY_MS)
        self.utilisation = self.utilisation + weight * (share - self.utilisation)
        self.last_utilisation = share
        self._used = used
        self._measured_ns = instant_ns

    def serve(self, to_ns: int, packets: Arrivals) -> tuple[Ints, Ints]:
        """Take in all packets that arrive before an instant and after the last such instant.

        Args:
            to_ns: The instant [ns].
            packets: The packets.

        Returns:
            Instants (n, 4) [ns]: arrival, first slot, first transmission decoded, done; and the
            fate that this comes to, IN_FLIGHT for a packet that has got through. Where 5QIs count,
            all but the arrival is open as yet, NEVER.
        """
        reported_db = packets.reported_sinr_db - self._spread_db
        mcs = phy.mcs_for_sinr(reported_db, target_bler=self._target_bler)
        bits = 8 * (packets.size_bytes + HEADER_BYTES)
        work = phy.prbs_needed(bits, mcs, layers=self._layers)
        slots = -(-work // self._prbs_at_once)
        per_slot = -(-work // slots)
        sent, through = self._attempts(packets, mcs, bits // slots, slots, per_slot)
        if self._qos is not None:
            self._keep_outlook(packets, sent, slots, through)
            self._enqueue(to_ns, packets, work + (sent - 1) * per_slot)
            if packets.faded is not None:
                # Who will be served isn't known yet; those who won't are few.
                everyone = np.arange(len(work))
                packets.faded.learn(everyone, mcs, slots, through & (sent == 1))
            plan = np.full((len(work), 4), NEVER)
            plan[:, 0] = packets.instant_ns
            return plan, np.full(len(work), int(Fate.IN_FLIGHT))
        first, last, served = self._slots(to_ns, packets, work + (sent - 1) * per_slot)
        if packets.faded is not None:
            rows = np.flatnonzero(served)
            at_once = through[rows] & (sent[rows] == 1)
            packets.faded.learn(rows, mcs[rows], slots[rows], at_once)
        return self._plan(
            packets.instant_ns, packets.deadline_ns, first, last, served, sent, slots, through
        )

    def settled(self, to_ns: int) -> tuple[Ints, Ints, Ints]:
        """Fill the slots up to an instant, where 5QIs count.

        Returns:
            Packet ids (n,), instants and fates as of `serve`, of all packets whose last slot or
            end of waiting has become known since the last call.
        """
        assert self._qos is not None
        self._enqueue(to_ns, _NOBODY, _NOBODY.cell)
        self._qos.run(to_ns, self._lead_ns)
        ended = self._qos.take_ended()
        if not ended:
            return _NO_INTS, np.zeros((0, 4), dtype=np.int64), _NO_INTS
        rows = np.array(
            [
                (
                    job.packet_id,
                    job.arrival_ns,
                    job.limit_ns,
                    max(job.first, 0),
                    max(job.last, 0),
                    through,
                    *self._outlook.pop(job.packet_id),
                )
                for job, through in ended
            ],
            dtype=np.int64,
        ).T
        arrival, limit, _, _, served, sent, slots, through = rows[1:]
        first, last = self.frame.slot_of(rows[3:5])
        plan, fate = self._plan(arrival, limit, first, last, served > 0, sent, slots, through > 0)
        return rows[0], plan, fate

    def withdraw(self, packet_ids: Ints) -> None:
        """Take packets out of the queues, where 5QIs count."""
        if self._qos is not None:
            self._qos.withdraw(packet_ids.tolist())
            for packet_id in packet_ids.tolist():
                self._outlook.pop(packet_id, None)

    def _plan(
        self,
        arrival_ns: Ints,
        deadline_ns: Ints,
        first: Ints,
        last: Ints,
        served: Bools,
        sent: Ints,
        slots: Ints,
        through: Bools,
    ) -> tuple[Ints, Ints]:
        """Return the instants and fates of packets from the slots they got."""
        if (slots > 1).any():
            last = np.maximum(last, self.frame.slots_later(first, slots - 1))
        begin_ns = np.maximum(first * self.slot_ns, arrival_ns)
        decoded_ns = (last + 1) * self.slot_ns + self._decoding_ns
        done_ns = decoded_ns + (sent - 1) * self._round_trip_ns
        plan = np.stack([arrival_ns, begin_ns, decoded_ns, done_ns], axis=1)
        plan[~served, 1:] = deadline_ns[~served, None]
        fate = np.where(through, int(Fate.IN_FLIGHT), int(Fate.RADIO))
        return plan, np.where(served, fate, int(Fate.EXPIRED))

    def _attempts(
        self,
        packets: Arrivals,
        mcs: Ints,
        block_bits: Ints,
        blocks: Ints,
        prbs: Ints,
    ) -> tuple[Ints, Bools]:
        """Return how often the last block of each packet is sent, and whether all got through.

        A block fails in transmission i with its BLER at the SINR combined from i of them, so it has
        failed in all of the first m with the product of these. Of b blocks all have got through by
        then with (1 - product)^b, and one draw is enough to say when that was.
        """
        u, faded = packets.luck, packets.faded
        sent = np.ones(len(u), dtype=np.int64)
        through = np.zeros(len(u), dtype=np.bool_)
        received = np.zeros((len(u), self._most))
        # Of the packets that aren't through yet:
        open_ = np.arange(len(u))
        curve = phy.error_curve(mcs, size_bits=block_bits)
        failed = np.ones(len(u))
        for attempt in range(1, self._most + 1):
            if faded is None:
                combined = packets.sinr_db[open_] + 10.0 * np.log10(attempt)
            else:
                if attempt <= 2:  # at the second all later ones are worked out, which costs as much
                    which = np.arange(attempt - 1, 1 if attempt == 1 else self._most)
                    sinr_db = faded.sinr_db(open_, which * self._round_trip_ns, prbs[open_])
                    received[open_[:, None], which] = 10.0 ** (sinr_db / 10.0)
                gathered = np.add.accumulate(received[open_], axis=1)[:, attempt - 1]
                combined = 10.0 * np.log10(gathered)
            failed *= curve.bler(combined - self._spread_db)
            done = u[open_] <= (1.0 - failed) ** blocks[open_]
            through[open_[done]] = True
            if attempt == self._most or done.all():
                break
            open_, failed, curve = open_[~done], failed[~done], curve.take(~done)
            sent[open_] += 1
        return sent, through

    def _keep_outlook(self, packets: Arrivals, sent: Ints, slots: Ints, through: Bools) -> None:
        rows = zip(sent.tolist(), slots.tolist(), through.tolist(), strict=True)
        self._outlook.update(zip(packets.packet_id.tolist(), rows, strict=True))

    def _enqueue(self, to_ns: int, packets: Arrivals, work: Ints) -> None:
        """Hand packets and the background to the queues by 5QI, in the order they come."""
        assert self._qos is not None
        cell, instant_ns, burst = self._background.take(self._queued_until_ns, to_ns)
        self._queued_until_ns = max(to_ns, self._queued_until_ns)
        five_qi = self._admitted(packets, work)
        others = len(cell)
        instants = np.concatenate([packets.instant_ns, instant_ns])
        ids = np.concatenate([packets.packet_id, np.full(others, -1)])
        order = np.lexsort((ids, instants))
        deadlines = np.concatenate([packets.deadline_ns, instant_ns + self._discard_ns])
        columns = (
            np.concatenate([packets.cell, cell]),
            np.concatenate([five_qi, np.full(others, self._background_five_qi)]),
            ids,
            np.concatenate([work, burst]),
            self.frame.blocks_from(instants + self._lead_ns),
            self.frame.blocks_from(deadlines),
            instants,
            deadlines,
        )
        for where, number, *job in np.stack(columns, axis=1)[order].tolist():
            self._qos.add(where, number, Job(*job))

    def _admitted(self, packets: Arrivals, work: Ints) -> Ints:
        """Return the 5QIs that packets are served by: best effort where a flow doesn't fit."""
        if packets.five_qi is None or packets.station_key is None:
            return np.full(len(work), BEST_EFFORT)
        served_by = packets.five_qi.copy()
        guaranteed = np.flatnonzero(is_guaranteed(served_by))
        order = np.lexsort((packets.packet_id[guaranteed], packets.instant_ns[guaranteed]))
        rows = guaranteed[order]
        blocks_per_s = self._guaranteed_bps * work[rows] / (8 * packets.size_bytes[rows])
        flows = (
            packets.cell[rows],
            packets.station_key[rows],
            served_by[rows],
            blocks_per_s / self.frame.blocks_per_s,
            packets.instant_ns[rows],
        )
        for row, *flow in zip(*(column.tolist() for column in (rows, *flows)), strict=True):
            if not self._admission.admit(*flow):
                served_by[row] = BEST_EFFORT
        return served_by

    def _slots(self, to_ns: int, packets: Arrivals, work: Ints) -> tuple[Ints, Ints, Bools]:
        """Queue packets among the background; return first and last slots, and who is served."""
        cell, instant_ns, burst = self._background.take(self._queued_until_ns, to_ns)
        self._queued_until_ns = to_ns
        n, others = len(work), len(cell)
        if not n + others:
            return _NO_INTS, _NO_INTS, np.zeros(0, dtype=np.bool_)
        cells = np.concatenate([packets.cell, cell])
        instants = np.concatenate([packets.instant_ns, instant_ns])
        deadlines = np.concatenate([packets.deadline_ns, instant_ns + self._discard_ns])
        ids = np.concatenate([packets.packet_id, np.full(others, -1)])
        order = np.lexsort((ids, instants, cells))
        service = self._queues.admit(
            cells[order],
            self.frame.blocks_from(instants[order] + self._lead_ns),
            self.frame.blocks_from(deadlines[order]),
            np.concatenate([work, burst])[order],
        )
        place = np.empty(n + others, dtype=np.int64)
        place[order] = np.arange(n + others)
        mine = place[:n]
        first = self.frame.slot_of(service.first[mine])
        last = self.frame.slot_of(np.maximum(service.end[mine] - 1, service.first[mine]))
        return first, last, service.served[mine]
