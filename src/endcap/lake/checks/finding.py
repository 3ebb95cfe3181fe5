"""What a check says: finding → why it matters → what to do."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Severity = Literal["info", "warning", "problem"]
SEVERITIES: tuple[Severity, ...] = ("problem", "warning", "info")
"""The worst first. A problem stands in the way of good recommendations, a warning should be looked at."""


@dataclass(frozen=True)
class Finding:
    """One finding: `count` of `total` rows, users or items are concerned, `examples` are a few of them."""

    code: str
    severity: Severity
    title: str
    why: str
    advice: str
    count: int = 0
    total: int = 0
    examples: tuple[str, ...] = ()

    @property
    def share(self) -> float:
        """`count` as a part of `total`, 0 where there is no total."""
        return self.count / self.total if self.total else 0.0

    def json(self) -> dict[str, Any]:
        """As a JSON object."""
        return {**asdict(self), "examples": list(self.examples), "share": round(self.share, 6)}


def of(count: int, total: int, noun: str) -> str:
    """`1,234 of 5,678 users (22 %)`."""
    return f"{count:,} of {total:,} {noun} ({_percent(count, total)})"


def _percent(count: int, total: int) -> str:
    share = 100 * count / total if total else 0
    if 0 < share < 0.1:
        return "under 0.1 %"
    return f"{share:.1f} %" if share < 10 else f"{share:.0f} %"
