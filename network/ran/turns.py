"""Who gets the next resource block of a queue: jobs in the order they came, or all of them evenly.

Blocks are counted as in `ran.frame`. A queue is handed a run of them, which may span many slots as
long as nobody comes and nobody of a level above waits: what it costs hangs on how many jobs begin
and end in it, not on its length.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable

from network.packet import NEVER


class Job:
    """What waits for resource blocks: a packet, or a burst of the background (`packet_id` -1).

    Args:
        packet_id: Its number.
        need: How many blocks it takes, 1 or more.
        begin: The first block that it may have.
        limit: The first one that is too late for it.
        arrival_ns: When it came [ns].
        limit_ns: When it is of no use any more [ns].
    """

    __slots__ = (
        "arrival_ns",
        "begin",
        "first",
        "last",
        "last_round",
        "limit",
        "limit_ns",
        "need",
        "packet_id",
        "queue",
    )

    def __init__(
        self, packet_id: int, need: int, begin: int, limit: int, arrival_ns: int, limit_ns: int
    ) -> None:
        self.packet_id = packet_id
        self.need = need
        self.begin = begin
        self.limit = limit
        self.arrival_ns = arrival_ns
        self.limit_ns = limit_ns
        self.first = self.last = -1
        """The first and the last block it was given."""
        self.last_round = 0
        """Where all share: the round in which it gets its last block."""
        self.queue: Queue | None = None
        """Where it waits, once it has come."""

    def withdraw(self) -> None:
        """Take it out, or keep it from coming."""
        self.need = 0
        self.packet_id = -1
        if self.queue is not None:
            self.queue.keep(lambda other: other is not self)


class Queue(ABC):
    """Jobs of one cell and level.

    Args:
        end: Is told of each job that leaves, and whether it got all of its blocks.
    """

    def __init__(self, end: Callable[[Job, bool], None]) -> None:
        self._end = end

    @property
    @abstractmethod
    def jobs(self) -> list[Job]:
        """Who waits."""

    @property
    @abstractmethod
    def left(self) -> int:
        """How many blocks they still lack."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def add(self, job: Job) -> None:
        """Let a job wait behind all others."""

    @abstractmethod
    def serve(self, begin: int, end: int) -> int:
        """Give away blocks from one up to, but without, another; return how many were wanted.

        Those given are the first ones: what is left over, is left at the end.
        """

    @abstractmethod
    def keep(self, stays: Callable[[Job], bool]) -> None:
        """Take out all other jobs, without a word."""

    def drop(self, late: Callable[[Job], bool]) -> None:
        """End jobs that are too late."""
        dropped = [job for job in self.jobs if late(job)]
        if dropped:
            self.keep(lambda job: job not in dropped)
            for job in dropped:
                self._end(job, False)


class InTurn(Queue):
    """First come, first served; who has begun by its limit is served to the end."""

    def __init__(self, end: Callable[[Job, bool], None]) -> None:
        super().__init__(end)
        self._jobs: deque[Job] = deque()

    @property
    def jobs(self) -> list[Job]:
        """Who waits."""
        return list(self._jobs)

    @property
    def left(self) -> int:
        """How many blocks they still lack."""
        return sum(job.need for job in self._jobs)

    def __len__(self) -> int:
        return len(self._jobs)

    def add(self, job: Job) -> None:
        """Let a job wait behind all others."""
        job.queue = self
        self._jobs.append(job)

    def serve(self, begin: int, end: int) -> int:
        """Give away blocks; see `Queue.serve`."""
        block = begin
        while block < end and self._jobs:
            job = self._jobs[0]
            if job.first < 0:
                if job.limit <= block:
                    self._jobs.popleft()
                    self._end(job, False)
                    continue
                job.first = block
            given = min(job.need, end - block)
            job.need -= given
            block += given
            if not job.need:
                job.last = block - 1
                self._jobs.popleft()
                self._end(job, True)
        return block - begin

    def keep(self, stays: Callable[[Job], bool]) -> None:
        """Take out all other jobs."""
        self._jobs = deque(job for job in self._jobs if stays(job))

    def drop(self, late: Callable[[Job], bool]) -> None:
        """End jobs that are too late, unless they have begun."""
        super().drop(lambda job: job.first < 0 and late(job))


