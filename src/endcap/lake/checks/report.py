"""The check report: one self-contained HTML file with the findings and the plots."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from endcap.lake.checks.drawing import checked_on, draw
from endcap.lake.checks.finding import Finding
from endcap.lake.checks.view import TablesView
from endcap.lake.page import Section, page
from endcap.lake.tables import Lake
from endcap.seams import Clock, Disk, Progress, SystemClock, no_progress
from endcap.types import ShopKey

_COUNTED = {"problem": "problems", "warning": "warnings", "info": "notes"}


def write_html(
    path: Path,
    lake: Lake,
    shop: ShopKey,
    findings: Sequence[Finding],
    progress: Progress = no_progress,
    *,
    clock: Clock | None = None,
    disk: Disk | None = None,
) -> None:
    """Draw a shop's tables and write the report to `path`, whose directory is made. Replaces it in one step."""
    now = (clock or SystemClock()).now()
    with TablesView(lake, shop, now) as view, progress("drawing") as tick:
        plots = draw(view)
        tick()
    html = render_html(shop, findings, plots, footer=f"{lake.snapshot(shop).text} · checked {checked_on(now)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    writer, temporary = disk or Disk(), path.with_name(f".{path.name}.tmp")
    writer.write(temporary, html.encode())
    writer.rename(temporary, path)


def render_html(shop: ShopKey, findings: Sequence[Finding], plots: Sequence[Section], *, footer: str = "") -> str:
    """The report as one HTML document without scripts or outside hosts."""
    counts = {name: sum(finding.severity == severity for finding in findings) for severity, name in _COUNTED.items()}
    told = ", ".join(f"{count} {name if count != 1 else name[:-1]}" for name, count in counts.items() if count)
    cards = "".join(_card(finding) for finding in findings) or "<p>Nothing to remark.</p>"
    sections = [*plots[:1], Section("Findings", cards, wide=True), *plots[1:]]
    return page(
        f"Data check: {shop.group}", sections, subtitle=told or "Nothing to remark.", footer=f"Endcap · {footer}"
    )


def _card(finding: Finding) -> str:
    examples = "".join(f"<li>{escape(example)}</li>" for example in finding.examples)
    more = f"<details><summary>Examples</summary><ul>{examples}</ul></details>" if examples else ""
    return (
        f'<article class="card {finding.severity}" id="{escape(finding.code)}">'
        f'<h3><span class="badge">{finding.severity}</span>{escape(finding.title)}</h3>'
        f'<p class="muted">{escape(finding.why)}</p><p class="do">{escape(finding.advice)}</p>{more}</article>'
    )
