import pandas as pd
import pytest

from cosim.report.figures import draw_kpi


@pytest.fixture
def results() -> pd.DataFrame:
    rows = [
        {"seed": seed, "load": load, "mode": mode, "kpi": load * 10 + seed}
        for seed in range(3)
        for load in (0.25, 0.5, 0.75)
        for mode in ("on", "off")
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ([], ["runs", "mean 6"]),
        (["load"], ["load", "mean", "0.5"]),
        (["mode"], ["on", "off"]),
        (["load", "mode"], ["load", "mode", "3.5", "6", "8.5"]),
    ],
)
def test_a_kpi_is_drawn_over_what_varies(
    results: pd.DataFrame, parameters: list[str], words: list[str]
) -> None:
    svg = draw_kpi("kpi", results, parameters)
    assert svg.startswith("<svg")
    for word in ["kpi", *words]:
        assert f">{word}</text>" in svg
    assert draw_kpi("kpi", results, parameters) == svg
