"""What a remote driver sends to the vehicle, many times a second."""

from __future__ import annotations

from dataclasses import dataclass

# Controls, time stamps and an authentication tag.
SIZE_BYTES = 100


@dataclass(frozen=True, slots=True)
class RemoteCommand:
    """Controls, and the picture that was on the screen when they were given.

    Args:
        generation_time_ns: when the driver gave them [ns].
        acceleration_mps2: wanted acceleration in the direction of the gear; negative brakes, which
            stops the car whichever way it rolls and never sets it in motion.
        steering_rad: wanted angle of the front wheels, left positive.
        backwards: whether the reverse gear is in.
        frame: number of the picture.
        captured_ns: when it was taken [ns].
        shown_ns: when it came on the screen [ns].
        key_wanted: whether later pictures are there that can't be decoded.
    """

    generation_time_ns: int
    acceleration_mps2: float
    steering_rad: float
    backwards: bool
    frame: int
    captured_ns: int
    shown_ns: int
    key_wanted: bool
