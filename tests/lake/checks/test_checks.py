"""Each check speaks when its defect is there, and stays silent over a clean shop."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from endcap.errors import StateError
from endcap.lake.checks import CHECKS, run_checks
from endcap.lake.checks.finding import SEVERITIES, Finding
from endcap.lake.tables import Lake
from endcap.seams import FrozenClock, rng
from endcap.types import DAY, HOUR, MINUTE, SECOND, AccountKey, Micros, ShopKey

SHOP = ShopKey(AccountKey(), "clean-shop")
START = 1_700_000_000_000_000 // DAY * DAY
NOW = FrozenClock(Micros(START + 61 * DAY))
Tables = dict[str, pa.Table]


def clean(events: int = 4000) -> Tables:
    """Sixty days of a shop without a fault: opening hours, known users and items, plausible prices."""
    random = rng(5)
    user, item = random.integers(0, 200, events), random.integers(0, 120, events)
    times = (
        START + random.integers(0, 60, events) * DAY + random.integers(8 * HOUR, 20 * HOUR, events) // SECOND * SECOND
    )
    return {
        "interactions": pa.table(
            {
                "user_id": pa.array([f"u{n}" for n in user]),
                "item_id": pa.array([f"i{n}" for n in item]),
                "timestamp": pa.array(times),
                "event_type": pa.array(["View" if n else "Purchase" for n in random.integers(0, 4, events)]),
                "quantity": pa.array(random.integers(1, 4, events)),
                "order_id": pa.array([f"o{n}" for n in range(events)]),
            }
        ),
        "items": pa.table(
            {
                "item_id": [f"i{n}" for n in range(120)],
                "price": random.uniform(5, 50, 120),
                "category_l1": [f"c{n % 7}" for n in range(120)],
                "creation_timestamp": pa.array([START - DAY] * 119 + [START - 2 * DAY]),
            }
        ),
        "users": pa.table({"user_id": [f"u{n}" for n in range(200)], "age": random.integers(18, 80, 200)}),
    }


def put(table: pa.Table, name: str, values: Any) -> pa.Table:
    column = values if isinstance(values, (pa.Array, pa.ChunkedArray)) else pa.array(values)
    at = table.column_names.index(name) if name in table.column_names else table.num_columns
    return table.set_column(at, name, column) if at < table.num_columns else table.append_column(name, column)


def found(tmp_path: Path, tables: Tables) -> dict[str, Finding]:
    lake = Lake(tmp_path / "lake")
    for kind, table in tables.items():
        lake.commit(SHOP, kind, table, schema=table.schema, mode="FULL", job="job1")  # type: ignore[arg-type]
    findings = run_checks(lake, SHOP, clock=NOW)
    order = [SEVERITIES.index(finding.severity) for finding in findings]
    assert order == sorted(order)
    for finding in findings:
        assert finding.title.endswith(".") and finding.why.endswith(".") and finding.advice.endswith(".")
        assert finding.json()["code"] == finding.code
    return {finding.code: finding for finding in findings}


def test_a_clean_shop_has_only_the_long_tail_to_tell(tmp_path: Path) -> None:
    assert set(found(tmp_path, clean())) == {"long-tail"}


def changed(kind: str, name: str, change: Callable[[pa.Table], Any]) -> Callable[[Tables], Tables]:
    return lambda tables: {**tables, kind: put(tables[kind], name, change(tables[kind]))}


def first(n: int, value: Any, name: str) -> Callable[[pa.Table], Any]:
    return lambda table: [value] * n + table[name].to_pylist()[n:]


def times(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Tables], Tables]:
    return changed("interactions", "timestamp", lambda table: change(table["timestamp"].to_numpy().copy()))


def events_of(table: pa.Table, one: str, tables: Tables) -> list[int]:
    counts = {row["values"]: row["counts"] for row in pc.value_counts(tables["interactions"][f"{one}_id"]).to_pylist()}
    return [counts.get(name, 0) for name in table[f"{one}_id"].to_pylist()]


def doubled(tables: Tables) -> Tables:
    table = tables["interactions"]
    return {**tables, "interactions": pa.concat_tables([table, table.slice(0, 100)])}


def nearly_doubled(tables: Tables) -> Tables:
    table = tables["interactions"]
    again = put(table.slice(0, 300), "order_id", ["other"] * 300)
    return {**tables, "interactions": pa.concat_tables([table, again])}


def bot(tables: Tables) -> Tables:
    many = tables["interactions"].slice(0, 1100)
    many = put(
        put(many, "user_id", ["robot"] * 1100), "timestamp", [START + 9 * HOUR + n * SECOND for n in range(1100)]
    )
    users = pa.concat_tables([tables["users"], pa.table({"user_id": ["robot"], "age": [1]})])
    return {**tables, "interactions": pa.concat_tables([tables["interactions"], many]), "users": users}


DEFECTS: list[tuple[str, str, Callable[[Tables], Tables]]] = [
    ("few-interactions", "problem", lambda tables: clean(300)),
    ("few-users", "problem", changed("interactions", "user_id", lambda t: [f"u{n % 20}" for n in range(t.num_rows)])),
    ("future-times", "problem", times(lambda t: np.where(np.arange(len(t)) < 5, t + 400 * DAY, t))),
    ("ancient-times", "problem", times(lambda t: t // 1000)),
    ("dates-only", "warning", times(lambda t: t // DAY * DAY)),
    ("midnight", "warning", times(lambda t: np.where(np.arange(len(t)) % 3 == 0, t // DAY * DAY, t))),
    ("whole-minutes", "info", times(lambda t: t // MINUTE * MINUTE)),
    ("mixed-precision", "info", times(lambda t: t + (np.arange(len(t)) % 4 == 0) * 1234)),
    ("night-shoppers", "warning", times(lambda t: t - 8 * HOUR)),
    ("no-daily-rhythm", "info", times(lambda t: START + np.arange(len(t)) * (60 * DAY // len(t) // SECOND) * SECOND)),
    ("gaps", "info", times(lambda t: np.where((t > START + 20 * DAY) & (t < START + 32 * DAY), t - 15 * DAY, t))),
    ("gaps", "warning", times(lambda t: np.where(abs(t - START - 35 * DAY) < 15 * DAY, START + 9 * HOUR, t))),
    ("old-data", "info", times(lambda t: t - 400 * DAY)),
    ("unknown-items", "warning", changed("interactions", "item_id", first(100, "ghost", "item_id"))),
    ("unknown-items", "problem", changed("items", "item_id", lambda t: [f"I{n}" for n in range(120)])),
    ("unknown-users", "info", changed("interactions", "user_id", first(100, "ghost", "user_id"))),
    ("no-catalogue", "info", lambda tables: {kind: table for kind, table in tables.items() if kind != "items"}),
    ("duplicates", "info", doubled),
    ("near-duplicates", "warning", nearly_doubled),
    ("returns", "info", changed("interactions", "event_type", first(50, "Return", "event_type"))),
    ("negative-quantities", "warning", changed("interactions", "quantity", first(7, -1, "quantity"))),
    ("zero-quantities", "info", changed("interactions", "quantity", first(7, 0, "quantity"))),
    ("quantity-outliers", "info", changed("interactions", "quantity", first(2, 80_995, "quantity"))),
    ("bad-prices", "warning", changed("items", "price", first(3, 0.0, "price"))),
    ("price-outliers", "info", changed("items", "price", first(1, 99_999.0, "price"))),
    ("bots", "warning", bot),
    ("one-event-users", "warning", changed("interactions", "user_id", lambda t: [f"s{min(n, 3000)}" for n in range(4000)])),  # noqa: E501
    ("one-event-items", "info", changed("interactions", "item_id", lambda t: [f"x{n}" for n in range(4000)])),
    ("cold-items", "info", changed("interactions", "item_id", lambda t: [f"i{n % 50}" for n in range(4000)])),
    ("missing-values", "info", changed("items", "brand", lambda t: ["b", "c"] + [None] * 118)),
    ("missing-values", "warning", changed("items", "brand", lambda t: [""] * 120)),
    ("constant-column", "info", changed("items", "brand", lambda t: ["same"] * 120)),
    ("created-after-use", "warning", changed("items", "creation_timestamp", lambda t: [START + 55 * DAY] * 120)),
    ("leak-future", "warning", changed("items", "updated_at", lambda t: [START + 90 * DAY] * 119 + [START])),
    ("identities", "warning", changed("users", "contact", lambda t: [f"a{n}@example.org" for n in range(200)])),
]  # fmt: skip


@pytest.mark.parametrize(("code", "severity", "break_it"), DEFECTS, ids=[f"{c}-{s}" for c, s, _ in DEFECTS])
def test_a_defect_is_found(tmp_path: Path, code: str, severity: str, break_it: Callable[[Tables], Tables]) -> None:
    findings = found(tmp_path, break_it(clean()))
    assert code in findings, sorted(findings)
    assert findings[code].severity == severity


def test_columns_counted_from_the_events_are_leaks_and_random_ones_are_not(tmp_path: Path) -> None:
    tables = clean()
    popular = np.minimum(rng(3).geometric(0.05, 4000) - 1, 119)
    tables["interactions"] = put(tables["interactions"], "item_id", [f"i{n}" for n in popular])
    counts = events_of(tables["items"], "item", tables)
    tables["items"] = put(put(tables["items"], "popularity", counts), "sales_tax", rng(2).uniform(0, 1, 120))
    findings = found(tmp_path, tables)
    assert "popularity" in findings["leak-counts"].title


def test_baskets_without_order_numbers(tmp_path: Path) -> None:
    tables = clean()
    table = tables["interactions"].drop(["order_id"])
    users, items = [f"u{n // 4 % 200}" for n in range(4000)], [f"i{n % 119}" for n in range(4000)]
    moments = [START + n // 4 % 50 * DAY + (9 + n // 4 % 7) * HOUR for n in range(4000)]
    tables["interactions"] = put(put(put(table, "timestamp", moments), "user_id", users), "item_id", items)
    assert "same-instant" in found(tmp_path, tables)


def test_rejected_rows_and_guest_orders_are_counted_by_reason(tmp_path: Path) -> None:
    rejects = Lake(tmp_path / "lake").directory(SHOP) / "rejects"
    for job in ("job1", "an-older-job"):
        (rejects / job).mkdir(parents=True)
        reasons = ["guest order: no customer id"] * 900 + ["price is 0"] * 3
        pq.write_table(pa.table({"row": range(903), "reason": reasons}), rejects / job / "interactions.parquet")
    findings = found(tmp_path, clean())
    assert findings["guest-orders"].severity == "warning" and findings["guest-orders"].count == 900
    assert findings["rejected-rows"].count == 3 and "price is 0" in findings["rejected-rows"].title


def test_differing_only_in_leading_zeros_is_said(tmp_path: Path) -> None:
    tables = clean()
    tables["interactions"] = put(tables["interactions"], "item_id", [f"{n % 90 + 1:05d}" for n in range(4000)])
    tables["items"] = put(tables["items"], "item_id", [str(n + 1) for n in range(120)])
    assert "90 of them differ only in" in found(tmp_path, tables)["unknown-items"].title


def test_an_empty_shop_names_the_fix(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="endcap import"):
        run_checks(Lake(tmp_path), SHOP)


def test_every_check_is_documented() -> None:
    page = (Path(__file__).parents[3] / "docs" / "guide" / "data-checks.md").read_text("utf-8")
    spoken = {code for code, _, _ in DEFECTS} | {
        "long-tail",
        "leak-counts",
        "guest-orders",
        "rejected-rows",
        "same-instant",
    }
    missing = sorted(code for code in spoken if f"`{code}`" not in page)
    assert not missing
    assert all(check.__doc__ for check in CHECKS)
