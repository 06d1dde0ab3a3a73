"""Quality of service: queues by priority and slice, and which guaranteed flows a cell lets in.

Where a scenario names no 5QIs and no slices, cells serve first come, first served (`ran.queue`),
and nothing of this is used.
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Iterable
from itertools import chain
from typing import NamedTuple

import numpy as np

from network.five_qi import FIVE_QI, Resource
from network.packet import NEVER, NS_PER_S
from network.ran.frame import Frame
from network.ran.turns import InTurn, Job, Queue, Shared
from network.settings import SliceSettings

# A guaranteed flow that sends nothing for so long gives its share back.
_INACTIVE_NS = 10 * NS_PER_S


class Admission:
    """Which guaranteed flows of a cell get what they are guaranteed.

    A flow is a station's packets of one GBR 5QI. It is let in with its first packet if the shares
    of those already in leave room for its own; if not, its packets go as best effort, and each is
    another attempt. A flow leaves with its station for another cell, or after 10 s of silence.

    Args:
        cells: Number of cells.
        most: Share of a cell's blocks that may be guaranteed.
    """

    def __init__(self, cells: int, most: float) -> None:
        self._most = most
        self._flows: list[dict[tuple[int, int], tuple[float, int]]] = [{} for _ in range(cells)]
        self._cell_of: dict[tuple[int, int], int] = {}
        self._turned_away: set[tuple[int, tuple[int, int]]] = set()
        self.refused = np.zeros(cells, dtype=np.int64)
        """Flows that didn't fit, counted once in each cell (cells,)."""

    def admit(self, cell: int, station_key: int, five_qi: int, share: float, now_ns: int) -> bool:
        """Return whether a packet's flow is in, letting it in if it fits."""
        flow = (station_key, five_qi)
        flows = self._flows[cell]
        if flow in flows:
            flows[flow] = (flows[flow][0], now_ns)
            return True
        before = self._cell_of.pop(flow, None)
        if before is not None:
            del self._flows[before][flow]
        for other, (_, seen_ns) in list(flows.items()):
            if now_ns - seen_ns > _INACTIVE_NS:
                del flows[other], self._cell_of[other]
        if sum(taken for taken, _ in flows.values()) + share > self._most:
            if (cell, flow) not in self._turned_away:
                self._turned_away.add((cell, flow))
                self.refused[cell] += 1
            return False
        flows[flow] = (share, now_ns)
        self._cell_of[flow] = cell
        return True


class _Kind(NamedTuple):
    level: int
    slice_: int
    in_turn: bool  # first come, first served; else shared evenly


class _Cell:
    """One cell's queues, by kind, the numbers of those in which someone waits, and who is coming.

    `block` is the next one to be given away.
    """

    def __init__(self, queues: list[Queue]) -> None:
        self.block = 0
        self.coming: deque[tuple[int, Job]] = deque()
        self.queues = queues
        self.waiting: list[int] = []
        self.next_limit_ns = NEVER

    def enter(self, number: int, job: Job) -> None:
        """Let a job wait in a queue, unless it has been withdrawn."""
        if job.need:
            if number not in self.waiting:
                insort(self.waiting, number)
            self.queues[number].add(job)

    def serve(self, number: int, begin: int, end: int) -> int:
        """Give blocks to a queue; return how many were wanted."""
        given = self.queues[number].serve(begin, end)
        if not self.queues[number]:
            self.waiting.remove(number)
        return given


