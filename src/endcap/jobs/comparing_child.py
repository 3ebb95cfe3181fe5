"""The child process of a comparison."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from endcap.evaluation.slices import Candidate, judge_candidates
from endcap.jobs.children import serve
from endcap.jobs.comparing import Request
from endcap.jobs.solution_data import LEARN_FROM_DECISIONS, with_decisions
from endcap.lake.tables import Lake, Snapshot
from endcap.recipes import create
from endcap.seams import Progress
from endcap.types import AccountKey, ShopKey


def run_comparison(request: Request, progress: Progress) -> dict[str, Any]:
    """The whole comparison in this process. Raises `EndcapError` as `judge_candidates` says."""
    shop = ShopKey(AccountKey(request.account, request.region), request.group)
    lake = Lake(Path(request.home) / "lake")
    data = replace(lake.dataset(shop, snapshot=Snapshot.parse(request.snapshot)), windows=request.windows)
    if any(each.recipe in LEARN_FROM_DECISIONS for each in request.judged):
        data = with_decisions(lake, shop, data)
    made = [Candidate(each.name, each.recipe, partial(create, each.recipe, each.settings)) for each in request.judged]
    return judge_candidates(data, made, live=request.live, days=request.days, at=request.at, progress=progress)


def work(line: bytes, progress: Progress) -> Any:
    """Do the comparison that a request names."""
    return run_comparison(msgspec.json.decode(line, type=Request), progress)


if __name__ == "__main__":
    os._exit(serve(work))  # at once: a thread still reads stdin, and nothing is left to tidy up
