"""`endcap features`: the feature store from the command line."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from endcap.cli.output import AsJson, ScreenProgress, ShopName, assignments, emit, say, settings, table
from endcap.errors import UnknownName

if TYPE_CHECKING:
    from endcap.features.declared import Declaration
    from endcap.features.groups import FeatureGroup
    from endcap.jobs.workspace import Workspace

Action = Literal["list", "describe", "get", "put", "history", "add", "remove", "backfill", "parity"]
SHOWN = 20
"""Rows of a record's history."""


def command(
    action: Annotated[
        Action,
        typer.Argument(help="list, describe, get, put, history; add, remove of declared windows; backfill, parity."),
    ] = "list",
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME", help="The group or window; then record ids, or feature=value for put."),
    ] = None,
    shop: ShopName = None,
    declared: Annotated[
        list[str] | None,
        typer.Option("--set", help="Anything else of a window: per, prior, strength, of, n …, as key=value."),
    ] = None,
    key: Annotated[str, typer.Option(help="Of a window: user, session, item, category, pair.")] = "",
    kind: Annotated[str, typer.Option(help="Of a window: stagger, tumbling, sliding, session.")] = "",
    length: Annotated[str, typer.Option(help="Of a window: 30s, 2m, 1h, 7d, 2w.")] = "",
    gap: Annotated[str, typer.Option(help="Of a session: how long nothing may happen.")] = "",
    step: Annotated[str, typer.Option(help="Of a sliding window.")] = "",
    aggregate: Annotated[str, typer.Option(help="count, sum, rate, distinct, recency, last.")] = "",
    weights: Annotated[str, typer.Option(help="Of event types: like=1,add_to_cart=2, or view,click.")] = "",
    group: Annotated[str, typer.Option(help="The feature group that a window is a feature of.")] = "",
    sample: Annotated[int, typer.Option(help="How many logged answers parity recomputes.")] = 1000,
    as_json: AsJson = False,
) -> None:
    """List, describe, read and write feature groups; declare windows; fill groups from history; check parity.

    endcap features put customers customer_id=c1 EventTime=1767225600 age=41

    endcap features add activity --key user --kind stagger --length 2m --aggregate sum
    --weights like=1,add_to_cart=2 --group clickstream
    """
    from endcap.jobs.workspace import open_workspace

    given = names or []
    _require(action, given)
    said = {"key": key, "kind": kind, "length": length, "gap": gap, "step": step}
    said |= {"aggregate": aggregate, "weights": weights, "group": group}
    texts = {**{name: text for name, text in said.items() if text}, **assignments(declared)}
    if texts and action != "add":
        raise typer.BadParameter(f"endcap features {action} takes no {next(iter(texts))}", param_hint="--set")
    workspace = open_workspace(settings())
    if action == "list":
        _list(workspace, shop, as_json)
    elif action == "describe":
        _describe(workspace, shop, given[0], as_json)
    elif action == "get":
        _get(workspace, given[0], given[1:], as_json)
    elif action == "put":
        _put(workspace, given[0], given[1:], as_json)
    elif action == "history":
        _history(workspace, given[0], given[1], as_json)
    elif action == "add":
        _add(workspace, shop, given[0], texts, as_json)
    elif action == "remove":
        _remove(workspace, shop, given[0], as_json)
    elif action == "backfill":
        _backfill(workspace, shop, given, as_json)
    else:
        _parity(workspace, shop, sample, as_json)


_NEEDED: dict[str, tuple[int, int, str]] = {
    "list": (0, 0, "no NAME"),
    "describe": (1, 1, "the NAME of a group or window"),
    "get": (2, 101, "the NAME of a group, then record ids"),
    "put": (2, 2_501, "the NAME of a group, then feature=value"),
    "history": (2, 2, "the NAME of a group and a record id"),
    "add": (1, 1, "the NAME of a window"),
    "remove": (1, 1, "the NAME of a window"),
    "backfill": (0, 100, "the NAMEs of reference groups, or none for all"),
    "parity": (0, 0, "no NAME"),
}


