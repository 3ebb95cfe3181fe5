"""The examples run, as they are, against a served home."""

import importlib.util
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import nbformat
import numpy as np
import pyarrow.parquet
import pytest
from homes import Home, served
from nbclient import NotebookClient

from shared_data import shared

EXAMPLES = Path(__file__).parents[2] / "examples"
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with served(tmp_path_factory.mktemp("examples")) as running:
        yield running


@pytest.fixture(scope="module")
def retail() -> ModuleType:
    """The retail example, to be called."""
    spec = importlib.util.spec_from_file_location("retail_factorization", EXAMPLES / "retail_factorization.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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
    targets = said.split("  target ")[1:]
    assert [text.split("\n")[0] for text in targets] == ["pieces, as published", "log(1 + pieces)"]
    for text in targets:
        lines = {line[:26].strip(): line for line in text.splitlines()}
        errors = {name: float(line.split("RMSE ")[1].split()[0]) for name, line in lines.items() if "RMSE" in line}
        assert errors["factorization machine"] < 0.9 * errors["mean of the customer"] < errors["mean of all"]
    assert "items new to the shopper: fm" in said


def test_the_retail_example_nets_returns(retail: ModuleType) -> None:
    lines, products = retail.shop_of_its_own()
    names = ("user_id", "item_id", "country", "price")
    expected: Counter[tuple[str, ...]] = Counter()
    for *row, pieces in zip(*(lines[name].to_pylist() for name in (*names, "quantity")), strict=True):
        expected[tuple(map(str, row))] += pieces
    sums = retail.chosen(retail.NETTED, lines, products)
    rows = zip(*(sums[name].to_pylist() for name in ("customer", "product", "country", "price")), strict=True)
    found = dict(zip([tuple(map(str, row)) for row in rows], sums["pieces"].to_pylist(), strict=True))
    assert min(lines["quantity"].to_pylist()) < 0
    assert found == {row: pieces for row, pieces in expected.items() if pieces > 0} and len(found) < len(expected)
    bought = retail.chosen(retail.BOUGHT, lines, products)
    assert len(bought) == 6000 and min(bought["quantity"].to_pylist()) > 0


def test_the_real_file_has_the_features_that_the_example_says(retail: ModuleType) -> None:
    sheet = [("sheet", "=", 2), ("user_id", ">", 0)]
    lines = pyarrow.parquet.read_table(shared("online_retail_ii.parquet"), filters=sheet)
    sums = retail.chosen(retail.NETTED, lines, pyarrow.parquet.read_table(shared("online_retail_ii_items.parquet")))
    fields = retail.Fields.learn(sums, retail.FIELDS)
    assert (len(lines), len(sums), len(fields)) == (406_829, 273_044, 9_238)
    assert "3,649 + 4,326 + 37 + 1,225 + 1 = 9,238" in retail.__doc__
    assert np.diff(fields.starts).tolist() == [3649, 4326, 37, 1225, 1]
