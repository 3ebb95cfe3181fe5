"""The constraints file against versions that are known to be bad: run by `make verify`."""

import sys
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

LEAST = {"starlette": "1.0.1", "pyarrow": "14.0.1", "h11": "0.16.0"}
FORBIDDEN = {"python-multipart": "parses uploads that this product does not take, with a record of advisories"}


def complaints(lines: list[str]) -> list[str]:
    """What is wrong with a constraints file, one sentence each."""
    found = []
    for line in lines:
        if not line.strip() or line.startswith("#"):
            continue
        requirement = Requirement(line)
        pins = [spec.version for spec in requirement.specifier if spec.operator == "=="]
        if not pins:
            found.append(f"{line}: not pinned with ==")
        elif requirement.name in FORBIDDEN:
            found.append(f"{requirement.name}: {FORBIDDEN[requirement.name]}")
        elif requirement.name in LEAST and Version(pins[0]) < Version(LEAST[requirement.name]):
            found.append(f"{line}: needs at least {LEAST[requirement.name]}")
    return found


if __name__ == "__main__":
    wrong = complaints((Path(__file__).parents[1] / "constraints.txt").read_text().splitlines())
    print("\n".join(wrong) or "constraints: every version pinned, none known to be bad")
    sys.exit(bool(wrong))
