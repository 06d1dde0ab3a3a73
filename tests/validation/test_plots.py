from pathlib import Path

from tests.validation.plots import plot_calibration


def test_the_calibration_is_drawn_into_a_new_folder(tmp_path: Path) -> None:
    png = plot_calibration(tmp_path / "new")
    assert png.parent == tmp_path / "new"
    assert png.read_bytes().startswith(b"\x89PNG")
    assert png.stat().st_size > 20_000
