"""A camera of CARLA's behind a driven vehicle: the picture that a person drives by."""

from __future__ import annotations

from collections import deque
from typing import Any, NamedTuple

# What a person afar still sees by a link that stalls; a picture of 1280 x 720 has 3.7 MB.
_KEPT = 50
# Behind and above, as in CARLA's manual_control, by lengths and heights of the vehicle's half box.
_BEHIND, _ABOVE, _PITCH_DEG = 3.0, 3.5, -8.0


class Photo(NamedTuple):
    """A picture as CARLA sends it."""

    frame: int
    """The tick that it was taken in."""
    width_px: int
    height_px: int
    bgra: bytes
    """Rows from above, 4 bytes a pixel."""


class Camera:
    """Follows a vehicle and keeps the newest pictures.

    They arrive on a thread of the client's, a moment after their tick or some ticks later: nobody
    waits for them.

    Args:
        world: the client's world.
        vehicle: the client's actor that is followed.
        size_px: width and height of the pictures.

    Raises:
        RuntimeError: the server takes no pictures; the message says so.
    """

    def __init__(self, world: Any, vehicle: Any, size_px: tuple[int, int]) -> None:
        import carla

        if world.get_settings().no_rendering_mode:
            raise RuntimeError("the server is in no-rendering mode")
        blueprint = world.get_blueprint_library().find("sensor.camera.rgb")
        for name, pixels in zip(("image_size_x", "image_size_y"), size_px, strict=True):
            blueprint.set_attribute(name, str(pixels))
        half = vehicle.bounding_box.extent
        place = carla.Transform(
            carla.Location(x=-_BEHIND * half.x, z=_ABOVE * half.z), carla.Rotation(pitch=_PITCH_DEG)
        )
        self._actor = world.spawn_actor(blueprint, place, attach_to=vehicle)
        self._photos: deque[Photo] = deque(maxlen=_KEPT)
        self._actor.listen(self._keep)

    @property
    def actor_id(self) -> int:
        """The camera's actor."""
        return int(self._actor.id)

    def photo(self, frame: int) -> Photo | None:
        """The newest picture of a tick or of one before it; None if it isn't kept any more."""
        photos = list(self._photos)
        return next((photo for photo in reversed(photos) if photo.frame <= frame), None)

    def stop(self) -> None:
        """Take no more."""
        self._actor.stop()

    def _keep(self, image: Any) -> None:
        self._photos.append(Photo(image.frame, image.width, image.height, bytes(image.raw_data)))
