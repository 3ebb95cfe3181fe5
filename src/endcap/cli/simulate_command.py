"""`endcap simulate`: a seeded shop's history as files, or its shoppers against a live server."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode

import typer

from endcap.cli.output import AsJson, ScreenProgress, emit, say, settings, table
from endcap.errors import InputError
from endcap.types import SECOND

if TYPE_CHECKING:
    from endcap.simulator.crowd import Crowd, Pace
    from endcap.simulator.outcomes import Estimate, Outcomes
    from endcap.simulator.transport import HttpTransport
    from endcap.simulator.wire import Targets

EVERY = 0.5
"""Seconds between two lines."""
Live = "Against a live server"


def command(
    out: Annotated[
        Path | None, typer.Option(help="Folder of the history: written, or with --live the one that was.")
    ] = None,
    theme: Annotated[str, typer.Option(help="grocery, fashion, home or electronics.")] = "grocery",
    users: Annotated[int, typer.Option(help="Shoppers.", min=1)] = 2_000,
    items: Annotated[int, typer.Option(help="Products.", min=1)] = 1_000,
    days: Annotated[int, typer.Option(help="Length of the history.", min=1)] = 90,
    seed: Annotated[int, typer.Option(help="Equal seeds make equal shops and shoppers.", min=0)] = 0,
    until: Annotated[str, typer.Option(help="Midnight at which the history ends, YYYY-MM-DD or today.")] = "2026-01-01",
    impressions: Annotated[bool, typer.Option(help="Also a row for each list that was shown.")] = True,
    live: Annotated[bool, typer.Option("--live", help="Send the shoppers to a server.", rich_help_panel=Live)] = False,
    campaign: Annotated[str, typer.Option(help="ARN of the campaign to ask.", rich_help_panel=Live)] = "",
    tracking_id: Annotated[str, typer.Option(help="Where events are told.", rich_help_panel=Live)] = "",
    similar: Annotated[str, typer.Option(help="ARN of a campaign of similar items.", rich_help_panel=Live)] = "",
    ranking: Annotated[str, typer.Option(help="ARN of a campaign that ranks lists.", rich_help_panel=Live)] = "",
    minutes: Annotated[float, typer.Option(help="How long.", rich_help_panel=Live)] = 1.0,
    rate: Annotated[float, typer.Option(help="Visits that begin in a second.", rich_help_panel=Live)] = 5.0,
    shoppers: Annotated[int | None, typer.Option(help="Only the first so many.", rich_help_panel=Live)] = None,
    speed: Annotated[float, typer.Option(help="How much faster shoppers think.", rich_help_panel=Live)] = 10.0,
    shop: Annotated[
        str, typer.Option(help="Without --out: a shop of the server, whoever made it.", rich_help_panel=Live)
    ] = "",
    lines: Annotated[
        bool, typer.Option("--lines", help="A line of JSON twice a second; ends with stdin.", rich_help_panel=Live)
    ] = False,
    url: Annotated[str, typer.Option(help="The server; that of the settings.", rich_help_panel=Live)] = "",
    as_json: AsJson = False,
) -> None:
    """Write a simulated shop's history as CSV with schemas and the truth, or send its shoppers to a live server."""
    if live:
        from endcap.simulator.crowd import Pace
        from endcap.simulator.wire import Targets

        pace = Pace(at_once=256, rate=rate, speed=speed)
        targets = Targets(campaign, tracking_id, similar, ranking)
        _check_told(out, shop, targets)
        crowd = (
            _borrowed(shop, _transport(url), targets, seed, pace, shoppers or users)
            if out is None
            else _simulated(out, partial(_transport, url), targets, seed, pace, shoppers)
        )
        outcomes = asyncio.run(_run(crowd, max(int(rate * minutes * 60), 1), minutes * 60, lines=lines))
        if as_json:
            emit(outcomes.json())
        elif not lines:
            _show(outcomes)
        return
    if out is None:
        raise InputError("--out was not given.", fix="Name the folder to write: endcap simulate --out FOLDER.")
    from endcap.simulator.files import write_files
    from endcap.simulator.shop import open_shop

    made = open_shop(theme, users=users, items=items, days=days, seed=seed, until=_midnight(until))
    written = write_files(made, out, impressions=impressions, progress=ScreenProgress())
    if as_json:
        emit({"folder": str(out), "rows": written.rows, "start": made.start, "end": made.end})
        return
    table(("written", "rows"), [[f"{kind}.csv", f"{count:,}"] for kind, count in written.rows.items()])
    say(f"Schemas and the truth are in folders beside them. Next: endcap import {out} --shop {theme}")


def _check_told(out: Path | None, shop: str, targets: Targets) -> None:
    """Raises `InputError`."""
    if out is None and not shop:
        raise InputError("--live needs --out or --shop.", fix="Name the folder of a history, or a shop of the server.")
    if out is not None and (not targets.campaign or not targets.tracking):
        raise InputError("--live needs --campaign and --tracking-id.", fix="endcap status lists the campaigns.")


def _simulated(
    out: Path, connect: Callable[[], HttpTransport], targets: Targets, seed: int, pace: Pace, shoppers: int | None
) -> Crowd:
    """The crowd of a simulated shop: only the first so many of its shoppers, or all of them."""
    from endcap.simulator.crowd import Crowd
    from endcap.simulator.files import read_shop

    shop = read_shop(out)
    among = None if shoppers is None else range(min(shoppers, len(shop.population)))
    return Crowd(shop, connect(), targets, seed, pace=pace, shoppers=among)


