"""`endcap features`: groups listed, described, read and written; windows declared; history filled in."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from endcap.api.server import COMMAND, environment
from endcap.cli.output import settings
from endcap.features.groups import Feature, FeatureGroup
from endcap.jobs.sinking import sink_all
from endcap.jobs.workspace import open_workspace
from endcap.registry.feature_groups import FeatureGroups
from endcap.types import DAY, AccountKey

FEATURES = (
    *(Feature("customer_id", "String"), Feature("EventTime", "Fractional")),
    *(Feature("age", "Integral"), Feature("recent", "String", "List")),
)
WINDOW = ("--key", "user", "--kind", "stagger", "--length", "2m", "--set", "aggregate=sum")


@contextmanager
def served() -> Iterator[None]:
    """The home of this process's settings, served on a port that the system gives."""
    chosen = replace(settings(), port=0)
    with subprocess.Popen(COMMAND, env=environment(chosen), stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            assert line.startswith("Serving on "), f"the server said {line!r}"
            yield
        finally:
            process.terminate()
            process.wait(timeout=20)


def make(name: str = "customers", **more: Any) -> FeatureGroup:
    workspace = open_workspace(settings())
    group = FeatureGroup(AccountKey(), name, "customer_id", "EventTime", FEATURES, **more)
    return FeatureGroups(workspace.database).create(group)


def test_groups_are_listed_and_described(shell: Any) -> None:
    assert "No feature groups yet" in shell("features") and shell.json("features") == {"groups": [], "windows": []}
    make(ttl=3 * DAY)
    listed = shell("features", "list")
    assert "customers" in listed and "online and offline" in listed and "3 d" in listed
    (told,) = shell.json("features", "list")["groups"]
    assert told["ttlSeconds"] == 3 * 86_400 and [each["name"] for each in told["features"]][:2] == [
        "customer_id",
        "EventTime",
    ]
    described = shell("features", "describe", "customers")
    assert "record id" in described and "event time" in described and "Integral" in described
    assert shell.json("features", "describe", "customers") == told
    assert "Known: customers" in shell("features", "describe", "nobody", code=2)


def test_records_are_written_and_read_through_the_server(shell: Any, home: Path) -> None:
    make()
    assert "endcap serve" in shell("features", "get", "customers", "c1", code=7)
    assert "Nothing was written of c1" in shell("features", "history", "customers", "c1")
    with served():
        shell("features", "put", "customers", "customer_id=c1", "EventTime=1767225600", "age=41")
        assert "survives a power cut" in shell("features", "put", "customers", "customer_id=c1", "EventTime=5", "age=3")
        assert shell.json("features", "get", "customers", "c1", "c2") == {
            "c1": {"customer_id": "c1", "EventTime": "1767225600", "age": "41"}
        }
        said = shell("features", "get", "customers", "c1", "c2")
        assert "41" in said and "customers has no record c2 online" in said
        assert "Feature age of feature group customers is 'old'" in shell(
            "features", "put", "customers", "customer_id=c", "EventTime=1", "age=old", code=2
        )
        sink_all(open_workspace(settings()))
    rows = shell.json("features", "history", "customers", "c1")
    assert [(row["event_time"], row["age"], row["deleted"]) for row in rows] == [
        ("2026-01-01T00:00:00.000Z", 41, False), ("1970-01-01T00:00:05.000Z", 3, False),
    ]  # fmt: skip
    assert "newest first" in shell("features", "history", "customers", "c1")


def test_windows_are_declared_filled_and_removed(imported: Any) -> None:
    declared = imported("features", "add", "activity", *WINDOW, "--set", "weights=purchase=2", "--group", "clicks")
    assert "sum over stagger windows of 2 min" in declared and "a column of rankers" in declared
    assert "activity" in imported("features", "list") and "stagger" in imported("features", "describe", "activity")
    assert imported.json("features", "list")["windows"][0]["shop"] == "mine"
    filled = {each["group"]: each for each in imported.json("features", "backfill", "customers")}
    assert filled["mine-customers"]["added"] == filled["mine-customers"]["rows"] > 0 and filled["clicks"]["added"] > 0
    again = imported("features", "backfill", "customers")
    assert "mine-customers" in again and [line.split()[-1] for line in again.splitlines()[1:3]] == ["0", "0"]
    rows = imported.json("features", "history", "clicks", "c1")
    assert rows[0]["activity"] > 0
    assert imported.json("features", "remove", "activity") == {"shop": "mine", "removed": "activity"}
    assert imported.json("features", "list")["windows"] == []
    assert "activity" in imported("features", "remove", "activity", code=2)


def test_no_shop_can_be_called_as_what_belongs_to_the_account(shell: Any, csv: Path) -> None:
    assert "'_account' is no name for a shop" in shell("import", str(csv), "--shop", "_account", code=2)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("describe",), 2, "the NAME of a group or window"),
        (("get", "customers"), 2, "then record ids"),
        (("put", "customers"), 2, "feature=value"),
        (("put", "customers", "age"), 2, "not key=value"),
        (("get", "nobody", "c"), 2, "nobody"),
        (("fly",), 2, "fly"),
        (("add", "w", "--set", "kind=stagger"), 4, "No shop"),
        (("list", "--kind", "stagger"), 2, "list takes no kind"),
        (("parity",), 4, "No shop"),
    ],
)
def test_wrong_command_lines(shell: Any, arguments: tuple[str, ...], code: int, message: str) -> None:
    assert message in shell("features", *arguments, code=code)
