"""What varies between the runs of a batch: a scenario's `sweep:` block, and its points."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike
from pydantic import BaseModel, ConfigDict, Field, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError

from cosim.federate import BadInput
from network.arrays import Floats, Ints
from network.draws import Draws, key_of
from network.settings import Settings

Point: TypeAlias = dict[str, Any]
"""One run's share of a sweep: value by key path."""


class Span(Settings):
    """Numbers from one on: `count` of them spaced evenly up to `to`, or else one apart."""

    model_config = ConfigDict(serialize_by_alias=True)

    from_: float = Field(alias="from")
    to: float | None = None
    count: int | None = Field(None, ge=1, le=100_000)

    @model_validator(mode="after")
    def _bounded(self) -> Span:
        if self.to is None and self.count is None:
            raise ValueError("give `to`, `count` or both beside `from`")
        if self.to is not None and self.to < self.from_:
            raise ValueError(f"`to` ({self.to:g}) is below `from` ({self.from_:g})")
        return self

    def values(self) -> list[Any]:
        """The numbers; integers if all are whole."""
        if self.to is None:
            assert self.count is not None
            return _numbers(self.from_ + np.arange(self.count))
        if self.count is None:
            return _numbers(np.arange(self.from_, self.to + 1e-9))
        return _numbers(np.linspace(self.from_, self.to, self.count))

    def at(self, shares: Floats) -> list[Any]:
        """Numbers at shares of the way from `from` to `to`, shape (n,)."""
        assert self.to is not None
        return list((self.from_ + shares * (self.to - self.from_)).tolist())


Values: TypeAlias = Annotated[list[Any], Field(min_length=1)] | Span


class Sampled(Settings):
    """Points drawn from a space, in place of all its combinations."""

    count: int = Field(ge=1, le=100_000, description="How many points.")
    seed: int = Field(1, ge=0, description="The points follow from it.")
    of: dict[str, Values] = Field(
        min_length=1, description="Key path: a list to choose from, or a span of numbers."
    )

    @model_validator(mode="after")
    def _bounded(self) -> Sampled:
        for key, values in self.of.items():
            if isinstance(values, Span) and (values.to is None or values.count is not None):
                raise ValueError(f"`{key}` needs `from` and `to` alone: its values are drawn")
        return self


class Sweep(BaseModel):
    """What varies: each key path is a dimension, and dimensions are combined as a grid.

    `zip` makes one dimension of several keys that go in step; `random` and `latin_hypercube` make
    one of points drawn from a space.
    """

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, Values]

    zip: dict[str, Annotated[list[Any], Field(min_length=1)]] = Field(
        {}, description="Keys that go in step."
    )
    random: Sampled | None = Field(None, description="Independent uniform draws.")
    latin_hypercube: Sampled | None = Field(
        None, description="As `random`, but each key's range is covered evenly."
    )

    @model_validator(mode="after")
    def _sound(self) -> Sweep:
        lengths = {key: len(values) for key, values in self.zip.items()}
        if len(set(lengths.values())) > 1:
            told = ", ".join(f"`{key}` has {length}" for key, length in lengths.items())
            raise ValueError(f"keys of `zip` need equally many values; {told}")
        keys = self.keys()
        for key in keys:
            if keys.count(key) > 1:
                raise ValueError(f"`{key}` is swept twice")
        return self

    def keys(self) -> list[str]:
        """The key paths that vary."""
        sampled = [part.of for part in (self.random, self.latin_hypercube) if part is not None]
        return list(itertools.chain(self.__pydantic_extra__, self.zip, *sampled))

    def points(self) -> list[Point]:
        """Every point; the first key of the file varies slowest."""
        dimensions: list[list[Point]] = [
            [{key: value} for value in _listed(values)]
            for key, values in self.__pydantic_extra__.items()
        ]
        if self.zip:
            rows = zip(*self.zip.values(), strict=True)
            dimensions.append([dict(zip(self.zip, row, strict=True)) for row in rows])
        if self.random is not None:
            dimensions.append(_drawn(self.random, _independent))
        if self.latin_hypercube is not None:
            dimensions.append(_drawn(self.latin_hypercube, _one_in_each_stratum))
        return [
            {key: value for part in parts for key, value in part.items()}
            for parts in itertools.product(*dimensions)
        ]


def _listed(values: Values) -> list[Any]:
    return values.values() if isinstance(values, Span) else values


def _numbers(values: ArrayLike) -> list[Any]:
    numbers = np.asarray(values, dtype=np.float64)
    whole = bool((numbers == np.round(numbers)).all())
    return list((numbers.astype(np.int64) if whole else numbers).tolist())


def _drawn(sampled: Sampled, shares_of: Callable[[Draws, int, int], Floats]) -> list[Point]:
    draws = Draws(sampled.seed, "sweep")
    columns: dict[str, list[Any]] = {}
    for key, values in sampled.of.items():
        # Each key draws for itself: one more doesn't shift the others.
        shares = shares_of(draws, key_of(key), sampled.count)
        if isinstance(values, Span):
            columns[key] = values.at(shares)
        else:
            columns[key] = [values[row] for row in (shares * len(values)).astype(int)]
    rows = zip(*columns.values(), strict=True)
    return [dict(zip(columns, row, strict=True)) for row in rows]


def _independent(draws: Draws, key: int, count: int) -> Floats:
    return draws.uniform(key, np.arange(count))


def _one_in_each_stratum(draws: Draws, key: int, count: int) -> Floats:
    """Latin hypercube (McKay, Beckman and Conover 1979): one draw in each of `count` strata."""
    stratum: Ints = np.argsort(draws.uniform(key, count + np.arange(count)))
    return (stratum + draws.uniform(key, np.arange(count))) / count


def merged(sweep: Sweep | None, more: Mapping[str, Values]) -> Sweep:
    """A sweep with dimensions of the command line, which replace the file's of the same keys."""
    given: dict[str, Any] = {} if sweep is None else sweep.model_dump()
    kept = {key: values for key, values in given.items() if values}
    return Sweep.model_validate({**kept, **more})


def read_dimension(option: str, given: str) -> tuple[str, Values]:
    """Read a dimension from the command line: `key.path=a,b,c` or `key.path=1..20`.

    Raises:
        BadInput: another form; names the option.
    """
    key, _, text = given.partition("=")
    low, dots, high = text.partition("..")
    values: Values | None
    try:
        if dots:
            values = Span.model_validate({"from": float(low), "to": float(high)})
        else:
            values = YAML(typ="safe").load(f"[{text}]")
    except (ValueError, MarkedYAMLError):
        values = None
    if not key or not values:
        raise BadInput(f"{option} {given}: expected key.path=a,b,c or key.path=low..high")
    return key, values
