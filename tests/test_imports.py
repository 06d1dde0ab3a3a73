"""The arrows between the packages run one way: cosim -> vehicles -> network."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FORBIDDEN = {"network": {"vehicles", "cosim"}, "vehicles": {"cosim"}, "cosim": set()}


def imported_packages(file: Path) -> set[str]:
    tree = ast.parse(file.read_text())
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add((node.module or "").partition(".")[0])
    return names


@pytest.mark.parametrize("package", sorted(FORBIDDEN))
def test_imports_run_one_way(package: str) -> None:
    files = sorted((ROOT / package).rglob("*.py"))
    assert files
    wrong = {
        str(file.relative_to(ROOT)): sorted(imported_packages(file) & FORBIDDEN[package])
        for file in files
        if imported_packages(file) & FORBIDDEN[package]
    }
    assert wrong == {}


def test_an_import_against_the_arrow_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "wrong.py"
    file.write_text("def late():\n    from cosim.run import run\n    return run\n")
    assert "cosim" in imported_packages(file)
