"""How a call is declared: its name, and how its answer is wrapped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from vehicles.carla.server import wire

Function = TypeVar("Function", bound=Callable[..., Any])


class Method(NamedTuple):
    """A call: what answers it, and what goes onto the wire for its value or its refusal."""

    function: Callable[..., Any]
    success: Callable[[Any], Any]
    failure: Callable[[str], Any]


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