def _require(action: str, given: Sequence[str]) -> None:
    least, most, what = _NEEDED[action]
    if not least <= len(given) <= most:
        raise typer.BadParameter(f"endcap features {action} takes {what}", param_hint="NAME")


def _list(workspace: Workspace, shop: str | None, as_json: bool) -> None:
    from endcap.registry.feature_groups import FeatureGroups

    groups = FeatureGroups(workspace.database, clock=workspace.clock).list(workspace.settings.account_key)
    windows = _windows(workspace, shop)
    if as_json:
        told = [{"shop": name, **each.document()} for name, each in windows]
        emit({"groups": [_document(group) for group in groups], "windows": told})
        return
    if not groups and not windows:
        say("No feature groups yet. Fill those of a shop with: endcap features backfill --shop NAME")
        return
    if groups:
        rows = [
            [g.name, str(len(g.features)), g.identifier, " and ".join(g.stores), _lasting(g), _day(g.created)]
            for g in groups
        ]
        table(("group", "features", "record id", "stores", "lasts", "made"), rows)
    if windows:
        say()
        rows = [[w.name, name, w.key, w.kind, _time(w.length), w.aggregate, w.group or "–"] for name, w in windows]
        table(("window", "shop", "key", "kind", "length", "aggregate", "group"), rows)


def _windows(workspace: Workspace, shop: str | None) -> list[tuple[str, Declaration]]:
    from endcap.jobs.feature_windows import list_windows

    shops = workspace.lake.shops() if shop is None else [workspace.shop(shop)]
    mine = [key for key in shops if key.account == workspace.settings.account_key]
    return [(key.group, each) for key in mine for each in list_windows(workspace, key)]


def _describe(workspace: Workspace, shop: str | None, name: str, as_json: bool) -> None:
    from endcap.registry.feature_groups import FeatureGroups

    windows = [(key, each) for key, each in _windows(workspace, shop) if each.name == name]
    groups = FeatureGroups(workspace.database, clock=workspace.clock).list(workspace.settings.account_key)
    group = next((group for group in groups if group.name == name), None)
    if group is None and not windows:
        known = [group.name for group in groups]
        raise UnknownName("feature group or window", name, known, fix="List them: endcap features list.")
    if as_json:
        emit(_document(group) if group else [{"shop": key, **each.document()} for key, each in windows])
        return
    if group is not None:
        say(f"{group.name}: {' and '.join(group.stores)}; online a record lasts {_lasting(group)}.")
        rows = [[f.name, f.type, f.collection or "–", _role(group, f.name)] for f in group.features]
        table(("feature", "type", "collection", ""), rows)
    for key, each in windows:
        say(f"Window {each.name} of {key}:")
        table(
            ("", "value"), [[part, str(value)] for part, value in each.document().items() if value not in ("", {}, 0)]
        )


def _get(workspace: Workspace, group: str, identities: Sequence[str], as_json: bool) -> None:
    from endcap.jobs.feature_records import read_records

    found = read_records(workspace, group, identities)
    if as_json:
        emit(found)
        return
    for identity in identities:
        if identity not in found:
            say(f"{group} has no record {identity} online.")
            continue
        table((identity, "value"), [[name, _shown(value)] for name, value in found[identity].items()])


def _put(workspace: Workspace, group: str, values: Sequence[str], as_json: bool) -> None:
    from endcap.jobs.feature_records import write_record

    given = assignments(values, "FEATURE=VALUE")
    write_record(workspace, group, given)
    if as_json:
        emit({"group": group, "record": given})
        return
    say(f"Written to {group}; it survives a power cut, and reads see it.")


