"""The link side: stations on the road, their packets, and what has reached whom."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from cosim.clock import NS_PER_MS, to_s
from cosim.federate import Deliveries
from cosim.recording import Columns
from cosim.sides.payloads import Batch, Payloads
from network.arrays import Floats, Ints
from network.base import Cause, LinkModel
from network.draws import Draws, key_of
from network.five_qi import BEST_EFFORT
from network.packet import AREA, SERVER, Fate, Packets, Positions, Stage
from network.settings import CellOutage, LoadBurst
from vehicles.driving.base import LinkView
from vehicles.messages.kinds import MessageKind, StationIds
from vehicles.messages.received import Received
from vehicles.messages.receiver import Arrival
from vehicles.state import RoadUsers

# Phones and low cars: TR 38.901 has no antenna below 1.5 m.
_LEAST_ANTENNA_HEIGHT_M = 1.5
# How often payloads that nobody can receive any more are dropped.
_TIDY_NS = 1_000_000_000
# What is read there; the rest it only hands on.
_FOR_THE_SERVER = (MessageKind.TELEMETRY, MessageKind.VIDEO, MessageKind.FLEET_ANSWER)


class LinkSide:
    """Keeps a station on the link for every connected road user and hands packets to and fro.

    Args:
        link: the link model; its station numbers are slots of `users`.
        users: everyone on the road.
        penetration: share of road users that are connected; driven ones always are.
        seed: the run's seed, for who is connected.
        step_ns: how often receptions are handed over [ns].
        qos: 5QI by the name of a message kind; others are best effort.
    """

    name = "link"

    def __init__(
        self,
        link: LinkModel,
        users: RoadUsers,
        *,
        penetration: float,
        seed: int,
        step_ns: int,
        qos: Mapping[str, int] | None = None,
    ) -> None:
        self.step_ns = step_ns
        self._link = link
        self._users = users
        self._penetration = penetration
        self._draws = Draws(seed, "connected")
        self._five_qi = {
            kind: (qos or {}).get(kind.name.lower(), BEST_EFFORT) for kind in MessageKind
        }
        self._changes = -1
        self._ids: dict[int, str] = {}
        self._names: dict[int, str] = {SERVER: "server"}
        self._name_of_key: dict[int, str] = {key_of("server"): "server"}
        self.stations: Ints = np.zeros(0, dtype=np.int64)
        self.station_keys = np.zeros(0, dtype=np.uint64)
        self.station_ids = StationIds()
        self.listeners: list[Callable[[MessageKind, Ints, Batch], None]] = []
        """Called with what is broadcast: kind, instants and payloads."""
        self._payloads = Payloads()
        self._tidy_ns = _TIDY_NS
        self._received: defaultdict[int, list[Arrival]] = defaultdict(list)
        self._at_server: defaultdict[MessageKind, list[Received[Any]]] = defaultdict(list)
        self._rows: list[tuple[str, Columns]] = []

    def start(self) -> None:
        """Nobody is on the road yet."""

    def advance(self, to_ns: int) -> Deliveries:
        """Let stations come and go, then move the link on to `to_ns`."""
        self._update_stations()
        everyone = self._users.at(to_ns, np.arange(self._users.capacity))
        received = self._link.advance(
            to_ns,
            Positions(
                to_ns, everyone.x_m, everyone.y_m, everyone.z_m, everyone.vx_mps, everyone.vy_mps
            ),
        )
        read = (received.receiver != SERVER) | np.isin(received.kind, _FOR_THE_SERVER)
        for row in np.flatnonzero(read).tolist():
            kind, receiver = MessageKind(received.kind[row]), int(received.receiver[row])
            packet = Received(
                packet_id=int(received.packet_id[row]),
                message=self._payloads[int(received.reference[row])],
                # Timestamps in headers are of whole milliseconds.
                sent_ns=int(received.sent_ns[row]) // NS_PER_MS * NS_PER_MS,
                received_ns=int(received.received_ns[row]),
            )
            if receiver == SERVER:
                self._at_server[kind].append(packet)
            else:
                self._received[receiver].append(Arrival(kind, packet))
        if to_ns >= self._tidy_ns:
            self._tidy_ns = to_ns + _TIDY_NS
            self._payloads.keep(self._link.unfinished().reference)
        self._keep_finished()
        return Deliveries(received.sent_ns, received.received_ns, self._link.least_latency_ns)

    def broadcast(
        self,
        senders: Ints,
        sent_ns: Ints,
        *,
        kind: MessageKind,
        size_bytes: int | Ints,
        radius_m: float,
        payloads: Batch,
    ) -> None:
        """Send packets to every vehicle around their senders (slots) that listens.

        How they get there isn't the sender's business: today by way of the edge server.
        """
        for listener in self.listeners:
            listener(kind, sent_ns, payloads)
        self._send(
            senders,
            sent_ns,
            kind=kind,
            size_bytes=size_bytes,
            to=AREA,
            radius_m=radius_m,
            payloads=payloads,
        )

    def broadcast_from(
        self,
        x_m: float,
        y_m: float,
        now_ns: int,
        *,
        kind: MessageKind,
        size_bytes: int,
        radius_m: float,
        payload: Any,
    ) -> None:
        """Send a packet of a unit beside the road to every vehicle around it that listens.

        Units are wired to the edge server: it sends to each of these vehicles.
        """
        receivers = self.around(x_m, y_m, radius_m, now_ns)
        self._send(
            np.full(len(receivers), SERVER),
            np.full(len(receivers), now_ns),
            kind=kind,
            size_bytes=size_bytes,
            to=receivers,
            payloads=[payload] * len(receivers),
        )

    def around(self, x_m: float, y_m: float, radius_m: float, now_ns: int) -> Ints:
        """Slots of the vehicles that listen within a radius of a place at an instant [ns]."""
        listening = self.stations[self._users.driven[self.stations]]
        here = self._users.at(now_ns, listening)
        return listening[np.hypot(here.x_m - x_m, here.y_m - y_m) <= radius_m]

    def send(
        self,
        senders: Ints,
        sent_ns: Ints,
        *,
        kind: MessageKind,
        size_bytes: int | Ints,
        to: int,
        payloads: Batch,
    ) -> Ints:
        """Send one packet per entry of `senders` (slots, or SERVER) to one place.

        Args:
            senders: who sends, shape (n,).
            sent_ns: when, from now on, shape (n,) [ns].
            kind: what they carry.
            size_bytes: how large they are, with all headers.
            to: SERVER, or a slot.
            payloads: what they carry, n of them.

        Returns:
            The packets' ids (n,).
        """
        return self._send(
            senders, sent_ns, kind=kind, size_bytes=size_bytes, to=to, payloads=payloads
        )

    def _send(
        self,
        senders: Ints,
        sent_ns: Ints,
        *,
        kind: MessageKind,
        size_bytes: int | Ints,
        to: int | Ints,
        radius_m: float = 0.0,
        payloads: Batch,
    ) -> Ints:
        if len(senders) == 0:
            return np.zeros(0, dtype=np.int64)
        return self._link.send(
            senders,
            size_bytes,
            sent_ns,
            kinds=int(kind),
            to=to,
            radius_m=radius_m,
            references=self._payloads.add(payloads),
            five_qi=self._five_qi[kind],
        )

    def take_received(self, slot: int) -> list[Arrival]:
        """Packets that have reached a driven vehicle since the last call, ordered by arrival."""
        return self._received.pop(slot, [])

    def take_at_server(self, kind: MessageKind) -> list[Received[Any]]:
        """Messages to the server that have reached it since the last call, ordered by arrival."""
        return self._at_server.pop(kind, [])

    def view(self, slot: int) -> LinkView:
        """What the modem of a road user knows of its link."""
        state = self._link.station_state()
        cell, neighbour = int(state.serving_cell[slot]), int(state.neighbour_cell[slot])
        return LinkView(
            serving_cell=self._link.cell_names[cell] if cell >= 0 else None,
            rsrp_dbm=float(state.rsrp_dbm[slot]),
            sinr_db=float(state.sinr_db[slot]),
            interrupted=bool(state.interrupted_until_ns[slot] > self._link.now_ns),
            neighbour_cell=self._link.cell_names[neighbour] if neighbour >= 0 else None,
            neighbour_rsrp_dbm=float(state.neighbour_rsrp_dbm[slot]),
        )

    def levels(self, slots: Ints) -> tuple[Floats, Floats]:
        """RSRP [dBm] and SINR [dB] that road users' modems last measured, NaN without a cell."""
        state = self._link.station_state()
        return state.rsrp_dbm[slots], state.sinr_db[slots]

    def impair(self, impairment: CellOutage | LoadBurst) -> None:
        """Add something to what goes wrong in the scenario; see `LinkModel.impair`."""
        self._link.impair(impairment)

    def expected_sinr_db(self, x_m: Floats, y_m: Floats) -> Floats:
        """The network's forecast for a vehicle at places, shape (n,) [dB]."""
        return self._link.expected_sinr_db(x_m, y_m, np.full(len(x_m), _LEAST_ANTENNA_HEIGHT_M))

    def rows(self, now_ns: int, *, last: bool) -> Iterator[tuple[str, Columns]]:
        """Packets and handovers finished since the last call, and the stations' links now."""
        rows, self._rows = self._rows, []
        yield from rows
        if last:
            yield "packets", self._packet_columns(self._link.unfinished())
            return
        state = self._link.station_state()
        slots = self.stations
        cells = state.serving_cell[slots]
        yield (
            "links",
            {
                "time_s": np.full(len(slots), to_s(now_ns)),
                "id": [self._ids[slot] for slot in slots.tolist()],
                "cell": self._cell_names(cells),
                "rsrp_dbm": state.rsrp_dbm[slots],
                "sinr_db": state.sinr_db[slots],
                "interrupted": state.interrupted_until_ns[slots] > now_ns,
            },
        )

        load = self._link.cell_state()
        yield (
            "cells",
            {
                "time_s": np.full(len(self._link.cell_names), to_s(now_ns)),
                "cell": list(self._link.cell_names),
                "downlink_utilisation": load.downlink_utilisation,
                "uplink_utilisation": load.uplink_utilisation,
            },
        )

    def abort(self) -> None:
        """Nothing to abort: the link computes in this process."""

    def close(self) -> None:
        """Nothing to release."""

    def _update_stations(self) -> None:
        users = self._users
        if users.changes == self._changes:
            return
        self._changes = users.changes
        gone = [slot for slot, user_id in self._ids.items() if users.ids[slot] != user_id]
        for slot in gone:
            self._link.detach(slot)
        if gone:
            # Their packets are named before the slots get new owners.
            self._keep_finished()
        for slot in gone:
            del self._ids[slot]
            self._received.pop(slot, None)
        for slot in users.slots().tolist():
            user_id = users.ids[slot]
            if slot in self._ids or not self._is_connected(slot, user_id):
                continue
            self._link.attach(
                slot,
                user_id,
                max(float(users.height_m[slot]), _LEAST_ANTENNA_HEIGHT_M),
                subscribed=bool(users.driven[slot]),
            )
            self._ids[slot] = user_id
            self._names[slot] = user_id
            self._name_of_key[key_of(user_id)] = user_id
        self.stations = np.array(sorted(self._ids), dtype=np.int64)
        self.station_keys = np.array(
            [key_of(self._ids[slot]) for slot in self.stations.tolist()], dtype=np.uint64
        )

    def _is_connected(self, slot: int, user_id: str) -> bool:
        if self._users.driven[slot] or self._penetration >= 1.0:
            return True
        return float(self._draws.uniform(key_of(user_id), 0)) < self._penetration

    def _keep_finished(self) -> None:
        finished = self._link.finished()
        if len(finished):
            self._rows.append(("packets", self._packet_columns(finished)))
        handovers = self._link.handovers()
        if len(handovers.instant_ns):
            self._rows.append(
                (
                    "handovers",
                    {
                        "time_s": handovers.instant_ns * 1e-9,
                        "id": [self._names[slot] for slot in handovers.station.tolist()],
                        "from_cell": self._cell_names(handovers.from_cell),
                        "to_cell": self._cell_names(handovers.to_cell),
                        "cause": [Cause(cause).name.lower() for cause in handovers.cause.tolist()],
                        "interruption_ms": handovers.interruption_ns / NS_PER_MS,
                        "ping_pong": handovers.ping_pong,
                    },
                )
            )

    def _packet_columns(self, packets: Packets) -> Columns:
        return {
            "packet_id": packets.packet_id,
            "parent_id": packets.parent_id,
            "kind": [MessageKind(kind).name.lower() for kind in packets.kind.tolist()],
            "reference": packets.reference,
            # By key: a packet may end when its sender is gone and the slot another's.
            "sender": [self._name_of_key[key] for key in packets.sender_key.tolist()],
            "receiver": [self._names.get(slot, "area") for slot in packets.receiver.tolist()],
            "size_bytes": packets.size_bytes,
            "sent_ns": packets.sent_ns,
            "ended_ns": packets.ended_ns,
            "fate": [_FATE_NAMES[fate] for fate in packets.fate.tolist()],
            "uplink_cell": self._cell_names(packets.cell_up),
            "downlink_cell": self._cell_names(packets.cell_down),
            **{f"{stage.name.lower()}_ns": packets.stage_ns[:, stage] for stage in Stage},
        }

    def _cell_names(self, cells: Ints) -> list[str]:
        names = self._link.cell_names
        return [names[cell] if cell >= 0 else "" for cell in cells.tolist()]


_FATE_NAMES = {fate.value: fate.name.lower() for fate in Fate}
