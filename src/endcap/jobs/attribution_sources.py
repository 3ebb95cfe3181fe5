"""Which campaign or recommender an event is owed to, by the recommendation that it names."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from endcap.errors import InputError
from endcap.jobs.workspace import Workspace
from endcap.registry.campaigns import SERVED
from endcap.serving import recommendation_id
from endcap.types import ShopKey

UNDEFINED = "SOURCE_NAME_UNDEFINED"
RECOMMENDATION, SOURCE = "recommendation_id", "event_attribution_source"


@dataclass(frozen=True)
class Sources:
    """The ARNs of whatever a shop has served, by what recommendation ids carry.

    An id names a version, a generation and a variant; where two campaigns share all three, the logged answer decides.
    """

    workspace: Workspace
    shop: ShopKey
    arns: dict[tuple[str, int, int], set[str]]

    @classmethod
    def of(cls, workspace: Workspace, shop: ShopKey) -> Sources:
        """From every generation of the shop's campaigns and recommenders."""
        arns: dict[tuple[str, int, int], set[str]] = {}
        for kind in SERVED:
            for resource in workspace.resources.list(shop.account, kind, shop=shop.group):
                try:
                    past = workspace.campaigns.history(shop, resource.id, kind=kind)
                except InputError:  # made, and never deployed
                    continue
                for deployment in past:
                    for place, variant in enumerate(deployment.variants):
                        key = (variant.version_id, deployment.generation & 0xFFFF, place)
                        arns.setdefault(key, set()).add(deployment.arn)
        return cls(workspace, shop, arns)

    def of_events(self, events: pa.Table) -> pa.Array:
        """One text per event: the ARN, else the event's own source, else `UNDEFINED`."""
        found = pa.nulls(events.num_rows, pa.string())
        if RECOMMENDATION in events.column_names:
            ids = events[RECOMMENDATION].combine_chunks().cast(pa.string()).dictionary_encode()
            names = self._names(ids.dictionary.to_pylist())
            found = pa.array(names, pa.string()).take(ids.indices) if names else found
        if SOURCE in events.column_names:
            own = events[SOURCE].combine_chunks().cast(pa.string())
            found = pc.coalesce(found, pc.if_else(pc.equal(own, ""), pa.scalar(None, pa.string()), own))
        return pc.fill_null(found, UNDEFINED)

    def _names(self, ids: list[str]) -> list[str | None]:
        names: dict[str, str | None] = {}
        unsure = []
        for identity in ids:
            known = self._known(identity)
            names[identity] = next(iter(known)) if len(known) == 1 else None
            if len(known) != 1:
                unsure.append(identity)
        names.update(self._logged(unsure))
        return [names[identity] for identity in ids]

    def _known(self, identity: str) -> set[str]:
        try:
            origin = recommendation_id.read(identity)
        except InputError:
            return set()
        return self.arns.get((origin.version, origin.generation, origin.variant), set())

    def _logged(self, ids: Iterable[str]) -> dict[str, str | None]:
        """What the decisions that are in the lake say of these answers."""
        wanted = list(ids)
        if not wanted or not self.workspace.lake.exists(self.shop, "decisions"):
            return {}
        table = self.workspace.lake.open(self.shop, "decisions").to_pyarrow_dataset()
        rows = table.to_table(columns=[RECOMMENDATION, "target"], filter=pc.field(RECOMMENDATION).isin(wanted))
        return dict(zip(rows[RECOMMENDATION].to_pylist(), rows["target"].to_pylist(), strict=True))