def _borrowed(shop: str, transport: HttpTransport, targets: Targets, seed: int, pace: Pace, count: int) -> Crowd:
    """A crowd of so many shoppers for a shop of the server, whoever made it."""
    from endcap.simulator.borrowed import borrow, minds_of
    from endcap.simulator.crowd import Crowd

    told = asyncio.run(_ground(transport, shop))
    now = int(datetime.now(UTC).timestamp()) * SECOND
    borrowed = borrow(told, users=count, seed=seed, now=now)
    chosen = {name: getattr(targets, name) or told.get(name, "") for name in ("campaign", "tracking", "similar")}
    return Crowd(borrowed, transport, replace(targets, **chosen), seed, minds=minds_of(borrowed, now), pace=pace)


async def _ground(transport: HttpTransport, shop: str) -> dict[str, Any]:
    answer = await transport.get(f"/shop/api/crowd/ground?{urlencode({'shop': shop})}")
    await transport.close()
    told = json.loads(answer.body)
    if answer.status != 200:
        raise InputError(str(told.get("message", f"The server answered {answer.status}.")))
    found: dict[str, Any] = told
    return found


def _midnight(text: str) -> int:
    """Microseconds UTC. Raises `InputError`."""
    if text == "today":
        return int(datetime.now(UTC).timestamp()) * SECOND
    try:
        return int(datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).timestamp()) * SECOND
    except ValueError:
        raise InputError(f"--until is {text!r}, expected YYYY-MM-DD or today.") from None


def _transport(url: str) -> HttpTransport:
    from endcap.simulator.transport import HttpTransport

    token = os.environ.get("ENDCAP_TOKEN", "")
    if not token:
        raise InputError("ENDCAP_TOKEN is not set.", fix='Run eval "$(endcap env)" in this shell.')
    return HttpTransport(url or f"http://{settings().host}:{settings().port}", token)


async def _run(crowd: Crowd, visits: int, seconds: float, *, lines: bool) -> Outcomes:
    if not lines:
        return await crowd.run(visits, seconds=seconds, progress=ScreenProgress())
    from endcap.simulator.outcomes import Outcomes

    outcomes = Outcomes()
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    telling = asyncio.create_task(_tell(outcomes))
    await crowd.run(visits, seconds=seconds, outcomes=outcomes)
    telling.cancel()
    _line(outcomes)
    return outcomes


async def _tell(outcomes: Outcomes) -> None:
    while True:
        _line(outcomes)
        await asyncio.sleep(EVERY)


def _line(outcomes: Outcomes) -> None:
    """What came of it so far; the middle of how long the last thousand answers took."""
    from endcap.simulator.outcomes import CARTS, CLICKS, PURCHASES, REVENUE, SLATES

    tables = [outcomes.table(name) for name in list(outcomes.sums)]
    took = sorted(outcomes.seconds[-1000:]) or [0.0]
    names = (("slates", SLATES), ("clicks", CLICKS), ("carts", CARTS), ("purchases", PURCHASES), ("revenue", REVENUE))
    told = {name: round(float(sum(table[:, place].sum() for table in tables)), 2) for name, place in names}
    told |= {"visits": outcomes.visits, "events": len(outcomes.acknowledged), "refused": outcomes.refused}
    told |= {"answers": sum(outcomes.answers.values()), "ms": round(took[len(took) // 2] * 1e3, 2)}
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


def _end_with_stdin() -> None:
    """Whoever started this process and is gone has closed its stdin."""
    while sys.stdin.buffer.read(1):
        pass
    os._exit(0)


def _show(outcomes: Outcomes) -> None:
    from endcap.simulator.outcomes import CARTS, CLICKS, ELSEWHERE, PURCHASES, REVENUE, SLATES

    took = outcomes.json()["milliseconds"]
    say(f"{outcomes.visits:,} visits, {sum(outcomes.answers.values()):,} answers: {_counts(outcomes.answers)}")
    events = f"{len(outcomes.acknowledged):,} events taken, {outcomes.refused:,} not"
    say(f"p50 {took['p50']} ms, p99 {took['p99']} ms; {events}; means per shopper with 95 % intervals:")
    rows = []
    for name in sorted(outcomes.sums):
        amounts = outcomes.table(name)
        cells = [_interval(outcomes.per_shopper(name, each)) for each in (CLICKS, CARTS, PURCHASES, REVENUE, ELSEWHERE)]
        rows.append([name, f"{len(amounts):,}", f"{amounts[:, SLATES].sum():,.0f}", *cells])
    table(("variant", "shoppers", "slates", "clicks", "carts", "purchases", "revenue", "elsewhere"), rows)
    names = sorted(outcomes.sums)
    for name in names[1:]:
        by = _interval(outcomes.difference(name, names[0], PURCHASES))
        say(f"  purchases per shopper, {name} less {names[0]}: {by}")


def _counts(answers: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in sorted(answers.items())) or "none"


def _interval(estimate: Estimate) -> str:
    return f"{estimate.mean:.4f} ({estimate.low:.4f} … {estimate.high:.4f})"