class Shared(Queue):
    """All jobs evenly, a block each, round after round; who isn't through by its limit is dropped.

    A round goes on where the last run of blocks left it. Who comes waits until all others have had
    their turn. The round in which a job gets its last block is known when it comes, so that nothing
    has to be counted down.
    """

    def __init__(self, end: Callable[[Job, bool], None]) -> None:
        super().__init__(end)
        self._jobs: list[Job] = []
        self._round = 0
        # Whose turn it is; those before have had theirs in this round, or have come in it.
        self._turn = 0
        self._fresh: deque[Job] = deque()  # who has had no turn yet, in the order they come to it
        self._next_last_round = NEVER  # in which someone gets its last block
        self._next_limit = NEVER  # or sooner, where that job has left

    @property
    def jobs(self) -> list[Job]:
        """Who waits."""
        return self._jobs

    @property
    def left(self) -> int:
        """How many blocks they still lack."""
        rounds = sum(job.last_round - self._round for job in self._jobs)
        return rounds + len(self._jobs) - self._turn

    def __len__(self) -> int:
        return len(self._jobs)

    def add(self, job: Job) -> None:
        """Let a job wait behind all others."""
        job.queue = self
        job.last_round = self._round + job.need
        self._jobs.insert(self._turn, job)
        self._turn += 1
        self._fresh.append(job)
        self._next_last_round = min(self._next_last_round, job.last_round)
        self._next_limit = min(self._next_limit, job.limit)
        self._close_round()

    def serve(self, begin: int, end: int) -> int:
        """Give away blocks; see `Queue.serve`."""
        block = begin
        while block < end and self._jobs:
            if block >= self._next_limit:
                self.drop(lambda job, now=block: job.limit <= now)  # type: ignore[misc]
                self._next_limit = min([job.limit for job in self._jobs], default=NEVER)
            else:
                block += self._take_turns(block, min(end, self._next_limit) - block)
        return block - begin

    def keep(self, stays: Callable[[Job], bool]) -> None:
        """Take out all other jobs."""
        self._turn = sum(map(stays, self._jobs[: self._turn]))
        self._jobs = list(filter(stays, self._jobs))
        self._fresh = deque(filter(stays, self._fresh))
        self._look_ahead()
        self._close_round()

    def _take_turns(self, begin: int, blocks: int) -> int:
        """Give away blocks, up to the first that is a job's last one; return how many."""
        jobs, count, turn = self._jobs, len(self._jobs), self._turn
        leaving = None
        # So many turns are taken before that round at least.
        ahead = (self._next_last_round - self._round) * count - turn
        if ahead < blocks:
            leaving = next(
                place for place, job in enumerate(jobs) if job.last_round == self._next_last_round
            )
            if ahead + leaving < blocks:
                blocks = ahead + leaving + 1
            else:
                leaving = None
        while self._fresh:
            place = (jobs.index(self._fresh[0]) - turn) % count
            if place >= blocks:
                break
            self._fresh.popleft().first = begin + place
        rounds, self._turn = divmod(turn + blocks, count)
        self._round += rounds
        if leaving is not None:
            job = jobs.pop(leaving)
            job.last = begin + blocks - 1
            if self._turn:
                self._turn -= 1
            self._look_ahead()
            self._end(job, True)
        return blocks

    def _look_ahead(self) -> None:
        self._next_last_round = min([job.last_round for job in self._jobs], default=NEVER)

    def _close_round(self) -> None:
        """Begin a new round when all have had their turn."""
        if self._turn == len(self._jobs):
            self._turn = 0
            self._round += 1
