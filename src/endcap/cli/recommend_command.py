"""`endcap recommend`: what a campaign would show a shopper, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from endcap.cli.output import AsJson, ShopName, assignments, emit, say, settings, table

if TYPE_CHECKING:
    from endcap.jobs.workspace import Workspace
    from endcap.serving.recommend import Request, Slate
    from endcap.types import ShopKey

Campaign = Annotated[str | None, typer.Option("--campaign", "-c", help="The campaign; the shop's for-you by default.")]
Count = Annotated[int, typer.Option("--count", "-n", min=1, max=500, help="How many items.")]
Context = Annotated[
    list[str] | None, typer.Option("--context", help="Told of the moment, NAME=VALUE; may be repeated.")
]


def command(
    user: Annotated[str, typer.Argument(help="The shopper's id; an unknown one gets what is trending.")],
    shop: ShopName = None,
    campaign: Campaign = None,
    count: Count = 10,
    new: Annotated[bool, typer.Option("--new", help="Leave out what the shopper bought before.")] = False,
    context: Context = None,
    as_json: AsJson = False,
) -> None:
    """Recommend items to a shopper, through the same path as the server."""
    from endcap.jobs.workspace import open_workspace
    from endcap.serving.recommend import Request

    told = assignments(context, "--context")
    workspace = open_workspace(settings())
    key = workspace.shop(shop)
    request = Request(k=count, user_id=user, exclude_purchased=new, context=told)
    answer(workspace, key, campaign, request, as_json)


def answer(workspace: Workspace, shop: ShopKey, campaign: str | None, request: Request, as_json: bool) -> None:
    """Ask a campaign and print its slate."""
    from endcap.jobs.answering import item_titles, open_snapshot
    from endcap.jobs.publishing import choose_campaign
    from endcap.serving.recommend import recommend

    deployment = workspace.campaigns.current(shop, choose_campaign(workspace, shop, campaign))
    slate = recommend(open_snapshot(workspace, deployment), request)
    titles = item_titles(workspace.lake, shop, slate.items)
    if as_json:
        emit(_document(slate, titles))
        return
    rows = [
        [item, titles.get(item, ""), "–" if score is None else f"{score:.4f}", reason]
        for item, score, reason in zip(slate.items, slate.scores, slate.reasons, strict=True)
    ]
    table(("item", "what it is", "score", "why"), rows)
    for each in slate.unread:
        say(each)
    say(
        f"{deployment.campaign} · version {slate.model.version} ({slate.model.recipe_name}) · {slate.recommendation_id}"
    )


def _document(slate: Slate, titles: dict[str, str]) -> dict[str, Any]:
    items = zip(slate.items, slate.scores, slate.reasons, strict=True)
    return {
        "recommendationId": slate.recommendation_id,
        "version": slate.model.version,
        "recipe": slate.model.recipe_name,
        "unread": list(slate.unread),
        "items": [
            {"itemId": item, "name": titles.get(item), "score": score, "reason": reason}
            for item, score, reason in items
        ],
    }
