"""Packets on the air between road users and their cells, by time."""

from __future__ import annotations

from typing import Any

import numpy as np

from cosim.live.snapshots import NO_ROWS, Snapshots
from cosim.recording import Columns
from network.arrays import Ints

_UP = ("ul_scheduling", "ul_queue", "ul_air", "ul_retransmission")
_DOWN = ("dl_queue", "dl_air", "dl_retransmission")
# Those that are on the air for longer are only shown at the end of it.
_LONGEST_S = 2.0
# More wouldn't be told apart.
_MOST = 64
# Any number that leaves the fractions of instants in no order.
_LOT = 7919.0


class Flights:
    """Remembers when which packet was between which road user and cell.

    It is known of a packet when its fate is, and by its stages: from the sender's wait for a grant
    to the end of its last transmission up, from the queue to the end of the last one down.
    Interruptions belong to the one direction that a packet goes by radio.
    """

    def __init__(self) -> None:
        self._legs = Snapshots()

    def add(
        self, columns: Columns, sender: Ints, receiver: Ints, up_cell: Any, down_cell: Any
    ) -> None:
        """Take rows of the packets; ends and cells by their numbers, -1 for none (n,)."""
        sent_s = np.asarray(columns["sent_ns"]) * 1e-9
        ended_s = np.asarray(columns["ended_ns"]) * 1e-9
        lost = ~np.isin(columns["fate"], ("delivered", "in_flight"))
        spent_s = {
            way: sum(np.asarray(columns[f"{stage}_ns"]) for stage in stages) * 1e-9
            for way, stages in {"up": _UP, "down": _DOWN, "cut": ("interruption",)}.items()
        }
        # What is relayed went up as its parent.
        goes_up = (sender >= 0) & (np.asarray(columns["parent_id"]) < 0)
        goes_down = (receiver >= 0) & ((np.asarray(down_cell) >= 0) | (sender < 0))
        up_s = spent_s["up"] + np.where(goes_down, 0.0, spent_s["cut"])
        down_s = spent_s["down"] + np.where(goes_up, 0.0, spent_s["cut"])
        legs = [
            np.stack([whose, cell, goes_down_now, begin_s, end_s, lost_here], axis=1)[there]
            for there, whose, cell, goes_down_now, begin_s, end_s, lost_here in (
                (
                    goes_up,
                    sender,
                    up_cell,
                    np.zeros(len(lost)),
                    sent_s,
                    np.minimum(sent_s + up_s, ended_s),
                    lost & ~goes_down,
                ),
                (
                    goes_down,
                    receiver,
                    down_cell,
                    np.ones(len(lost)),
                    np.maximum(ended_s - down_s, sent_s),
                    ended_s,
                    lost,
                ),
            )
        ]
        rows = np.concatenate(legs)
        rows = rows[np.argsort(rows[:, 4], kind="stable")]
        # By tenths, so that looking doesn't go through packets one by one.
        self._legs.add(np.floor(rows[:, 4] * 10) / 10, list(rows.T))

    def seen(self, now_s: float, whose: Any, lasts_s: float) -> Any:
        """What is on the air of some road users at an instant.

        At most 64 packets: of more it is a sample that stays for as long as they do, along with
        those that get lost.

        Args:
            now_s: the instant [s].
            whose: numbers of the road users (m,).
            lasts_s: how long each is shown at the least [s]: most are gone before anyone sees them.

        Returns:
            Number of the road user, that of the cell (-1: none), 1 down or 0 up, share of the way
            that is done, 1 if it gets lost (n, 5).
        """
        recent = self._legs.between(now_s - lasts_s - 0.1, now_s + _LONGEST_S)
        if not recent or not len(whose):
            return NO_ROWS
        legs = np.concatenate([rows for _, rows in recent])
        legs = legs[np.isin(legs[:, 0], whose)]
        begin_s, takes_s = legs[:, 3], np.maximum(legs[:, 4] - legs[:, 3], lasts_s)
        done = (now_s - begin_s) / takes_s
        on_air = (done >= 0.0) & (done < 1.0)
        # Halved as often as it takes, by a lot that a packet keeps.
        halvings = np.ceil(np.log2(max(on_air.sum() / _MOST, 1.0)))
        on_air &= ((begin_s * _LOT) % 1.0 < 0.5**halvings) | (legs[:, 5] > 0.0)
        return np.column_stack([legs[:, :3], done, legs[:, 5]])[on_air][:_MOST]