class QosQueues:
    """Queues of all cells in one direction.

    In each slot the slices first get what they are guaranteed, then what is left goes to whoever
    comes first by priority level, whatever its slice, up to the slices' maximum; so what a slice
    doesn't need is lent. Among packets of one level, those of GBR flows go first come, first
    served; those of non-GBR flows share the blocks evenly, which is what a proportional fair
    scheduler comes to on average when its stations fade alike. Packets of a level above take over
    from one slot to the next: priority is preemptive-resume with the grain of a slot.

    A packet that is served in turn is dropped at its limit unless it has begun; one that shares is
    dropped unless it is through, as the rest of a large burst would be.

    Args:
        cells: Number of cells.
        frame: The direction's slots.
        slices: The slices; who is in none shares what they leave.
        reserved: 5QIs whose packets have blocks set aside: they go ahead of all others.
    """

    def __init__(
        self,
        cells: int,
        frame: Frame,
        slices: tuple[SliceSettings, ...],
        reserved: Iterable[int] = (),
    ) -> None:
        self._frame = frame
        slice_of: dict[int, int] = {
            q: n for n, one in enumerate(slices, start=1) for q in one.five_qi
        }
        self._min = [0.0, *(one.min_prb_share for one in slices)]
        self._max = [1.0, *(one.max_prb_share for one in slices)]
        self._guaranteed = [n for n, share in enumerate(self._min) if share > 0.0]
        self._capped = any(share < 1.0 for share in self._max)
        kinds = {
            number: _Kind(
                row.priority_level, slice_of.get(number, 0), row.resource != Resource.NON_GBR
            )
            for number, row in FIVE_QI.items()
        }
        kinds |= {q: kinds[q]._replace(level=0, in_turn=True) for q in reserved}
        self._kinds = sorted(set(kinds.values()))
        self._queue_of = {number: self._kinds.index(kind) for number, kind in kinds.items()}
        self._cells = [
            _Cell([(InTurn if kind.in_turn else Shared)(self._end) for kind in self._kinds])
            for _ in range(cells)
        ]
        self._busy: set[int] = set()
        self._job: dict[int, Job] = {}
        self._ended: list[tuple[Job, bool]] = []
        self.used = np.zeros(cells, dtype=np.int64)
        """Blocks used so far (cells,)."""

    def add(self, cell: int, five_qi: int, job: Job) -> None:
        """Let a job come; in order of their first blocks within a cell."""
        where = self._cells[cell]
        where.coming.append((self._queue_of[five_qi], job))
        if job.packet_id >= 0:
            self._job[job.packet_id] = job
            where.next_limit_ns = min(where.next_limit_ns, job.limit_ns)
        self._busy.add(cell)

    def withdraw(self, packet_ids: Iterable[int]) -> None:
        """Take packets out; those not here are passed over."""
        for packet_id in packet_ids:
            job = self._job.pop(packet_id, None)
            if job is not None:
                job.withdraw()

    def run(self, to_ns: int, lead_ns: int) -> None:
        """Give away the slots that nobody who comes at an instant or later could still use.

        Args:
            to_ns: The instant [ns].
            lead_ns: From coming to the earliest slot [ns].
        """
        until = int(self._frame.blocks_from(to_ns + lead_ns))
        for number in sorted(self._busy):
            cell = self._cells[number]
            self.used[number] += self._give_until(cell, until)
            if cell.next_limit_ns <= to_ns:
                self._drop_late(cell, to_ns)
            if not cell.coming and not cell.waiting:
                self._busy.discard(number)

    def take_ended(self) -> list[tuple[Job, bool]]:
        """Return packets that are through, or else dropped, since the last call."""
        ended, self._ended = self._ended, []
        for job, _ in ended:
            self._job.pop(job.packet_id, None)
        return ended

    def _give_until(self, cell: _Cell, until: int) -> int:
        """Give away a cell's blocks up to one; return how many found a taker."""
        block, used = cell.block, 0
        coming, waiting = cell.coming, cell.waiting
        while True:
            if not waiting:
                if not coming:
                    break
                block = max(block, coming[0][1].begin)
            if block >= until:
                break
            while coming and coming[0][1].begin <= block:
                cell.enter(*coming.popleft())
            end = min(until, coming[0][1].begin) if coming else until
            if self._only_levels_count(waiting):
                used += self._by_level(cell, block, end)
            else:
                _, end = self._frame.blocks_of(self._frame.slot_with(block))
                used += self._by_slice(cell, block, end)
            block = end
        cell.block = until
        return used

    def _only_levels_count(self, waiting: list[int]) -> bool:
        """Return whether slices don't, so that slots needn't be told apart."""
        if not (self._guaranteed or self._capped):
            return True
        return len(waiting) == 1 and self._max[self._kinds[waiting[0]].slice_] == 1.0

    def _by_level(self, cell: _Cell, begin: int, end: int) -> int:
        """Give away blocks by level alone; return how many found a taker."""
        block = begin
        for number in cell.waiting.copy():
            if block == end:
                break
            block += cell.serve(number, block, end)
        return block - begin

    def _by_slice(self, cell: _Cell, begin: int, end: int) -> int:
        """Give away the blocks of one slot; return how many found a taker."""
        block = begin
        taken = [0] * len(self._min)
        for slice_ in self._guaranteed:
            quota = min(end - block, _part(self._min[slice_], begin, end))
            for number in cell.waiting.copy():
                if quota and self._kinds[number].slice_ == slice_:
                    got = cell.serve(number, block, block + quota)
                    quota -= got
                    block += got
                    taken[slice_] += got
        for number in cell.waiting.copy():
            slice_ = self._kinds[number].slice_
            most = end - block
            if self._capped:
                room = _part(self._max[slice_], begin, end) - taken[slice_]
                most = min(most, max(room, 0))
            got = cell.serve(number, block, block + most)
            block += got
            taken[slice_] += got
        return block - begin

    def _drop_late(self, cell: _Cell, to_ns: int) -> None:
        """Drop whom no slot before its limit is left for."""

        def late(job: Job) -> bool:
            return job.limit_ns <= to_ns

        for number in cell.waiting:
            cell.queues[number].drop(late)
        cell.waiting = [number for number in cell.waiting if cell.queues[number]]
        for _, job in cell.coming:
            if late(job):
                self._end(job, False)
        cell.coming = deque(entry for entry in cell.coming if not late(entry[1]))
        cell.next_limit_ns = min(
            (
                job.limit_ns
                for job in chain(
                    *(cell.queues[number].jobs for number in cell.waiting),
                    (job for _, job in cell.coming),
                )
                if job.packet_id >= 0 and not late(job)
            ),
            default=NEVER,
        )

    def _end(self, job: Job, through: bool) -> None:
        if job.packet_id >= 0:
            self._ended.append((job, through))


def _part(share: float, begin: int, end: int) -> int:
    """Return a share of the blocks from one number to another, exact over many slots."""
    return int(share * end) - int(share * begin)
