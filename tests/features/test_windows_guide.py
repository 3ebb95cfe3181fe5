"""The guide's example runs, and its table names what there is."""

import re
import subprocess
import sys
from pathlib import Path

from endcap.features.declared import DECLARED_KEYS
from endcap.features.reference import GROUPS
from endcap.stream.windows import AGGREGATES, ENTRIES, KINDS
from endcap.stream.windows_seen import LARGEST

GUIDE = (Path(__file__).parents[2] / "docs/guide/windows.md").read_text("utf-8")


def test_the_example_in_python_runs():
    examples = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    [example] = [each for each in examples if "Declaration.parse" in each]
    done = subprocess.run([sys.executable, "-c", example], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_guide_names_every_kind_aggregate_key_and_group():
    for name in (*KINDS, *AGGREGATES, *DECLARED_KEYS, *GROUPS):
        assert f"`{name}`" in GUIDE, name
    assert f"{ENTRIES:,} events" in GUIDE
    assert f"{LARGEST // 2:,}" in GUIDE
