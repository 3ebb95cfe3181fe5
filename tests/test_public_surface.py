"""What `import endcap` offers, and what it must not drag in."""

import subprocess
import sys

import pytest

import endcap

HEAVY = (
    "torch",
    "pandas",
    "pyspark",
    "numba",
    "duckdb",
    "deltalake",
    "sqlalchemy",
    "botocore",
    "starlette",
    "scipy",
    "faiss",
)


def test_the_names_are_few_sorted_and_all_exist() -> None:
    assert endcap.__all__ == sorted(endcap.__all__)
    assert len(endcap.__all__) < 30
    for name in endcap.__all__:
        assert getattr(endcap, name) is not None


def test_an_unknown_name_is_an_attribute_error_that_lists_those_that_exist() -> None:
    with pytest.raises(AttributeError, match="evaluate"):
        endcap.Evaluate  # noqa: B018


def test_import_is_light() -> None:
    code = f"import endcap, sys; print([name for name in {HEAVY!r} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert found == "[]"


def test_help_needs_no_heavy_import() -> None:
    code = (
        "import sys\nfrom endcap.cli.app import run\nrun(['--help'])\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stderr.strip() == "[]"
    assert "recommend" in found.stdout
