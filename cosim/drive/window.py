"""The window of a drive, by pygame: the road, by CARLA's camera or from above, and instruments."""

from __future__ import annotations

import os
from typing import Any, Self

import numpy as np

from cosim.drive.scene import Camera, RoadMap, corners, read_map
from cosim.drive.seat import Axis, DrivingSeat, of_pedal, of_stick
from cosim.drive.view import Look, View
from cosim.federate import BadInput
from cosim.onlooker import Bridge
from vehicles.carla.camera import Photo
from vehicles.driving.base import Bodies

# Colours apart for every kind of colour vision (Okabe and Ito), on a dark ground.
_GROUND, _ROAD, _MARKING = (24, 27, 32), (58, 62, 70), (120, 126, 136)
_BUILDING, _TEXT, _FAINT = (40, 44, 52), (236, 239, 244), (150, 156, 166)
_EGO, _OTHER, _STOP = (86, 180, 233), (230, 159, 0), (213, 94, 0)
_LINK = (0, 158, 115)
_PANEL = 0.27
_AXIS_OF_TRIGGER: dict[int, Axis] = {4: "brake", 5: "throttle"}
# Of CARLA's manual_control_steeringwheel: a pedal goes from 1 (free) to -1 (down).
_AXIS_OF_PEDAL: dict[int, Axis] = {2: "throttle", 3: "brake"}
_PADDLE_OF_REVERSE = 5


