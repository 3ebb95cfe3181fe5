"""Checks of a shop's data: finding → why it matters → what to do. One file per family of checks."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from endcap.lake.checks import ids, leaks, outliers, records, times
from endcap.lake.checks.finding import SEVERITIES, Finding, Severity
from endcap.lake.checks.view import TablesView
from endcap.lake.tables import Lake
from endcap.seams import Clock, Progress, SystemClock, no_progress
from endcap.types import ShopKey

__all__ = ["CHECKS", "Finding", "Severity", "run_checks"]

Check = Callable[[TablesView], Iterator[Finding]]

CHECKS: tuple[Check, ...] = (
    ids.minimum,
    times.out_of_range,
    ids.unknown_items,
    ids.unknown_users,
    records.rejected,
    records.exact_duplicates,
    records.near_duplicates,
    records.returns,
    times.precision,
    times.time_of_day,
    times.same_instant,
    times.gaps,
    times.freshness,
    leaks.counts_in_disguise,
    leaks.created_after_use,
    leaks.from_the_future,
    leaks.identities,
    outliers.bots,
    outliers.prices,
    outliers.quantities,
    outliers.long_tail,
    ids.thin_users,
    ids.thin_items,
    records.missing_values,
)
"""Every check, in the order in which findings of the same severity are told."""


def run_checks(
    lake: Lake, shop: ShopKey, progress: Progress = no_progress, *, clock: Clock | None = None
) -> list[Finding]:
    """All findings about a shop's newest tables, the worst first. Raises `StateError` without interactions."""
    found: list[Finding] = []
    now = (clock or SystemClock()).now()
    with TablesView(lake, shop, now) as view, progress("checking", total=len(CHECKS), unit="checks") as tick:
        for check in CHECKS:
            found.extend(check(view))
            tick()
    return sorted(found, key=lambda finding: SEVERITIES.index(finding.severity))
