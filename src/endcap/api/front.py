"""The page that a browser gets at `/`: a shopper's history, what each campaign shows them, and why."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from urllib.parse import parse_qs, urlencode

import msgspec
import numpy as np

from endcap.api.callers import NOBODY
from endcap.api.door import Exchange, Route
from endcap.api.wire import Reply
from endcap.jobs.answering import item_titles
from endcap.lake.page import Section, page
from endcap.lake.tables import Lake
from endcap.serving.recommend import Request, Slate, recommend
from endcap.serving.shop import ShopState
from endcap.serving.snapshot import Snapshot
from endcap.serving.watch import Watch
from endcap.types import ShopKey

SHOWN = 8
PURPOSE = "The open recommendation engine for online shops. It answers Amazon Personalize's clients."
_HTML = (b"content-type", b"text/html; charset=utf-8")
_POLICY = (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; form-action 'self'")


class Front:
    """`GET /`."""

    def __init__(self, watch: Watch, lake: Lake) -> None:
        self._watch, self._lake = watch, lake

    def routes(self) -> tuple[Route, ...]:
        """Its row of the table."""
        return (Route("GET", "/", self.index, local=True, access="read"),)

    async def index(self, exchange: Exchange) -> Reply:
        """What is served here, as JSON or, to a browser, as a page."""
        endpoint = f"http://{exchange.header(b'host').decode('ascii', 'replace') or '127.0.0.1'}"
        mine, is_open = exchange.caller.account, exchange.caller is NOBODY  # whoever sits at this machine sees all
        served = self._watch.snapshots.values()
        snapshots = [each for each in served if is_open or each.deployment.shop.account == mine]
        if b"text/html" not in exchange.header(b"accept"):
            campaigns = await asyncio.to_thread(lambda: [described(snapshot) for snapshot in snapshots])
            return Reply(200, msgspec.json.encode({"name": "Endcap", "endpoint": endpoint, "campaigns": campaigns}))
        asked = parse_qs(exchange.query.decode("ascii", "replace")).get("user", [""])[0].strip()[:256]
        made = await asyncio.to_thread(self._page, snapshots, asked, endpoint)
        return Reply(200, made.encode(), (_HTML, _POLICY))

    def _page(self, snapshots: Sequence[Snapshot], asked: str, endpoint: str) -> str:
        if not snapshots:
            empty = "<p>Train a recipe and publish it: <code>endcap demo</code>, or <code>endcap train</code> and "
            return page(
                "Endcap", [Section("Nothing is served yet", f"{empty}<code>endcap publish</code>.</p>", wide=True)]
            )
        by_shop: dict[ShopKey, list[Snapshot]] = {}
        for snapshot in snapshots:
            by_shop.setdefault(snapshot.deployment.shop, []).append(snapshot)
        sections = []
        for shop, served in by_shop.items():
            user = asked or served[0].state.busy_shopper or ""
            sections.append(Section(f"Shop {shop.group}", _form(user) + self._shop(shop, served, user), wide=True))
            sections.append(Section("The same for a program", _lines(endpoint, served, user), wide=True))
        return page("Endcap", sections, subtitle=PURPOSE, forms=True, footer="/metrics · /readyz · endcap status")

    def _shop(self, shop: ShopKey, served: Sequence[Snapshot], user: str) -> str:
        slates = [recommend(snapshot, Request(k=SHOWN, user_id=user)) for snapshot in served]
        past = _past(served[0].state, user)
        names = item_titles(
            self._lake, shop, [item for item, _ in past] + [item for slate in slates for item in slate.items]
        )
        history = [(names.get(item, item), when) for item, when in past]
        cards = [_card("What this shopper took last", history, "Nobody we know: a stranger is shown what is trending.")]
        for slate in slates:
            rows = [(names.get(item, item), why) for item, why in zip(slate.items, slate.reasons, strict=True)]
            cards.append(_card(_title(slate), rows, "Nothing to show."))
        return f'<div class="grid2">{"".join(cards)}</div>'


def described(snapshot: Snapshot) -> dict[str, object]:
    """A campaign as JSON-able data."""
    deployment = snapshot.deployment
    return {
        "name": deployment.campaign,
        "arn": deployment.arn,
        "shop": deployment.shop.group,
        "generation": deployment.generation,
        "variants": [
            {
                "name": variant.name,
                "version": variant.version_id,
                "weight": variant.weight,
                "recipe": snapshot.models[variant.version_id].recipe_name,
            }
            for variant in deployment.variants
        ],
        "sampleUser": snapshot.state.busy_shopper,
    }


def _past(state: ShopState, user: str) -> list[tuple[str, str]]:
    """The newest items of a shopper, each once, with the day they were taken."""
    row = state.histories.row(user)
    if row < 0:
        return []
    past = state.histories.past.slice(row)
    newest: dict[int, int] = {}
    for place in range(len(past.item) - 1, -1, -1):
        newest.setdefault(int(past.item[place]), int(past.time[place]))
        if len(newest) == SHOWN:
            break
    names = state.catalogue.names(np.array(list(newest), np.int64))
    return [(name, _day(time)) for name, time in zip(names, newest.values(), strict=True)]


def _day(time: int) -> str:
    return datetime.fromtimestamp(time / 1e6, UTC).strftime("%-d %b %Y") if time > 10**12 else ""


def _title(slate: Slate) -> str:
    return f"{slate.snapshot.deployment.campaign} · {slate.model.recipe_name} {slate.model.version}"


def _card(title: str, rows: Sequence[tuple[str, str]], nothing: str) -> str:
    lines = "".join(f"<tr><th>{escape(name)}</th><td>{escape(note)}</td></tr>" for name, note in rows)
    body = f'<table class="notes">{lines}</table>' if rows else f'<p class="muted">{escape(nothing)}</p>'
    return f"<figure><figcaption><h3>{escape(title)}</h3></figcaption>{body}</figure>"


def _form(user: str) -> str:
    return (
        '<form method="get" action="/"><label>Shopper <input name="user" maxlength="256" '
        f'value="{escape(user, quote=True)}"></label> <button>Show</button> '
        f'<a href="/?{urlencode({"user": "a-stranger"})}">as a stranger</a></form>'
    )


def _lines(endpoint: str, served: Sequence[Snapshot], user: str) -> str:
    lines = ['eval "$(endcap env)"  # once: the development key']
    for snapshot in served:
        ask = msgspec.json.encode({"campaignArn": snapshot.arn, "userId": user, "numResults": 5}).decode()
        body = ask.replace("'", "'\\''")
        lines.append(
            f"curl -s {endpoint}/recommendations -H 'content-type: application/json' \\\n"
            f"  -H \"authorization: Bearer $ENDCAP_TOKEN\" -d '{body}'"
        )
    return f'<div class="card"><pre>{escape(chr(10).join(lines))}</pre></div>'
