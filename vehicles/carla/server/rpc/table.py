"""How a call is declared: its name, and how its answer is wrapped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from vehicles.carla.server import wire
from vehicles.carla.server.wire import CarlaError
from vehicles.carla.server.world import World

Function = TypeVar("Function", bound=Callable[..., Any])


class Method(NamedTuple):
    """A call: what answers it, and what becomes of a value and of a refusal."""

    function: Callable[..., Any]
    success: Callable[[Any], Any]
    failure: Callable[[str], Any]

    def __call__(self, world: World, arguments: list[Any]) -> Any:
        """The result as it goes onto the wire."""
        try:
            return self.success(self.function(world, *arguments))
        except CarlaError as error:
            return self.failure(str(error))


METHODS: dict[str, Method] = {}


def answers(function: Function) -> Function:
    """Declare a call of the function's name whose value goes back to the client."""
    METHODS[function.__name__] = Method(function, wire.success, wire.failure)
    return function


def does(function: Function) -> Function:
    """Declare a call of the function's name that gives nothing back."""

    def success(_nothing: None) -> Any:
        return wire.void_success()

    METHODS[function.__name__] = Method(function, success, wire.void_failure)
    return function
