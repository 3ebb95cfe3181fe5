"""The examples run, as they are, against a served home."""

import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from homes import Home, served
from nbclient import NotebookClient

EXAMPLES = Path(__file__).parents[2] / "examples"
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with served(tmp_path_factory.mktemp("examples")) as running:
        yield running


def test_two_recommenders_come_and_go(home: Home) -> None:
    home.environ = {**home.environ, "EXAMPLE_PAUSE": "0.05"}
    said = home.run(sys.executable, str(EXAMPLES / "ecommerce_recommenders.py"))
    assert said.rstrip().endswith("Everything is gone.")


def test_the_notebooks_run_from_the_first_cell_to_the_last(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in home.environ.items():
        monkeypatch.setenv(name, value)
    assert [path.stem for path in NOTEBOOKS] == ["01_data", "02_solutions", "03_campaigns"]
    for path in NOTEBOOKS:
        notebook = nbformat.read(path, as_version=4)
        assert all(cell.get("outputs", []) == [] for cell in notebook.cells), f"{path} was saved with outputs"
        NotebookClient(notebook, timeout=180, kernel_name="python3").execute()
        ran = [cell for cell in notebook.cells if cell.cell_type == "code"]
        assert all(cell["execution_count"] for cell in ran)


def test_three_clicks_change_the_next_slate(home: Home) -> None:
    said = home.run(sys.executable, str(EXAMPLES / "real_time.py"))
    assert "of 20 places before" in said.splitlines()[-1]


def test_the_retail_example_beats_the_customers_mean(home: Home) -> None:
    said = home.run(sys.executable, str(EXAMPLES / "retail_factorization.py"), "--factors", "8")
    lines = {line[:24].strip(): line for line in said.splitlines()}
    errors = {name: float(lines[name].split("RMSE ")[1].split()[0]) for name in lines if "log(1+" in lines[name]}
    assert errors["factorization machine"] < 0.9 * errors["mean of the customer"]
    assert "items new to the shopper: fm" in said
