"""Lists: the caller's records of a kind, oldest first, a page at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from endcap.api.personalize.control.desk import Call, Handler
from endcap.api.personalize.control.tokens import read_token, write_token
from endcap.api.personalize.shaping import described
from endcap.registry.dependencies import serves
from endcap.registry.resources import Resource
from endcap.registry.resources import Resources as Records

MOST = 100
"""Entries of a page, where the request does not say."""
T = TypeVar("T")


def lister(kind: str, output: str, *, by: str = "", of: str = "") -> Handler:
    """Lists a kind under the output's member; `by` is the request's ARN that narrows it, `of` that ARN's kind."""

    def list_(call: Call) -> Mapping[str, Any]:
        arn, most = call.given.get(by, ""), call.given.get("maxResults", MOST)
        purpose = (kind, call.account.account, call.account.region, arn)
        after = _after(call, purpose)
        rows = _narrowed(call, kind, call.find(arn, of), after, most + 1) if arn else _all(call, kind, after, most + 1)
        page = rows[:most]
        answer: dict[str, Any] = {output: [described(row) for row in page]}
        if len(rows) > most:
            answer["nextToken"] = write_token((page[-1].created, page[-1].id), *purpose)
        return answer

    return list_


def paged(call: Call, everything: Sequence[T], output: str, purpose: tuple[str, ...], view: Callable[[T], Any]) -> Any:
    """A page of a list that is at hand whole."""
    start, most = 0, call.given.get("maxResults", MOST)
    if "nextToken" in call.given:
        start = read_token(call.given["nextToken"], int, *purpose)
    answer: dict[str, Any] = {output: [view(each) for each in everything[start : start + most]]}
    if start + most < len(everything):
        answer["nextToken"] = write_token(start + most, *purpose)
    return answer


def _after(call: Call, purpose: tuple[str, ...]) -> tuple[int, str] | None:
    token = call.given.get("nextToken")
    return None if token is None else read_token(token, tuple[int, str], *purpose)


def _all(call: Call, kind: str, after: tuple[int, str] | None, limit: int) -> list[Resource]:
    return call.desk.resources.list(call.account, kind, after=after, limit=limit)


def _narrowed(call: Call, kind: str, within: Resource, after: tuple[int, str] | None, limit: int) -> list[Resource]:
    records: Records = call.desk.resources
    if within.kind == "dataset-group":
        return records.list(call.account, kind, shop=within.id, after=after, limit=limit)
    if (kind, within.kind) == ("campaign", "solution"):
        # An update may have moved a campaign to another solution: its version says which it has.
        campaigns = records.list(call.account, kind, shop=within.shop, after=after)
        return [campaign for campaign in campaigns if serves(campaign, within)][:limit]
    return records.list(call.account, kind, parent=within.id, after=after, limit=limit)