def _history(workspace: Workspace, group: str, identity: str, as_json: bool) -> None:
    from endcap.jobs.feature_records import record_history

    rows = record_history(workspace, group, identity, SHOWN)
    if as_json:
        emit(rows)
        return
    if not rows:
        say(f"Nothing was written of {identity} into {group} that is in the lake already.")
        return
    columns = [name for name in rows[0] if any(row[name] is not None for row in rows)]
    table(columns, [[_shown(row[name]) for name in columns] for row in rows], f"{identity} of {group}, newest first")


def _add(workspace: Workspace, shop: str | None, name: str, texts: dict[str, str], as_json: bool) -> None:
    from endcap.features.declared_columns import can_rank
    from endcap.jobs.feature_windows import add_window

    key = workspace.shop(shop)
    made = add_window(workspace, key, {"name": name, **texts})
    if as_json:
        emit({"shop": key.group, **made.document()})
        return
    uses = [f"a feature of the group {made.group}"] if made.group else []
    uses += ["a column of rankers that are trained from now on"] if can_rank(made) else []
    into = " and ".join(uses) or "of no use to rankers, and without a group nobody reads it"
    say(f"Declared {made.name}: {made.aggregate} over {made.kind} windows of {_time(made.length)}, {into}.")
    say(f"Next: endcap features backfill --shop {key.group}")


def _remove(workspace: Workspace, shop: str | None, name: str, as_json: bool) -> None:
    from endcap.jobs.feature_windows import remove_window

    key = workspace.shop(shop)
    remove_window(workspace, key, name)
    if as_json:
        emit({"shop": key.group, "removed": name})
        return
    say(f"{name} is declared no more; what was recorded of it stays in the lake.")


def _backfill(workspace: Workspace, shop: str | None, groups: Sequence[str], as_json: bool) -> None:
    from endcap.jobs.feature_backfill import backfill

    filled = backfill(workspace, workspace.shop(shop), groups or None, progress=ScreenProgress())
    if as_json:
        emit([{"group": each.group, "rows": each.rows, "added": each.added} for each in filled])
        return
    table(("group", "rows of history", "new"), [[each.group, f"{each.rows:,}", f"{each.added:,}"] for each in filled])
    say("A running server reads the newest of them within seconds.")


def _parity(workspace: Workspace, shop: str | None, sample: int, as_json: bool) -> None:
    from endcap.jobs.feature_parity import check_parity

    report = check_parity(workspace, workspace.shop(shop), sample=sample, progress=ScreenProgress())
    if as_json:
        emit(report.document())
        return
    rows = [
        [f.name, f"{f.count:,}", f"{f.mismatches:,}", f"{f.largest:.3g}" if f.mismatches else "–"]
        for f in report.features
    ]
    table(("feature", "compared", "differ", "largest"), rows)
    say(f"{report.decisions:,} answers recomputed from the lake: {report.mismatches:,} values differ.")
    for reason, count in report.left_out.items():
        say(f"  {count:,} left out: {reason}")


def _document(group: FeatureGroup) -> dict[str, Any]:
    features = [
        {"name": f.name, "type": f.type, "collection": f.collection, "dimension": f.dimension} for f in group.features
    ]
    return {
        "name": group.name,
        "recordIdentifier": group.identifier,
        "eventTime": group.event_time,
        "stores": list(group.stores),
        "ttlSeconds": group.ttl // 1_000_000,
        "created": group.created,
        "features": features,
    }


def _role(group: FeatureGroup, name: str) -> str:
    return {group.identifier: "record id", group.event_time: "event time"}.get(name, "")


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "–" if value is None else str(value)


def _lasting(group: FeatureGroup) -> str:
    return _time(group.ttl) if group.ttl else "for ever"


def _time(micros: int) -> str:
    for unit, size in (("d", 86_400_000_000), ("h", 3_600_000_000), ("min", 60_000_000)):
        if micros >= size and micros % size == 0:
            return f"{micros // size} {unit}"
    return f"{micros / 1e6:g} s"


def _day(at: int) -> str:
    return datetime.fromtimestamp(at / 1e6, UTC).strftime("%Y-%m-%d %H:%M")
