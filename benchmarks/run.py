"""Run the benchmarks and write benchmarks/RESULTS.md and QUALITY.md: must, aim, measured, verdict, command, machine.

Each script prints one JSON line per row; lines are kept in benchmarks/results.json by row, so that a part can be run
again alone: python benchmarks/run.py als topn. Rows of scripts whose name here begins with `quality` go to QUALITY.md,
all others to RESULTS.md; `--render` writes both pages from what is kept and runs nothing.
"""

from __future__ import annotations

import argparse
import datetime
import json
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import quality_page

HERE = Path(__file__).resolve().parent
SCRIPTS = {
    "importing": ["importing.py"],
    "end_to_end": ["end_to_end.py"],
    "als": ["als.py", "--only", "gowalla", "--runs", "3"],
    "als_synthetic": ["als.py", "--only", "synthetic", "--runs", "2"],
    "item_item": ["item_item.py", "--runs", "3"],
    "topn": ["topn.py", "--runs", "3"],
    "scaling": ["scaling.py"],
    "serving": ["serving.py"],
    "pipeline": ["pipeline.py"],
    "index": ["index.py"],
    "cold_start": ["cold_start.py"],
    "batch": ["batch.py", "--runs", "3"],
    "api": ["api.py"],
    "events": ["events.py"],
    "redis_log": ["redis_log.py"],
    "collect": ["collect.py"],
    "features": ["features.py"],
    "backfill": ["backfill.py"],
    "visible": ["workers.py", "visible"],
    "workers": ["workers.py", "outage"],
    "quality": ["quality.py"],
    "quality_defaults": ["quality_defaults.py"],
    "quality_controls": ["quality_controls.py"],
    "quality_related": ["quality_related.py"],
    "quality_search": ["quality_search.py"],
    "quality_actions": ["quality_actions.py"],
    "quality_click": ["quality_click.py"],
    "quality_fm": ["quality_fm.py"],
    "quality_hybrid": ["quality_hybrid.py"],
    "quality_knowledge": ["quality_knowledge.py"],
    "quality_next": ["quality_next.py"],
    "quality_objective": ["quality_objective.py"],
    "quality_repurchase": ["quality_repurchase.py"],
    "quality_segments": ["quality_segments.py"],
    "quality_sequence": ["quality_sequence.py"],
    "quality_sessions": ["quality_sessions.py"],
    "quality_signals": ["quality_signals.py"],
    "fm": ["fm.py"],
    "ranker": ["ranker.py"],
    "windows": ["windows.py"],
    "simulated": ["simulated.py"],
    "sequence": ["sequence.py"],
    "web": ["web.py"],
    "console_pages": ["console_pages.py"],
}
KEPT = HERE / "results.json"
QUALITY = tuple({f"benchmarks/{each[0]}": None for name, each in SCRIPTS.items() if name.startswith("quality")})
"""Scripts whose rows are about quality."""


def machine() -> str:
    """This machine in words: processor, cores, memory, system, Python."""
    info = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    names = [line.split(":", 1)[1].strip() for line in info.splitlines() if line.startswith("model name")]
    memory = Path("/proc/meminfo").read_text().split()[1] if Path("/proc/meminfo").exists() else "0"
    cores = len(names) or 1
    return (
        f"{names[0] if names else platform.processor()}, {cores} cores, {int(memory) / 2**20:.0f} GiB, "
        f"{platform.system()}, Python {platform.python_version()}"
    )


def verdict(row: dict[str, Any]) -> str:
    """Missed, met, or met with the aim reached too; rows without a must are only stated.

    Where a row is judged `by` its `low`, that end of its interval must reach the mark, not the value alone.
    """
    must, aim, measured = row.get("must"), row.get("aim"), row[row.get("by", "measured")]
    if must is None:
        return "stated"
    lower = row.get("better", "higher") == "lower"

    def reached(mark: float) -> bool:
        return bool(measured <= mark if lower else measured >= mark)

    if not reached(must):
        return "missed"
    return "met, aim too" if aim is not None and reached(aim) else "met"


def run(name: str, extra: list[str]) -> list[dict[str, Any]]:
    """Rows of one script. Raises `CalledProcessError` where it fails."""
    command = [sys.executable, str(HERE / SCRIPTS[name][0]), *SCRIPTS[name][1:], *extra]
    print(f"· {name}", file=sys.stderr, flush=True)
    printed = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    shown = " ".join(["python", f"benchmarks/{SCRIPTS[name][0]}", *SCRIPTS[name][1:]])
    stamp = {"command": shown, "date": datetime.date.today().isoformat(), "machine": machine()}
    lines = [line[line.find("{") :] for line in printed.splitlines() if "{" in line]  # what is before it: progress bars
    return [{**json.loads(line), **stamp} for line in lines]


def page(rows: list[dict[str, Any]]) -> str:
    """The table as Markdown."""
    head = (
        "# Results\n\nWritten by `python benchmarks/run.py`; the details of each row, every single run among them, are "
        "in `results.json`. Speed is a ratio against a named peer or a physical limit, measured in the same run, the "
        "median of alternating runs. *Low end* beside a must says that the low end of the 95 % interval has to reach "
        "it, not the value alone. How right the answers are is in [QUALITY.md](QUALITY.md).\n\n"
        "| row | must | aim | measured | verdict | command | seed | date |\n|---|---|---|---|---|---|---|---|\n"
    )
    lines = []
    for row in rows:
        low, high = row.get("low"), row.get("high")
        interval = f" ({low:.4f} … {high:.4f})" if low is not None and high is not None else ""
        marks = " | ".join(quality_page.mark(row, name) for name in ("must", "aim"))
        lines.append(
            f"| {row['row']} | {marks} | {row['measured']:.4g}{interval} | {verdict(row)} | `{row['command']}` "
            f"| {row.get('seed', 0)} | {row['date']} |"
        )
    machines = sorted({row["machine"] for row in rows})
    return head + "\n".join(lines) + "\n\nMachine: " + "; ".join(machines) + "\n"


def write_pages(rows: list[dict[str, Any]]) -> None:
    """RESULTS.md and QUALITY.md of all kept rows."""
    quality = [row for row in rows if any(script in row["command"].split() for script in QUALITY)]
    (HERE / "QUALITY.md").write_text(quality_page.page(quality, verdict))
    (HERE / "RESULTS.md").write_text(page([row for row in rows if row not in quality]))


def main() -> int:
    """Run what was named, all by default; the exit code is 1 where a must was missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(SCRIPTS)}; all by default")
    parser.add_argument("--data", type=Path, help="folder of the public data sets")
    parser.add_argument("--render", action="store_true", help="only write the pages again")
    args = parser.parse_args()
    if unknown := set(args.names) - SCRIPTS.keys():
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(SCRIPTS)}")
    kept = {row["row"]: row for row in json.loads(KEPT.read_text())} if KEPT.exists() else {}
    for name in () if args.render else args.names or SCRIPTS:
        extra = ["--data", str(args.data)] if args.data else []
        kept.update({row["row"]: row for row in run(name, extra)})
        KEPT.write_text(json.dumps(list(kept.values()), indent=1, ensure_ascii=False) + "\n")
        write_pages(list(kept.values()))
    if args.render:
        write_pages(list(kept.values()))
    missed = [row["row"] for row in kept.values() if verdict(row) == "missed"]
    print("\n".join(f"missed: {row}" for row in missed) or "every must is met", file=sys.stderr)
    return bool(missed)


if __name__ == "__main__":
    sys.exit(main())
