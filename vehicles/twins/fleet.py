"""All twins as arrays: which message counts when, and what each twin is by it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple

import numpy as np

from network.arrays import Floats, Ints
from network.packet import NS_PER_S
from vehicles.twins.estimator import MotionNoise, predict, predict_covariance, update
from vehicles.twins.rejections import Rejection
from vehicles.twins.reports import Reports
from vehicles.twins.tracks import LONG_AGO_NS, REMEMBERED, WINDOW, Tracks

_STATES_KEPT = 4
# Normalised innovation squared that one true message in a million exceeds (chi-square, 6 degrees).
_GATE = 38.3
# So many implausible messages in a row are the truth, and the twin was wrong.
_STRIKES = 5
# Clocks: what no sender's can be wrong by, what is a step and no drift, and how fast they drift
# apart (of quartz, from memory).
_CLOCK_LIMIT_NS = 60 * NS_PER_S
_CLOCK_STEP_NS = NS_PER_S
_DRIFT = 1e-4
# A message later than that by its vehicle's own clock is of another time.
_OUT_OF_TIME_NS = 10 * NS_PER_S


class Staleness(IntEnum):
    """How old a twin's newest information is."""

    LIVE = 0
    LATE = 1
    LOST = 2


class FleetState(NamedTuple):
    """Every twin at one instant; arrays have one row per twin, in the order of `ids`.

    `state` is (x, y, heading, speed, acceleration, turn rate) with its `covariance`, shapes (n, 6)
    and (n, 6, 6). `age_ns` is the age of information: the instant less the sending of the newest
    message, by the receiver's clock. `clock_ahead_ns` is by how much the sender's clock is ahead.
    `sequence` is the newest message's number; `messages` were taken in, `late` of them after a
    newer one; `lost` numbers between the lowest and the newest weren't: they never came, or are
    among the `rejected`. `nis` is the newest message's normalised innovation squared.
    `rsrp_dbm` and `sinr_db` are the newest that the vehicle reported, NaN if none.
    """

    ids: tuple[str, ...]
    state: Floats
    covariance: Floats
    age_ns: Ints
    clock_ahead_ns: Ints
    sequence: Ints
    messages: Ints
    late: Ints
    lost: Ints
    rejected: Ints
    nis: Floats
    rsrp_dbm: Floats
    sinr_db: Floats

    def staleness(self, late_after_ns: int, lost_after_ns: int) -> Ints:
        """Each twin's `Staleness` by its age of information."""
        return (self.age_ns > late_after_ns).astype(np.int64) + (self.age_ns > lost_after_ns)

    def position_sigma_m(self) -> Floats:
        """Root of the mean squared distance by which positions are expected to be wrong [m]."""
        sigma: Floats = np.sqrt(self.covariance[:, 0, 0] + self.covariance[:, 1, 1])
        return sigma