class Window:
    """A window that a person drives in; a context, which closes it.

    Args:
        size_px: width and height at first.

    Raises:
        BadInput: pygame isn't there, or no window can be opened.
    """

    def __init__(self, size_px: tuple[int, int] = (1280, 720)) -> None:
        os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
        try:
            import pygame
        except ImportError:
            raise BadInput("the window needs pygame: pip install 'cosim-v2x[drive]'") from None
        self._pygame: Any = pygame
        try:
            # Not pygame.init(): nothing here makes a sound.
            pygame.display.init()
            pygame.font.init()
            pygame.joystick.init()
            self._surface = pygame.display.set_mode(size_px, pygame.RESIZABLE)
        except pygame.error as error:
            pygame.quit()
            raise BadInput(f"no window can be opened: {error}") from error
        # Without a display SDL draws where nobody sees it, which is for who asks for that.
        if pygame.display.get_driver() == "offscreen" and "SDL_VIDEODRIVER" not in os.environ:
            pygame.quit()
            raise BadInput("no window can be opened: no display; --web drives in the browser")
        self._controllers: list[Any] = []
        self._map = RoadMap()
        self._fonts: dict[int, Any] = {}
        self._written: dict[tuple[str, int, Any], Any] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_raised: object) -> None:
        self._controllers.clear()
        self._pygame.quit()

    def open(self, bridge: Bridge, vehicle: str) -> None:
        """Read the map, and have a camera follow the car where there is one."""
        self._map = read_map(bridge.net, bridge.buildings)
        width, height = self._surface.get_size()
        bridge.vehicles.film(vehicle, (round(width * (1 - _PANEL)), height))
        self._pygame.display.set_caption(f"{bridge.scenario.name}: {vehicle}")

    def read(self, seat: DrivingSeat) -> bool:
        """Hand keys and axes on to the seat; False if the window is closed or Escape is pressed."""
        pygame = self._pygame
        for event in pygame.event.get():
            if event.type == pygame.QUIT:
                return False
            if event.type == pygame.KEYDOWN:
                if event.key == pygame.K_ESCAPE:
                    return False
                seat.press(pygame.key.name(event.key))
            elif event.type == pygame.KEYUP:
                seat.release(pygame.key.name(event.key))
            elif event.type == pygame.WINDOWFOCUSLOST:
                seat.release_all()
            elif event.type == pygame.JOYDEVICEADDED:
                self._plug_in(event.device_index)
            elif event.type == pygame.CONTROLLERAXISMOTION:
                if event.axis == 0:
                    seat.move("steering", -of_stick(event.value / 32767.0))
                elif event.axis in _AXIS_OF_TRIGGER:
                    seat.move(_AXIS_OF_TRIGGER[event.axis], of_pedal(event.value / 32767.0))
            elif event.type == pygame.CONTROLLERBUTTONDOWN:
                if event.button == pygame.CONTROLLER_BUTTON_RIGHTSHOULDER:
                    seat.shift()
            elif event.type == pygame.JOYBUTTONDOWN and self._is_wheel(event.instance_id):
                if event.button == _PADDLE_OF_REVERSE:
                    seat.shift()
            elif event.type == pygame.JOYAXISMOTION and self._is_wheel(event.instance_id):
                if event.axis == 0:
                    seat.move("steering", -event.value)
                elif event.axis in _AXIS_OF_PEDAL:
                    seat.move(_AXIS_OF_PEDAL[event.axis], of_pedal(0.5 - 0.5 * event.value))
        return True

    def show(self, view: View) -> None:
        """Draw it."""
        surface = self._surface = self._pygame.display.get_surface()
        surface.fill(_GROUND)
        width, height = surface.get_size()
        self._draw_main(view, surface.subsurface((0, 0, round(width * (1 - _PANEL)), height)))
        self._draw_panel(view, round(width * (1 - _PANEL)))
        self._pygame.display.flip()

    def save(self, file: str) -> None:
        """Write what is shown into a PNG."""
        self._pygame.image.save(self._surface, file)

    def _plug_in(self, index: int) -> None:
        from pygame._sdl2 import controller

        pygame = self._pygame
        if not controller.get_init():
            controller.init()
        known = controller.is_controller(index)
        self._controllers.append(
            controller.Controller(index) if known else pygame.joystick.Joystick(index)
        )

    def _is_wheel(self, instance_id: int) -> bool:
        """Whether it is a joystick that SDL doesn't know as a gamepad."""
        joystick = self._pygame.joystick.JoystickType
        return any(
            isinstance(one, joystick) and one.get_instance_id() == instance_id
            for one in self._controllers
        )

    def _draw_main(self, view: View, into: Any) -> None:
        look = view.picture if view.remote else view.here
        if look is not None:
            self._draw_scene(into, look, view.mast_m)
        else:
            said = "no picture yet" if view.remote else "waiting for the car"
            self._write(into, said, (24, into.get_height() // 2), _FAINT, 1.4)
        if view.remote and view.here is not None:
            self._draw_inset(view.here, into)
        at = 16
        for warning in view.warnings:
            at = self._banner(into, warning, at)
        if view.remote and look is not None:
            text = f"view {view.picture_age_ms:.0f} ms old"
            self._write(into, text, (24, into.get_height() - 52), _TEXT, 1.3)

    def _draw_inset(self, look: Look, into: Any) -> None:
        """What is around the car now, faintly: for the instructor, not for the driver."""
        width, height = into.get_size()
        size = (round(0.3 * width), round(0.42 * height))
        inset = self._pygame.Surface(size)
        inset.fill(_GROUND)
        self._draw_scene(inset, look, None)
        self._pygame.draw.rect(inset, _FAINT, inset.get_rect(), 1)
        self._write(inset, "at the car, now", (10, 8), _TEXT, 0.9)
        inset.set_alpha(110)
        into.blit(inset, (width - size[0] - 16, height - size[1] - 16))

    def _draw_scene(self, into: Any, look: Look, mast_m: tuple[float, float] | None) -> None:
        if look.photo is not None:
            self._draw_photo(into, look.photo)
            return
        draw, camera = self._pygame.draw, Camera.above(look.ego, into.get_size(), _across_m(look))
        around = (look.ego.x_m, look.ego.y_m, camera.reach_m)
        for shapes, colour in (
            (self._map.buildings, _BUILDING),
            (self._map.junctions, _ROAD),
            (self._map.lanes, _ROAD),
        ):
            for shape in shapes.near(*around):
                draw.polygon(into, colour, camera.project(shape))
        for shape in self._map.lanes.near(*around):
            outline = camera.project(shape)
            half = len(outline) // 2
            draw.aalines(into, _MARKING, False, outline[:half])
            draw.aalines(into, _MARKING, False, outline[half:])
        if look.stop_m is not None:
            ((x, y),) = camera.project(np.array([look.stop_m]))
            draw.line(into, _STOP, (x - 18, y), (x + 18, y), 5)
        if mast_m is not None:
            ((here, mast),) = [camera.project(np.array([[look.ego.x_m, look.ego.y_m], mast_m]))]
            draw.aaline(into, _LINK, here, mast)
        for body in camera.project(corners(look.others).reshape(-1, 2)).reshape(-1, 4, 2):
            draw.polygon(into, _OTHER, body)
        ego = look.ego
        own = Bodies(
            *(
                np.array([value])
                for value in (
                    *(ego.x_m, ego.y_m, ego.heading_rad, ego.speed_mps),
                    *(ego.length_m, ego.width_m),
                )
            )
        )
        draw.polygon(into, _EGO, camera.project(corners(own)[0]))

    def _draw_photo(self, into: Any, photo: Photo) -> None:
        """All of a picture, as large as there is room."""
        size = (photo.width_px, photo.height_px)
        picture = self._pygame.image.frombuffer(photo.bgra, size, "BGRA")
        width, height = into.get_size()
        if size != (width, height):
            scale = min(width / photo.width_px, height / photo.height_px)
            size = (round(scale * photo.width_px), round(scale * photo.height_px))
            picture = self._pygame.transform.smoothscale(picture, size)
        into.blit(picture, ((width - size[0]) // 2, (height - size[1]) // 2))

    def _draw_panel(self, view: View, left: int) -> None:
        surface = self._surface
        width, height = surface.get_size()
        step = round(height / 30)
        at = step
        for name, value in view.lines:
            self._write(surface, name, (left + 16, at), _FAINT)
            self._write(surface, value, (left + round(0.115 * width), at), _TEXT)
            at += step
        whole, x = round(0.14 * width), left + round(0.115 * width)
        at, inputs = height - 4 * step, view.inputs
        # From where to where each bar goes, of the whole of it.
        bars = {
            "throttle": (0.0, inputs.throttle),
            "brake": (0.0, max(inputs.brake, float(inputs.hand_brake))),
            "steering": (0.5, 0.5 - 0.5 * inputs.steering),
        }
        for name, ends in bars.items():
            self._write(surface, name, (left + 16, at), _FAINT)
            self._pygame.draw.rect(surface, _ROAD, (x, at, whole, step // 2))
            low, high = sorted(ends)
            bar = (round(x + low * whole), at, round((high - low) * whole), step // 2)
            self._pygame.draw.rect(surface, _EGO, bar)
            at += step

    def _banner(self, into: Any, text: str, at: int) -> int:
        written = self._text(f"!  {text}", _GROUND, 1.3)
        box = written.get_rect(topleft=(24, at + 6)).inflate(24, 12)
        self._pygame.draw.rect(into, _OTHER, box, border_radius=6)
        into.blit(written, (24, at + 6))
        return int(box.bottom) + 8

    def _write(
        self, into: Any, text: str, at: tuple[int, int], colour: Any, size: float = 1.0
    ) -> None:
        into.blit(self._text(text, colour, size), at)

    def _text(self, text: str, colour: Any, size: float) -> Any:
        """Written as large as the window allows."""
        points = max(round(size * self._surface.get_height() / 34), 12)
        key = (text, points, colour)
        if key not in self._written:
            # Most of what is written stays the same from picture to picture.
            if len(self._written) > 200:
                self._written.clear()
            if points not in self._fonts:
                self._fonts[points] = self._pygame.font.Font(None, points)
            self._written[key] = self._fonts[points].render(text, True, colour)
        return self._written[key]


def _across_m(look: Look) -> float:
    """How much of the road is shown: more of it at speed."""
    return 50.0 + 2.5 * look.ego.speed_mps
