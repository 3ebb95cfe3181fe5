"""The inspector: a shopper's history, what they are answered, why, and why not something else."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from endcap.api.console import inspector_shapes as shapes
from endcap.api.console.backstage import Backstage
from endcap.api.console.explained import (
    FeatureTold,
    ScorePart,
    SourceCount,
    StageCount,
    StepPlace,
    item_of,
    moved,
    strength,
)
from endcap.api.console.finding_shoppers import find_items, find_shoppers, typical
from endcap.api.console.operation import Call, Operation
from endcap.api.console.titles import sights_of, titles_of
from endcap.api.console.trials import Trials
from endcap.api.wire import invalid
from endcap.errors import InputError, UnknownName
from endcap.lake.schemas import DatasetKind
from endcap.serving.filters import parse
from endcap.serving.filters.binding import bind
from endcap.serving.filters.wording import written
from endcap.serving.inspecting import Inspection, inspect
from endcap.serving.recommend import resolve
from endcap.serving.restriction import Restriction
from endcap.serving.shop_schemas import ShopSchemas
from endcap.serving.slate import Request, Slate
from endcap.serving.snapshot import Snapshot
from endcap.serving.why_not import why_not
from endcap.types import ShopKey

PATH = "/console/api/inspector"
MOST_SHOWN, MOST_HISTORY, MOST_FOUND = 100, 512, 50
LATEST = 253_402_300_799_000
"""Milliseconds since 1970 at the end of the year 9999."""
TOKEN = "0" * 16
"""Repeats what is left to chance, so that two looks at the same thing see the same."""


class Inspector:
    """`/console/api/inspector…`."""

    def __init__(self, backstage: Backstage) -> None:
        self._backstage, self._trials = backstage, Trials(backstage)

    def operations(self) -> Sequence[Operation]:
        """Its rows."""
        subject, shoppers = "What of a shop can be inspected.", "Shoppers of a shop, by what their ids hold."
        items, filters = "Items of a shop, by what their names or ids hold.", "Whether a filter can be used, and how."
        inspected = "One shopper's answer, step by step, and what each part of their past does to it."
        missing = "Why one item is not in an answer."
        return (
            Operation(
                "getInspectable", "GET", PATH, subject, self.subject, shapes.InspectableAsked, shapes.Inspectable
            ),
            Operation(
                *("searchShoppers", "GET", f"{PATH}/shoppers", shoppers),
                *(self.shoppers, shapes.ShoppersWanted, shapes.ShoppersMatched),
            ),
            Operation(
                *("searchItems", "GET", f"{PATH}/items", items, self.items, shapes.ItemsSought, shapes.ItemsMatched),
            ),
            Operation(
                *("inspectShopper", "POST", f"{PATH}/inspect", inspected),
                *(self.inspect, shapes.InspectAsked, shapes.Inspected),
            ),
            Operation(
                *("getWhyNot", "POST", f"{PATH}/why-not", missing),
                *(self.why_not, shapes.WhyNotAsked, shapes.WhyNotTold),
            ),
            Operation(
                *("checkFilter", "POST", f"{PATH}/filter", filters),
                *(self.check_filter, shapes.FilterAsked, shapes.FilterChecked),
            ),
        )

    def subject(self, call: Call, asked: shapes.InspectableAsked) -> shapes.Inspectable:
        """Raises `UnknownName`."""
        shop, workspace = self._shop(call, asked.shop), self._backstage.workspace
        served = self._backstage.served(shop)
        found = workspace.versions.list(shop)
        live = {version for each in served for version in each.models}
        state = served[0].state if served else None
        last = served[0].moment(0) if served else 0
        records = workspace.resources.list(shop.account, "filter", shop=shop.group)
        return shapes.Inspectable(
            campaigns=tuple(
                shapes.InspectableCampaign(
                    name=each.deployment.campaign,
                    arn=each.arn,
                    recipe=next(iter(each.models.values())).recipe_name,
                    versions=tuple(each.models),
                    related=each.is_related,
                )
                for each in served
                if not each.is_about_actions
            ),
            versions=tuple(
                shapes.InspectableVersion(
                    id=each.id,
                    recipe=each.recipe,
                    solution=each.solution,
                    status=each.status,
                    created=each.created // 1000,
                    served=each.id in live,
                )
                for each in found
            ),
            filters=tuple(
                shapes.InspectableFilter(name=each.id, expression=str(each.document.get("filterExpression", "")))
                for each in records
            ),
            columns=tuple(sorted(name.upper() for name in state.items.columns)) if state is not None else (),
            shoppers=tuple(typical(served[0])) if served else (),
            first=int(state.histories.past.time.min(initial=last)) // 1000 if state is not None else 0,
            last=last // 1000,
        )

    def shoppers(self, call: Call, asked: shapes.ShoppersWanted) -> shapes.ShoppersMatched:
        """Raises `UnknownName`, `StateError`."""
        snapshot = self._trials.snapshot(self._shop(call, asked.shop))
        return shapes.ShoppersMatched(shoppers=tuple(find_shoppers(snapshot, asked.q.strip(), _most(asked.most))))

    def items(self, call: Call, asked: shapes.ItemsSought) -> shapes.ItemsMatched:
        """Raises `UnknownName`, `StateError`."""
        snapshot = self._trials.snapshot(self._shop(call, asked.shop))
        found = find_items(snapshot, asked.q.strip(), _most(asked.most))
        return shapes.ItemsMatched(items=sights_of(snapshot, found))

    def inspect(self, call: Call, asked: shapes.InspectAsked) -> shapes.Inspected:
        """Raises `UnknownName`, `InputError`, `StateError`."""
        started = time.perf_counter()
        shop = self._shop(call, asked.shop)
        snapshot = self._trials.snapshot(shop, asked.campaign, asked.version)
        request = self._request(shop, snapshot, asked)
        at, without = asked.at * 1000, asked.without
        found = inspect(snapshot, request, token=TOKEN, at=at, without=without, checks=min(max(asked.checks, 0), 30))
        return _told(snapshot, found, (time.perf_counter() - started) * 1e3)

    def why_not(self, call: Call, asked: shapes.WhyNotAsked) -> shapes.WhyNotTold:
        """Raises `UnknownName`, `InputError`, `StateError`."""
        shop = self._shop(call, asked.shop)
        snapshot = self._trials.snapshot(shop, asked.campaign, asked.version)
        request = self._request(shop, snapshot, asked)
        found = why_not(snapshot, request, asked.item, token=TOKEN, at=asked.at * 1000, without=asked.without)
        return shapes.WhyNotTold(
            seen=sights_of(snapshot, (asked.item,))[0],
            verdict=found.verdict,
            said=found.said,
            shown=found.shown,
            bars=found.bars,
            rules=tuple(
                shapes.RuleTold(text=each.text, applies=each.applies, met=each.met, removes=each.removes)
                for each in found.rules
            ),
            otherwise=found.otherwise,
            place=found.place,
            path=tuple(StepPlace(step=step.name, place=step.place) for step in found.path),
            candidate=found.candidate,
            candidates=found.candidates,
            retrieved=found.retrieved,
            score=found.score,
            among=found.among,
            scored=found.scored,
            overall=found.overall,
            parts=tuple(ScorePart(name=part.name, value=part.value, rank=part.rank) for part in found.parts),
            ranked=found.ranked,
            ranked_base=found.ranked_base,
            features=tuple(FeatureTold(name=each.name, value=each.value, adds=each.adds) for each in found.features),
        )

    def check_filter(self, call: Call, asked: shapes.FilterAsked) -> shapes.FilterChecked:
        """What is wrong with an expression is told, not raised. Raises `UnknownName`, `StateError`."""
        shop = self._shop(call, asked.shop)
        snapshot = self._trials.snapshot(shop, asked.campaign, asked.version)
        try:
            restriction = self._restriction(
                shop, snapshot, asked.filter, asked.filter_values, has_item=bool(asked.item)
            )
        except InputError as error:
            return shapes.FilterChecked(ok=False, message=error.message, fix=error.fix, parameters=_names(asked.filter))
        slate = Slate(snapshot, Request(1, asked.user, asked.item, restriction=restriction), TOKEN)
        resolve(slate)
        listed = np.zeros(slate.size, np.bool_)
        listed[: len(snapshot.state.listed)] = snapshot.state.listed
        listed[len(snapshot.state.listed) :] = True
        return shapes.FilterChecked(
            ok=True,
            allowed=int((restriction.allowed(slate) & listed).sum()),
            of=int(listed.sum()),
            parameters=tuple(restriction.filter.parameters),
            rules=tuple(written(rule) for _, rule in bind(restriction.filter, restriction.values)),
        )

    def _shop(self, call: Call, name: str) -> ShopKey:
        known = {key.group: key for key in self._backstage.workspace.lake.shops() if key.account == call.account}
        if name not in known:
            raise UnknownName("shop", name, known)
        return known[name]

    def _request(self, shop: ShopKey, snapshot: Snapshot, asked: shapes.InspectAsked | shapes.WhyNotAsked) -> Request:
        if not 1 <= asked.k <= MOST_SHOWN:
            raise invalid(f"k is {asked.k}, expected 1 to {MOST_SHOWN}.")
        if not 0 <= asked.at <= LATEST:
            raise invalid(f"at is {asked.at}, expected milliseconds since 1970, 0 to {LATEST}.")
        restriction = None
        if asked.filter.strip():
            values, about = asked.filter_values, bool(asked.about)
            restriction = self._restriction(shop, snapshot, asked.filter, values, has_item=about)
        return Request(
            asked.k,
            asked.user,
            asked.about,
            exclude_purchased=asked.exclude_purchased,
            restriction=restriction,
            context=asked.context,
            asked=self._backstage.clock.now(),
        )

    def _restriction(
        self, shop: ShopKey, snapshot: Snapshot, text: str, values: dict[str, str], *, has_item: bool
    ) -> Restriction:
        """Raises `InputError`."""
        parsed = parse(text)
        schemas = ShopSchemas(self._backstage.workspace.resources)
        kinds: tuple[DatasetKind, ...] = ("interactions", "items", "users")
        known = {kind: found for kind in kinds if (found := schemas(shop, kind)) is not None}
        if len(known) == len(kinds):
            parsed.check(known)
        made = Restriction(shop.arn("filter", "inspector"), parsed, values)
        made.check(about="action" if snapshot.is_about_actions else "item", has_item=has_item)
        return made


def _most(wanted: int) -> int:
    return min(max(wanted, 1), MOST_FOUND)


def _names(text: str) -> tuple[str, ...]:
    try:
        return tuple(parse(text).parameters)
    except InputError:
        return ()


def _told(snapshot: Snapshot, found: Inspection, ms: float) -> shapes.Inspected:
    titles = titles_of(snapshot)
    history = found.history[:MOST_HISTORY]
    names = dict.fromkeys([each.item for each in found.items] + [each.item for each in history if each.item])
    entered = [item for group in found.left_out for item, _ in group.entered]
    sights = sights_of(snapshot, list(names | dict.fromkeys(entered)))
    return shapes.Inspected(
        version=found.version,
        recipe=found.recipe,
        variant=found.variant,
        campaign=snapshot.deployment.campaign,
        user=found.user_id,
        now=found.now // 1000,
        rung=found.rung,
        because=found.cause,
        seen={each.item: each for each in sights},
        history=tuple(
            shapes.HistoryEvent(
                place=each.place,
                item=each.item,
                event_type=each.event_type,
                time=each.time // 1000,
                weight=each.weight,
                interest=each.interest,
                streamed=each.streamed,
                known=each.known,
                used=each.used,
            )
            for each in history
        ),
        events=len(found.history),
        stages=tuple(StageCount(name=each.name, count=each.count, bars=each.bars) for each in found.stages),
        sources=tuple(SourceCount(name=name, count=count) for name, count in found.sources),
        items=tuple(item_of(found, shown, titles, whose="this") for shown in found.items),
        groups=tuple(_group(found, place) for place in range(len(found.left_out))),
        deep=found.deep,
        notes=found.notes,
        ms=ms,
    )


def _group(found: Inspection, place: int) -> shapes.GroupTold:
    group = found.left_out[place]
    loudest = max(group.effects, key=lambda effect: abs(strength(effect)), default=None)
    return shapes.GroupTold(
        kind=group.kind,
        item=group.item,
        event_type=group.event_type,
        time=group.time // 1000,
        places=group.places,
        after=tuple(effect.after for effect in group.effects),
        moved=sum(effect.after != effect.before for effect in group.effects),
        entered=tuple(shapes.Entered(item=item, place=at) for item, at in group.entered),
        loudest=loudest.item if loudest is not None else "",
        sentence=f"It {moved(loudest, found.deep)}." if loudest is not None else "",
    )
