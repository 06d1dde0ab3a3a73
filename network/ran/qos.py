"""Quality of service: queues by priority and slice, and which guaranteed flows a cell lets in.

Where a scenario names no 5QIs and no slices, cells serve first come, first served (`ran.queue`),
and nothing of this is used.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from network.five_qi import FIVE_QI, Resource
from network.packet import NEVER, NS_PER_S
from network.ran.frame import Frame
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


class Job:
    """What waits for resource blocks: a packet, or a burst of the background (`packet_id` -1)."""

    __slots__ = ("arrival_ns", "first_slot", "last_slot", "limit_ns", "need", "packet_id")

    def __init__(self, packet_id: int, need: int, arrival_ns: int, limit_ns: int) -> None:
        self.packet_id = packet_id
        self.need = need
        self.arrival_ns = arrival_ns
        self.limit_ns = limit_ns
        self.first_slot = -1
        self.last_slot = -1


class _Cell:
    def __init__(self, queues: int) -> None:
        self.slot = 0  # the next one to be filled
        self.coming: deque[tuple[int, int, Job]] = deque()
        self.queues: list[list[Job]] = [[] for _ in range(queues)]
        self.next_limit_ns = NEVER


class _Queue(NamedTuple):
    level: int
    slice_: int
    in_turn: bool  # first come, first served; else shared evenly


class QosQueues:
    """Queues of all cells in one direction that are filled slot by slot.

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
        self._slot_ns = frame.slot_ns
        slice_of: dict[int, int] = {
            q: n for n, one in enumerate(slices, start=1) for q in one.five_qi
        }
        self._min = [0.0, *(one.min_prb_share for one in slices)]
        self._max = [1.0, *(one.max_prb_share for one in slices)]
        self._guaranteed = [n for n, share in enumerate(self._min) if share > 0.0]
        self._capped = any(share < 1.0 for share in self._max)
        kinds = {
            number: _Queue(
                row.priority_level, slice_of.get(number, 0), row.resource != Resource.NON_GBR
            )
            for number, row in FIVE_QI.items()
        }
        kinds |= {q: kinds[q]._replace(level=0, in_turn=True) for q in reserved}
        self._kinds = sorted(set(kinds.values()))
        self._queue_of = {number: self._kinds.index(kind) for number, kind in kinds.items()}
        self._cells = [_Cell(len(self._kinds)) for _ in range(cells)]
        self._busy: set[int] = set()
        self._job: dict[int, Job] = {}
        self._ended: list[tuple[Job, bool]] = []
        self.used = np.zeros(cells, dtype=np.int64)
        """Blocks used so far (cells,)."""

    def add(self, cell: int, five_qi: int, slot: int, job: Job) -> None:
        """Queue a job that may use a slot and later ones; in order of slots within a cell."""
        where = self._cells[cell]
        where.coming.append((slot, self._queue_of[five_qi], job))
        if job.packet_id >= 0:
            self._job[job.packet_id] = job
            where.next_limit_ns = min(where.next_limit_ns, job.limit_ns)
        self._busy.add(cell)

    def withdraw(self, packet_ids: Iterable[int]) -> None:
        """Take packets out; those not here are passed over."""
        for packet_id in packet_ids:
            job = self._job.pop(packet_id, None)
            if job is not None:
                job.need, job.packet_id = 0, -1

    def run(self, to_ns: int, lead_ns: int) -> None:
        """Fill the slots that nobody who comes at an instant or later could still use.

        Args:
            to_ns: The instant [ns].
            lead_ns: From coming to the earliest slot [ns].
        """
        until = -(-(to_ns + lead_ns) // self._slot_ns)
        for number in sorted(self._busy):
            cell = self._cells[number]
            self.used[number] += self._fill_until(cell, until)
            if cell.next_limit_ns <= to_ns:
                self._drop_late(cell, to_ns)
            if not cell.coming and not any(cell.queues):
                self._busy.discard(number)

    def take_ended(self) -> list[tuple[Job, bool]]:
        """Return packets that are through, or else dropped, since the last call."""
        ended, self._ended = self._ended, []
        for job, _ in ended:
            self._job.pop(job.packet_id, None)
        return ended

    def _fill_until(self, cell: _Cell, until: int) -> int:
        slot, used = cell.slot, 0
        coming, queues = cell.coming, cell.queues
        while True:
            if not any(queues):
                if not coming:
                    break
                slot = max(slot, coming[0][0])
            if slot >= until:
                break
            while coming and coming[0][0] <= slot:
                _, queue, job = coming.popleft()
                queues[queue].append(job)
            stop = min(until, coming[0][0]) if coming else until
            many = self._at_once(queues, slot, stop)
            if many:
                slot, got = many
                used += got
                continue
            begin, end = self._frame.blocks_of(slot)
            if end > begin:
                used += self._fill(queues, slot, begin, end)
            slot += 1
        cell.slot = until
        return used

    def _at_once(self, queues: list[list[Job]], slot: int, stop: int) -> tuple[int, int] | None:
        """Give many slots at once, up to one at most, if only one queue waits and may have all.

        Returns:
            The next slot to fill and the blocks used, or None if it isn't that simple.
        """
        waiting = [number for number, queue in enumerate(queues) if queue]
        if len(waiting) != 1 or self._max[self._kinds[waiting[0]].slice_] < 1.0:
            return None
        number = waiting[0]
        if len(queues[number]) == 1:
            return self._alone(queues, number, slot, stop)
        if self._kinds[number].in_turn:
            return None
        return self._among_the_same(queues, number, slot, stop)

    def _alone(
        self, queues: list[list[Job]], number: int, slot: int, stop: int
    ) -> tuple[int, int] | None:
        """Give slots to the only job there is, until it is through."""
        job = queues[number][0]
        if not (self._kinds[number].in_turn and job.first_slot >= 0):
            stop = min(stop, -(-job.limit_ns // self._slot_ns))
        begin, end = self._frame.blocks_of(slot)[0], self._frame.blocks_of(stop)[0]
        blocks = min(job.need, end - begin)
        if stop <= slot or blocks <= 0:
            return None
        if job.first_slot < 0:
            job.first_slot = self._frame.slot_with(begin)
        _give(job, blocks, self._frame.slot_with(begin + blocks - 1))
        if job.need:
            return stop, blocks
        self._end(job, through=True)
        queues[number] = []
        return job.last_slot + 1, blocks

    def _among_the_same(
        self, queues: list[list[Job]], number: int, slot: int, stop: int
    ) -> tuple[int, int] | None:
        """Share slots among jobs as long as none of them gets through or is dropped.

        Slot by slot the odd blocks go round in turn, so that over many slots it is as if all their
        blocks were shared at once.
        """
        jobs = queues[number]
        least, limit_ns = jobs[0].need, jobs[0].limit_ns
        for job in jobs:
            if job.need <= 2 or job.first_slot < 0:
                return None
            if job.need < least:
                least = job.need
            if job.limit_ns < limit_ns:
                limit_ns = job.limit_ns
        begin = self._frame.blocks_of(slot)[0]
        stop = min(
            stop,
            -(-limit_ns // self._slot_ns),
            self._frame.slot_with(begin + (least - 2) * len(jobs)),
        )
        blocks = self._frame.blocks_of(stop)[0] - begin
        if stop <= slot or blocks <= 0:
            return None
        each, odd = divmod(blocks, len(jobs))
        for job in jobs:
            job.need -= each
        for job in jobs[:odd]:
            job.need -= 1
        queues[number] = jobs[odd:] + jobs[:odd]
        return stop, blocks

    def _fill(self, queues: list[list[Job]], slot: int, begin: int, end: int) -> int:
        """Hand out the blocks of one slot; return how many found a taker."""
        left = end - begin
        taken = [0] * len(self._min)
        for slice_ in self._guaranteed:
            quota = min(left, _part(self._min[slice_], begin, end))
            for number, kind in enumerate(self._kinds):
                if kind.slice_ == slice_ and quota and queues[number]:
                    got = self._serve(queues, number, slot, quota)
                    quota -= got
                    left -= got
                    taken[slice_] += got
        for number, kind in enumerate(self._kinds):
            if not left:
                break
            if not queues[number]:
                continue
            most = left
            if self._capped:
                room = _part(self._max[kind.slice_], begin, end) - taken[kind.slice_]
                most = min(left, max(room, 0))
            if most:
                got = self._serve(queues, number, slot, most)
                left -= got
                taken[kind.slice_] += got
        return end - begin - left

    def _serve(self, queues: list[list[Job]], number: int, slot: int, blocks: int) -> int:
        if self._kinds[number].in_turn:
            return self._serve_in_turn(queues[number], slot, blocks)
        queues[number], got = self._share(queues[number], slot, blocks)
        return got

    def _serve_in_turn(self, queue: list[Job], slot: int, blocks: int) -> int:
        left, gone = blocks, 0
        for job in queue:
            if job.first_slot < 0 and job.limit_ns <= slot * self._slot_ns:
                self._end(job, through=False)
            elif not left:
                break
            else:
                left -= _give(job, min(job.need, left), slot)
                if job.need:
                    break
                self._end(job, through=True)
            gone += 1
        del queue[:gone]
        return blocks - left

    def _share(self, queue: list[Job], slot: int, blocks: int) -> tuple[list[Job], int]:
        """Share blocks evenly; return who goes on, those who are due an odd block in front."""
        jobs = []
        for job in queue:
            if job.limit_ns <= slot * self._slot_ns:
                self._end(job, through=False)
            elif job.need:
                jobs.append(job)
        left = blocks
        while left and jobs:
            each = left // len(jobs)
            served = jobs if each else jobs[:left]
            rest = jobs[len(served) :]
            for job in served:
                left -= _give(job, min(job.need, max(each, 1)), slot)
                if not job.need:
                    self._end(job, through=True)
            jobs = rest + [job for job in served if job.need]
        return jobs, blocks - left

    def _drop_late(self, cell: _Cell, to_ns: int) -> None:
        """Drop whom no slot before its limit is left for."""
        cell.next_limit_ns = NEVER
        for number, queue in enumerate(cell.queues):
            in_turn = self._kinds[number].in_turn
            cell.queues[number] = [
                job for job in queue if self._stays(cell, job, in_turn=in_turn, to_ns=to_ns)
            ]
        cell.coming = deque(
            entry
            for entry in cell.coming
            if self._stays(cell, entry[2], in_turn=False, to_ns=to_ns)
        )

    def _stays(self, cell: _Cell, job: Job, *, in_turn: bool, to_ns: int) -> bool:
        if in_turn and job.first_slot >= 0:
            return True
        if job.limit_ns <= to_ns:
            self._end(job, through=False)
            return False
        if job.packet_id >= 0:
            cell.next_limit_ns = min(cell.next_limit_ns, job.limit_ns)
        return True

    def _end(self, job: Job, *, through: bool) -> None:
        if job.packet_id >= 0:
            self._ended.append((job, through))


def _give(job: Job, blocks: int, slot: int) -> int:
    if job.first_slot < 0:
        job.first_slot = slot
    job.last_slot = slot
    job.need -= blocks
    return blocks


def _part(share: float, begin: int, end: int) -> int:
    """Return a share of the blocks from one number to another, exact over many slots."""
    return int(share * end) - int(share * begin)
