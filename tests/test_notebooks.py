"""The notebooks run from a clean kernel, and are stored without outputs. `make test-notebooks` runs all of them."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).resolve().parents[1] / "notebooks").glob("*.ipynb"))
SAYS = {
    "01_quickstart": ("marinara sauce", "pruned", "recall@10"),
    "02_the_lambda_dial": ("same leaf", "λ"),
    "03_inside_the_beam": ("sum of probabilities 1.000", "certified", "do not exist", "filtered inside the beam: 5"),
    "04_your_catalogue": ("verdict", "found in the top 50"),
    "05_serving": ("semantic_id", "median", "genret_"),
}
"""What a reader must find in the outputs."""
QUICK = {"01_quickstart"}
"""In the default tests; the others take a target of their own, so that the default stays short."""


def _marked() -> list[object]:
    marks = {True: (), False: (pytest.mark.slow,)}
    return [pytest.param(path, id=path.stem, marks=marks[path.stem in QUICK]) for path in NOTEBOOKS]


def test_every_notebook_is_expected_to_say_something() -> None:
    assert {path.stem for path in NOTEBOOKS} == set(SAYS)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_stored_without_outputs(path: Path) -> None:
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    assert cells
    assert all(not cell.outputs and cell.execution_count is None for cell in cells)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("path", _marked())
def test_notebook_runs_from_a_clean_kernel(path: Path, tmp_path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert any("image/png" in output.get("data", {}) for output in outputs), "no plot was drawn"
    texts = [output.get("text", "") + "".join(map(str, output.get("data", {}).values())) for output in outputs]
    for wanted in SAYS[path.stem]:
        assert wanted in "".join(texts), f"{wanted!r} is nowhere in the outputs"
    assert not [output for output in outputs if output.output_type == "error"]
