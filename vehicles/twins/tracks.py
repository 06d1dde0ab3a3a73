"""What is remembered of every twin, as arrays: estimates, numbers heard, its sender's clock."""

from __future__ import annotations

import numpy as np

from network.arrays import Bools, Floats, Ints
from network.packet import NS_PER_S
from vehicles.twins.reports import Reports

REMEMBERED = 64
"""Sequence numbers remembered, to tell a message that is late from one that came twice."""

WINDOW = 6
"""Estimates remembered, to put a late message in its place and filter anew from there."""

LONG_AGO_NS = np.iinfo(np.int64).min // 2
"""The instant of an estimate that isn't there [ns]."""

# No network's latency: messages that are all older come from a clock that is behind.
_LONGEST_LATENCY_NS = 5 * NS_PER_S
# Beyond this a sequence has begun anew: nobody loses so many in a row and is the same vehicle.
_LONGEST_GAP = 10_000


class Tracks:
    """What is kept of every twin, one row of each array; a fresh row has heard nothing.

    The window's entries are in order of time, the newest last; `LONG_AGO_NS` stands where there is
    none yet.

    Args:
        capacity: how many rows there are at first.
    """

    def __init__(self, capacity: int) -> None:
        self.time_ns = np.full((capacity, WINDOW), LONG_AGO_NS)
        self.measured = np.zeros((capacity, WINDOW, 6))
        self.variance = np.zeros((capacity, WINDOW, 6))
        self.state = np.zeros((capacity, WINDOW, 6))
        self.covariance = np.zeros((capacity, WINDOW, 6, 6))
        self.nis = np.full(capacity, np.nan)
        self.rsrp_dbm = np.full(capacity, np.nan)
        self.sinr_db = np.full(capacity, np.nan)
        self.sent_ns = np.zeros(capacity, dtype=np.int64)
        self.received_ns = np.zeros(capacity, dtype=np.int64)
        self.least_delay_ns = np.zeros(capacity, dtype=np.int64)
        self.clock_ahead_ns = np.zeros(capacity, dtype=np.int64)
        self.sequence = np.zeros(capacity, dtype=np.int64)
        self.lowest = np.zeros(capacity, dtype=np.int64)
        self.numbered = np.zeros(capacity, dtype=np.int64)  # of them, since the count began
        self.lost_before = np.zeros(capacity, dtype=np.int64)
        self.seen = np.zeros(capacity, dtype=np.uint64)  # bit k: the message k before the newest
        self.messages = np.zeros(capacity, dtype=np.int64)
        self.late = np.zeros(capacity, dtype=np.int64)
        self.rejected = np.zeros(capacity, dtype=np.int64)
        self.strikes = np.zeros(capacity, dtype=np.int64)

    def make_room(self, count: int) -> None:
        """Have at least so many rows."""
        if count > len(self.time_ns):
            fresh = Tracks(len(self.time_ns))
            for name, array in vars(self).items():
                setattr(self, name, np.concatenate([array, getattr(fresh, name)]))

    def keep(self, slots: Ints) -> None:
        """Let go of all rows but these, which close up."""
        fresh = Tracks(max(64, len(slots)))
        for name, array in vars(fresh).items():
            array[: len(slots)] = getattr(self, name)[slots]
            setattr(self, name, array)

    def lost(self, slots: Ints | slice) -> Ints:
        """Numbers that were not taken in, up to the newest."""
        return self.lost_before[slots] + (
            self.sequence[slots] - self.lowest[slots] + 1 - self.numbered[slots]
        )

    def has_seen(self, slots: Ints, behind: Ints) -> Bools:
        """Whether the message so many before the newest has come."""
        shift = np.clip(behind, 0, REMEMBERED - 1).astype(np.uint64)
        known = (behind >= 0) & (behind < REMEMBERED)
        return known & ((self.seen[slots] >> shift) & np.uint64(1)).astype(np.bool_)

    def remembers(self, slots: Ints, sent_ns: Ints) -> Bools:
        """Whether there is an estimate at or before this instant of the senders' clocks."""
        times_ns = self.time_ns[slots]
        oldest_ns = np.where(times_ns == LONG_AGO_NS, np.iinfo(np.int64).max, times_ns).min(axis=1)
        remembered: Bools = sent_ns - self.clock_ahead_ns[slots] >= oldest_ns
        return remembered

    def set_clock(self, slots: Ints, least_delay_ns: Ints) -> None:
        """Take the least delay for known, and move what is remembered with the sender's clock."""
        self.least_delay_ns[slots] = least_delay_ns
        believed = (least_delay_ns >= 0) & (least_delay_ns <= _LONGEST_LATENCY_NS)
        ahead_ns = np.where(believed, 0, -least_delay_ns)
        moved_ns = ahead_ns - self.clock_ahead_ns[slots]
        times_ns = self.time_ns[slots]
        self.time_ns[slots] = np.where(
            times_ns == LONG_AGO_NS, times_ns, times_ns - moved_ns[:, None]
        )
        self.clock_ahead_ns[slots] = ahead_ns

    def append(self, slots: Ints, reports: Reports, state: Floats, covariance: Floats) -> None:
        """Add the newest estimates, and the messages that they rest on."""
        for array in (self.time_ns, self.measured, self.variance, self.state, self.covariance):
            array[slots, :-1] = array[slots, 1:]
        self._set(slots, -1, reports, state, covariance)

    def insert(
        self, slots: Ints, place: Ints, reports: Reports, state: Floats, covariance: Floats
    ) -> None:
        """Put estimates at their place, each after the entry that is there now; the oldest goes."""
        entry = np.arange(WINDOW)
        source = np.where(entry < place[:, None], entry + 1, entry)
        for array in (self.time_ns, self.measured, self.variance, self.state, self.covariance):
            array[slots] = array[slots[:, None], source]
        self._set(slots, place, reports, state, covariance)

    def _set(
        self, slots: Ints, place: Ints | int, reports: Reports, state: Floats, covariance: Floats
    ) -> None:
        self.time_ns[slots, place] = reports.sent_ns - self.clock_ahead_ns[slots]
        self.measured[slots, place] = reports.measured
        self.variance[slots, place] = reports.variance
        self.state[slots, place] = state
        self.covariance[slots, place] = covariance

    def begin_count(self, slots: Ints, sequence: Ints) -> None:
        """Count messages from this one on, keeping what was lost before."""
        before = self.messages[slots] > 0
        self.lost_before[slots[before]] = self.lost(slots[before])
        self.lowest[slots] = self.sequence[slots] = sequence
        self.numbered[slots] = 1
        self.seen[slots] = 1

    def count_newer(self, slots: Ints, sequence: Ints) -> None:
        """Count messages that are newer than any before; a sequence may begin anew."""
        ahead = sequence - self.sequence[slots]
        anew = (ahead <= 0) | (ahead > _LONGEST_GAP)
        self.begin_count(slots[anew], sequence[anew])
        on, ahead, sequence = slots[~anew], ahead[~anew], sequence[~anew]
        shift = np.minimum(ahead, REMEMBERED - 1).astype(np.uint64)
        remembered = np.where(ahead < REMEMBERED, self.seen[on] << shift, np.uint64(0))
        self.seen[on] = remembered | np.uint64(1)
        self.sequence[on] = sequence
        self.numbered[on] += 1

    def count_late(self, slots: Ints, sequence: Ints) -> None:
        """Count messages that came after a newer one."""
        behind = (self.sequence[slots] - sequence).astype(np.uint64)
        self.seen[slots] |= np.uint64(1) << behind
        self.lowest[slots] = np.minimum(self.lowest[slots], sequence)
        self.numbered[slots] += 1
        self.messages[slots] += 1
        self.late[slots] += 1
        self.strikes[slots] = 0

    def accept(self, slots: Ints, reports: Reports) -> None:
        """Remember of the newest messages what is no estimate."""
        self.sent_ns[slots] = reports.sent_ns
        self.received_ns[slots] = reports.received_ns
        self.rsrp_dbm[slots] = reports.rsrp_dbm
        self.sinr_db[slots] = reports.sinr_db
        self.messages[slots] += 1
        self.strikes[slots] = 0