class Fleet:
    """The twins of a fleet.

    Messages count by the instant of their sending. What `apply` is given at once it takes in that
    order, so the order in which a broker delivered it doesn't matter: the twins are a function of
    the messages and of which came in the same call. A late message is put in its place and the
    estimates after it are made anew. What can't be true is rejected and counted by reason, but
    when a vehicle insists, its twin begins anew.

    A sender's clock is seen through the least delay of its messages: one that is ahead makes
    messages arrive before they were sent, one far behind makes all of them older than any network
    does. Between the two it can't be told from latency, and is believed.

    Args:
        noise: what disturbs the vehicles' motion.
        most: how many twins there can be.
    """

    def __init__(self, noise: MotionNoise | None = None, *, most: int = 100_000) -> None:
        self.rejected: Counter[Rejection] = Counter()
        self._noise = noise or MotionNoise()
        self._most = most
        self._slot_of: dict[str, int] = {}
        self._tracks = Tracks(64)
        # Whoever publishes, records and watches asks for the same instants.
        self._states: dict[int, FleetState] = {}

    def __len__(self) -> int:
        return len(self._slot_of)

    def __contains__(self, vehicle_id: str) -> bool:
        return vehicle_id in self._slot_of

    def apply(self, reports: Reports) -> None:
        """Take messages in, in any order."""
        self._states.clear()
        delay_ns = reports.received_ns - reports.sent_ns
        placed = np.isfinite(reports.measured[:, :2]).all(axis=1)
        on_time = np.abs(delay_ns) <= _CLOCK_LIMIT_NS
        self._reject(Rejection.UNPLACED, int((~placed).sum()))
        self._reject(Rejection.CLOCK, int((placed & ~on_time).sum()))
        rows = np.flatnonzero(placed & on_time)
        if len(rows) == 0:
            return
        # By vehicle first: new ones enter in an order that doesn't hang on the delivery.
        ids = [reports.vehicle_ids[row] for row in rows.tolist()]
        slot_of = {vehicle_id: self._slot(vehicle_id) for vehicle_id in sorted(set(ids))}
        slots = np.array([slot_of[vehicle_id] for vehicle_id in ids], dtype=np.int64)
        order = np.lexsort((reports.sequence[rows], reports.sent_ns[rows], slots))
        rows, slots = rows[order], slots[order]
        self._reject(Rejection.FLEET_FULL, int((slots < 0).sum()))
        rows, slots = rows[slots >= 0], slots[slots >= 0]
        for nth in _one_of_each(slots):
            self._take(slots[nth], reports.take(rows[nth]))

    def state(self, instant_ns: int) -> FleetState:
        """Every twin, predicted to an instant [ns] that isn't before its newest message."""
        if instant_ns not in self._states:
            if len(self._states) == _STATES_KEPT:
                self._states.clear()
            self._states[instant_ns] = self._predict(instant_ns)
        return self._states[instant_ns]

    def forget(self, before_ns: int) -> list[str]:
        """Let go of twins whose newest message was sent before an instant [ns]; their ids."""
        old = self._tracks.time_ns[: len(self), -1] < before_ns
        if not old.any():
            return []
        self._states.clear()
        ids = np.array(list(self._slot_of), dtype=object)
        self._tracks.keep(np.flatnonzero(~old))
        self._slot_of = {vehicle_id: slot for slot, vehicle_id in enumerate(ids[~old].tolist())}
        forgotten: list[str] = ids[old].tolist()
        return forgotten

    def _predict(self, instant_ns: int) -> FleetState:
        rows = slice(len(self))
        tracks = self._tracks
        newest, covariance = tracks.state[rows, -1], tracks.covariance[rows, -1]
        age_ns = instant_ns - tracks.time_ns[rows, -1]
        ahead_ns = np.maximum(age_ns, 0)
        return FleetState(
            ids=tuple(self._slot_of),
            state=predict(newest, ahead_ns),
            covariance=predict_covariance(newest, covariance, ahead_ns, self._noise),
            age_ns=age_ns,
            clock_ahead_ns=tracks.clock_ahead_ns[rows].copy(),
            sequence=tracks.sequence[rows].copy(),
            messages=tracks.messages[rows].copy(),
            late=tracks.late[rows].copy(),
            lost=tracks.lost(rows),
            rejected=tracks.rejected[rows].copy(),
            nis=tracks.nis[rows].copy(),
            rsrp_dbm=tracks.rsrp_dbm[rows].copy(),
            sinr_db=tracks.sinr_db[rows].copy(),
        )

    def _slot(self, vehicle_id: str) -> int:
        slot = self._slot_of.get(vehicle_id)
        if slot is not None:
            return slot
        if len(self) == self._most:
            return -1
        slot = self._slot_of[vehicle_id] = len(self)
        self._tracks.make_room(slot + 1)
        return slot

    def _reject(self, reason: Rejection, count: int) -> None:
        if count:
            self.rejected[reason] += count

    def _refuse(self, reason: Rejection, slots: Ints, *, strike: bool = False) -> None:
        self._reject(reason, len(slots))
        self._tracks.rejected[slots] += 1
        if strike:
            self._tracks.strikes[slots] += 1

    def _take(self, slots: Ints, reports: Reports) -> None:
        """Take in one message of each of some vehicles."""
        tracks = self._tracks
        delay_ns = reports.received_ns - reports.sent_ns
        fresh = (tracks.messages[slots] == 0) | (tracks.strikes[slots] >= _STRIKES)
        newer = reports.sent_ns > tracks.sent_ns[slots]
        behind = tracks.sequence[slots] - reports.sequence
        least_ns = tracks.least_delay_ns[slots] + (
            _DRIFT * (reports.received_ns - tracks.received_ns[slots])
        ).astype(np.int64)

        repeated = ~fresh & ~newer & tracks.has_seen(slots, behind)
        too_old = ~fresh & ~newer & ~repeated & (
            (behind >= REMEMBERED) | ~tracks.remembers(slots, reports.sent_ns)
        )  # fmt: skip
        by_clock = ~fresh & ~repeated & ~too_old & (
            (delay_ns < np.minimum(least_ns, 0) - _CLOCK_STEP_NS) | (~newer & (behind <= 0))
        )  # fmt: skip
        self._refuse(Rejection.DUPLICATE, slots[repeated])
        out_of_time = too_old & (delay_ns - least_ns > _OUT_OF_TIME_NS)
        self._refuse(Rejection.TOO_OLD, slots[too_old & ~out_of_time])
        self._refuse(Rejection.TOO_OLD, slots[out_of_time], strike=True)
        self._refuse(Rejection.CLOCK, slots[by_clock], strike=True)

        good = ~(repeated | too_old | by_clock)
        tracks.set_clock(
            slots[good], np.where(fresh, delay_ns, np.minimum(least_ns, delay_ns))[good]
        )
        for part, take in (
            (fresh & good, self._begin),
            (~fresh & good & newer, self._follow),
            (~fresh & good & ~newer, self._put_in_place),
        ):
            if part.any():
                rows = np.flatnonzero(part)
                take(slots[rows], reports.take(rows))

    def _begin(self, slots: Ints, reports: Reports) -> None:
        """Start twins, or start them anew, from one message each."""
        tracks = self._tracks
        tracks.time_ns[slots] = LONG_AGO_NS
        covariance = reports.variance[:, :, None] * np.eye(reports.variance.shape[1])
        tracks.append(slots, reports, reports.measured, covariance)
        tracks.nis[slots] = np.nan
        tracks.begin_count(slots, reports.sequence)
        tracks.accept(slots, reports)

    def _follow(self, slots: Ints, reports: Reports) -> None:
        """Move twins on by messages newer than any before."""
        tracks = self._tracks
        before, covariance = tracks.state[slots, -1], tracks.covariance[slots, -1]
        since_ns = reports.sent_ns - tracks.clock_ahead_ns[slots] - tracks.time_ns[slots, -1]
        after = update(
            predict(before, since_ns),
            predict_covariance(before, covariance, since_ns, self._noise),
            reports.measured,
            reports.variance,
        )
        true = after.nis <= _GATE
        self._refuse(Rejection.OUTLIER, slots[~true], strike=True)
        rows = np.flatnonzero(true)
        slots, reports = slots[rows], reports.take(rows)
        tracks.append(slots, reports, after.state[rows], after.covariance[rows])
        tracks.nis[slots] = after.nis[rows]
        tracks.count_newer(slots, reports.sequence)
        tracks.accept(slots, reports)

    def _put_in_place(self, slots: Ints, reports: Reports) -> None:
        """Take in messages that come late, and make the estimates after them anew."""
        tracks = self._tracks
        time_ns = reports.sent_ns - tracks.clock_ahead_ns[slots]
        place = WINDOW - 1 - (tracks.time_ns[slots] > time_ns[:, None]).sum(axis=1)
        anchor, anchor_covariance = tracks.state[slots, place], tracks.covariance[slots, place]
        since_ns = time_ns - tracks.time_ns[slots, place]
        here = update(
            predict(anchor, since_ns),
            predict_covariance(anchor, anchor_covariance, since_ns, self._noise),
            reports.measured,
            reports.variance,
        )
        true = here.nis <= _GATE
        self._refuse(Rejection.OUTLIER, slots[~true], strike=True)
        rows = np.flatnonzero(true)
        slots, reports, place = slots[rows], reports.take(rows), place[rows]
        tracks.insert(slots, place, reports, here.state[rows], here.covariance[rows])
        for entry in range(1, WINDOW):
            after = slots[place < entry]
            before, covariance = tracks.state[after, entry - 1], tracks.covariance[after, entry - 1]
            since_ns = tracks.time_ns[after, entry] - tracks.time_ns[after, entry - 1]
            again = update(
                predict(before, since_ns),
                predict_covariance(before, covariance, since_ns, self._noise),
                tracks.measured[after, entry],
                tracks.variance[after, entry],
            )
            tracks.state[after, entry] = again.state
            tracks.covariance[after, entry] = again.covariance
        tracks.count_late(slots, reports.sequence)


def _one_of_each(slots: Ints) -> Iterator[Ints]:
    """Rows of the first message of each slot, then of the second, ...; `slots` is sorted."""
    if len(slots) == 0:
        return
    first = np.flatnonzero(np.diff(slots, prepend=-1))
    nth = np.arange(len(slots)) - np.repeat(first, np.diff(first, append=len(slots)))
    for number in range(int(nth.max()) + 1):
        yield np.flatnonzero(nth == number)
