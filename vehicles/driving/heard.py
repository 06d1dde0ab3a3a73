"""Where road users are now that have been heard."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from vehicles.driving.base import Bodies
from vehicles.messages.cam import Cam
from vehicles.messages.received import Received
from vehicles.messages.vam import Vam

Awareness = TypeVar("Awareness", Cam, Vam)


def moved_on(heard: Sequence[Received[Awareness]], now_ns: int) -> Bodies:
    """The senders' bodies at an instant, going on straight as they said; who brakes, to a stop.

    Args:
        heard: the newest message of each, n of them.
        now_ns: the instant [ns].
    """
    messages = [received.message for received in heard]
    columns = np.array(
        [
            (m.x_m, m.y_m, m.heading_rad, m.speed_mps, m.length_m, m.width_m, m.acceleration_mps2)
            for m in messages
        ]
    ).reshape(len(messages), 7)
    x, y, heading, speed, length, width, acceleration = columns.T
    age_s = np.array([1e-9 * received.age_ns(now_ns) for received in heard])
    brakes = acceleration < 0.0
    age_s[brakes] = np.minimum(age_s[brakes], np.maximum(speed[brakes] / -acceleration[brakes], 0))
    way = speed * age_s + 0.5 * acceleration * age_s**2
    return Bodies(
        x + way * np.cos(heading),
        y + way * np.sin(heading),
        heading,
        speed + acceleration * age_s,
        length,
        width,
    )
