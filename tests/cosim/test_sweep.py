import pytest
from pydantic import ValidationError

from cosim.batch.sweep import Sweep, merged


def points(**sweep: object) -> list[dict[str, object]]:
    return Sweep.model_validate(sweep).points()


def test_dimensions_make_a_grid_whose_first_key_varies_slowest() -> None:
    swept = points(a=[1, 2], seed={"from": 5, "count": 2})
    assert swept == [
        {"a": 1, "seed": 5},
        {"a": 1, "seed": 6},
        {"a": 2, "seed": 5},
        {"a": 2, "seed": 6},
    ]


@pytest.mark.parametrize(
    ("span", "values"),
    [
        ({"from": 1, "to": 4}, [1, 2, 3, 4]),
        ({"from": 0, "to": 1, "count": 3}, [0.0, 0.5, 1.0]),
        ({"from": 0, "to": 400, "count": 3}, [0, 200, 400]),
        ({"from": 0.5, "count": 2}, [0.5, 1.5]),
    ],
)
def test_a_span_gives_integers_where_all_are_whole(span: object, values: list[float]) -> None:
    got = [point["a"] for point in points(a=span)]
    assert got == values
    assert [type(value) for value in got] == [type(value) for value in values]


def test_zipped_keys_go_in_step_and_make_one_dimension() -> None:
    assert points(seed=[1, 2], zip={"a": [1, 2], "b": ["x", "y"]}) == [
        {"seed": 1, "a": 1, "b": "x"},
        {"seed": 1, "a": 2, "b": "y"},
        {"seed": 2, "a": 1, "b": "x"},
        {"seed": 2, "a": 2, "b": "y"},
    ]


def test_a_latin_hypercube_has_one_point_in_each_stratum_of_each_key() -> None:
    space = {"x": {"from": 0, "to": 10}, "y": {"from": -1, "to": 1}}
    swept = points(latin_hypercube={"count": 10, "of": space})
    assert sorted(int(float(str(point["x"]))) for point in swept) == list(range(10))
    assert sorted(int((float(str(point["y"])) + 1) * 5) for point in swept) == list(range(10))


def test_random_points_of_a_key_do_not_depend_on_the_others() -> None:
    alone = points(random={"count": 5, "of": {"x": {"from": 0, "to": 1}}})
    beside = points(random={"count": 5, "of": {"a": ["p", "q"], "x": {"from": 0, "to": 1}}})
    assert [point["x"] for point in alone] == [point["x"] for point in beside]
    assert {point["a"] for point in beside} <= {"p", "q"}
    again = points(random={"count": 5, "seed": 2, "of": {"x": {"from": 0, "to": 1}}})
    assert alone != again


@pytest.mark.parametrize(
    ("sweep", "says"),
    [
        ({"zip": {"a": [1], "b": [1, 2]}}, "`a` has 1, `b` has 2"),
        ({"a": [1], "zip": {"a": [2]}}, "`a` is swept twice"),
        ({"a": {"from": 2, "to": 1}}, "below `from`"),
        ({"a": {"from": 2}}, "give `to`, `count` or both"),
        ({"random": {"count": 2, "of": {"a": {"from": 1, "count": 3}}}}, "`from` and `to` alone"),
    ],
)
def test_a_sweep_that_makes_no_sense_is_refused(sweep: object, says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Sweep.model_validate(sweep)


def test_the_command_line_replaces_a_files_dimension_and_adds_its_own() -> None:
    file = Sweep.model_validate({"a": [1, 2], "seed": {"from": 1, "count": 3}})
    assert merged(file, {"seed": [7], "b": [0]}).points() == [
        {"a": 1, "seed": 7, "b": 0},
        {"a": 2, "seed": 7, "b": 0},
    ]
    assert merged(None, {}).points() == [{}]
