"""One direction of all cells: who gets which resource blocks, and how often a block is sent."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from network import phy
from network.arrays import Bools, Floats, Ints
from network.packet import NS_PER_MS, Fate
from network.ran.background import Background
from network.ran.cells import Timeline
from network.ran.fades import FadedPackets
from network.ran.frame import Frame
from network.ran.queue import Queues
from network.settings import NetworkSettings

_HEADER_BYTES = 40
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


_NO_INTS, _NO_FLOATS = np.zeros(0, dtype=np.int64), np.zeros(0)
_NOBODY = Arrivals(
    _NO_INTS, _NO_INTS, _NO_INTS, _NO_INTS, _NO_INTS, _NO_FLOATS, _NO_FLOATS, _NO_FLOATS
)


class Scheduler:
    """The queues of one direction, with the background's bursts in them.

    First come, first served; retransmissions go ahead of what waits, and their blocks are paid for
    when the packet is first sent.

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
        self.frame = Frame(
            radio.tdd_pattern,
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
        self._background = Background(
            cell_keys,
            seed,
            direction,
            utilisation=utilisation,
            burst_blocks=burst_kb * 8000.0 / bits_per_prb,
            blocks_per_s=self.frame.blocks_per_s,
        )
        self._queues = Queues(len(cell_keys))
        # Down, a slot is made ready while the one before it is on the air; up, the grant's delay
        # has done that.
        self._lead_ns = self.slot_ns if down else 0
        self._prbs_at_once = self.prbs if down else min(self.prbs, rules.uplink_allocation_prbs)
        symbols = _DECODING_SYMBOLS[radio.subcarrier_spacing_khz]
        self._decoding_ns = self.slot_ns * symbols // phy.SYMBOLS_PER_SLOT
        periods = -(-rules.harq_round_trip_slots // len(radio.tdd_pattern))
        self._round_trip_ns = periods * len(radio.tdd_pattern) * self.slot_ns
        self._most = rules.harq_max_transmissions
        self._target_bler = rules.target_bler
        self._discard_ns = rules.discard_timer_ms * NS_PER_MS
        # The background is queued when packets come, or when someone wants to know of it.
        self._queued_until_ns = 0
        self._used = np.zeros(len(cell_keys), dtype=np.int64)
        self._measured_ns = 0
        self.utilisation = np.minimum(utilisation.values[0], 1.0)
        """Share of its blocks that each cell used lately (cells,)."""

    @property
    def least_ns(self) -> int:
        """The least time from arrival to decoding [ns]."""
        return self._lead_ns + self.slot_ns + self._decoding_ns

    def measure(self, instant_ns: int) -> None:
        """Bring `utilisation` up to an instant: a mean that fades over 200 ms."""
        self._slots(instant_ns, _NOBODY, _NOBODY.cell)
        block = int(self.frame.blocks_from(instant_ns))
        passed = block - int(self.frame.blocks_from(self._measured_ns))
        if passed <= 0:
            return
        used = self._queues.done(block)
        share = np.clip((used - self._used) / passed, 0.0, 1.0)
        span_ms = (instant_ns - self._measured_ns) / NS_PER_MS
        weight = -np.expm1(-span_ms / _UTILISATION_MEMORY_MS)
        self.utilisation = self.utilisation + weight * (share - self.utilisation)
        self._used = used
        self._measured_ns = instant_ns

    def serve(
        self, to_ns: int, packets: Arrivals, faded: FadedPackets | None = None
    ) -> tuple[Ints, Ints]:
        """Take in all packets that arrive before an instant and after the last such instant.

        Args:
            to_ns: The instant [ns].
            packets: The packets.
            faded: Their fast fading, if any.

        Returns:
            Instants (n, 4) [ns]: arrival, first slot, first transmission decoded, done; and the
            fate that this comes to, IN_FLIGHT for a packet that has got through.
        """
        mcs = phy.mcs_for_sinr(packets.reported_sinr_db, target_bler=self._target_bler)
        bits = 8 * (packets.size_bytes + _HEADER_BYTES)
        work = phy.prbs_needed(bits, mcs)
        slots = -(-work // self._prbs_at_once)
        sent, through = self._attempts(packets, mcs, bits // slots, slots, -(-work // slots), faded)
        first, last, served = self._slots(to_ns, packets, work + (sent - 1) * -(-work // slots))
        last = np.maximum(last, self.frame.slots_later(first, slots - 1))
        begin_ns = np.maximum(first * self.slot_ns, packets.instant_ns)
        decoded_ns = (last + 1) * self.slot_ns + self._decoding_ns
        done_ns = decoded_ns + (sent - 1) * self._round_trip_ns
        plan = np.stack([packets.instant_ns, begin_ns, decoded_ns, done_ns], axis=1)
        plan[~served, 1:] = packets.deadline_ns[~served, None]
        if faded is not None:
            rows = np.flatnonzero(served)
            at_once = through[rows] & (sent[rows] == 1)
            faded.learn(rows, mcs[rows], slots[rows], at_once)
        fate = np.where(through, int(Fate.IN_FLIGHT), int(Fate.RADIO))
        return plan, np.where(served, fate, int(Fate.EXPIRED))

    def _attempts(
        self,
        packets: Arrivals,
        mcs: Ints,
        block_bits: Ints,
        blocks: Ints,
        prbs: Ints,
        faded: FadedPackets | None,
    ) -> tuple[Ints, Bools]:
        """Return how often the last block of each packet is sent, and whether all got through.

        A block fails in transmission i with its BLER at the SINR combined from i of them, so it has
        failed in all of the first m with the product of these. Of b blocks all have got through by
        then with (1 - product)^b, and one draw is enough to say when that was.
        """
        u = packets.luck
        sent = np.ones(len(u), dtype=np.int64)
        failed = np.ones(len(u))
        through = np.zeros(len(u), dtype=np.bool_)
        received = np.zeros((len(u), self._most))
        for attempt in range(1, self._most + 1):
            open_ = np.flatnonzero(~through)
            if faded is None:
                combined = packets.sinr_db[open_] + 10.0 * np.log10(attempt)
            else:
                if attempt <= 2:  # at the second all later ones are worked out, which costs as much
                    which = np.arange(attempt - 1, 1 if attempt == 1 else self._most)
                    sinr_db = faded.sinr_db(open_, which * self._round_trip_ns, prbs[open_])
                    received[open_[:, None], which] = 10.0 ** (sinr_db / 10.0)
                gathered = np.add.accumulate(received[open_], axis=1)[:, attempt - 1]
                combined = 10.0 * np.log10(gathered)
            failed[open_] *= phy.bler(mcs[open_], combined, size_bits=block_bits[open_])
            through[open_] = u[open_] <= (1.0 - failed[open_]) ** blocks[open_]
            if through.all():
                break
            if attempt < self._most:
                sent[~through] += 1
        return sent, through

    def _slots(self, to_ns: int, packets: Arrivals, work: Ints) -> tuple[Ints, Ints, Bools]:
        """Queue packets among the background; return first and last slots, and who is served."""
        cell, instant_ns, burst = self._background.take(self._queued_until_ns, to_ns)
        self._queued_until_ns = to_ns
        n, others = len(work), len(cell)
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
