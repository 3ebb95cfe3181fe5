"""Processes of Endcap's own are small."""

import subprocess
import sys

CONVERT = "import sys, pyarrow as pa, pyarrow.dataset; pa.array(['a']); print('pandas' in sys.modules)"


def loaded(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def test_pyarrow_does_not_bring_pandas_into_our_processes() -> None:
    assert loaded(f"from endcap.processes import without_pandas; without_pandas(); {CONVERT}") == "False"
    assert loaded(CONVERT) == "True", "pyarrow has learned to do without: endcap.processes can go"


def test_whoever_only_asks_where_pandas_is_gets_no_error() -> None:
    """PyTorch does, where it exports a network or averages gradients."""
    ask = "import importlib.util; print(importlib.util.find_spec('pandas').origin)"
    assert loaded(f"from endcap.processes import without_pandas; without_pandas(); without_pandas(); {ask}") == "None"


def test_a_program_that_has_pandas_keeps_it() -> None:
    code = "import pandas; from endcap.processes import without_pandas; without_pandas(); import pandas.io; print(1)"
    assert loaded(code) == "1"


def test_knowing_all_recipes_loads_no_heavy_library() -> None:
    heavy = ["torch", "xgboost", "faiss", "onnx", "onnxruntime", "bm25s", "wordllama", "optuna", "scipy.optimize"]
    asked = f"print(sorted(set({heavy!r}) & set(sys.modules)))"
    assert loaded(f"import sys; from endcap.registry.recipe_arns import offers; offers(); {asked}") == "[]"
