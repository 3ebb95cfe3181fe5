"""A shop's past as files: Personalize-shaped CSV, `schemas/` and the truth. Only CSV files lie in the folder itself,
so that the folder as it is can be imported."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from endcap.errors import DataError, InputError
from endcap.seams import Progress, no_progress
from endcap.simulator.catalogue import catalogue_table
from endcap.simulator.past import blocks
from endcap.simulator.people import people_table
from endcap.simulator.schemas import FIELDS, TIMES, avro
from endcap.simulator.shop import Shop, open_shop
from endcap.simulator.truth import FORMAT, Tally, truth
from endcap.types import SECOND

TRUTH, SCHEMAS = Path("truth", "truth.json"), "schemas"


@dataclass(frozen=True)
class Written:
    """What was written: rows per file."""

    folder: Path
    rows: dict[str, int]


def write_files(shop: Shop, folder: Path, *, impressions: bool = True, progress: Progress = no_progress) -> Written:
    """Write interactions.csv, items.csv and users.csv, a schema of each, and the truth last; block by block.

    Raises `InputError` where the folder holds files of these names that no simulation wrote.
    """
    _claim(folder)
    counts = {"items": _table(folder, "items", catalogue_table(shop.theme, shop.catalogue, shop.seed))}
    counts["users"] = _table(folder, "users", people_table(shop))
    tally, count = Tally.empty(shop), 0
    options = csv.WriteOptions(quoting_style="none", batch_size=1 << 16)
    schema = pa.schema([(name, _csv_type(name)) for name in FIELDS["interactions"]])
    with (
        csv.CSVWriter(str(folder / "interactions.csv"), schema, write_options=options) as writer,
        progress("simulating", total=len(shop.population), unit="shoppers") as tick,
    ):
        for block in blocks(shop, impressions=impressions):
            writer.write_table(_shaped(block.interactions, "interactions").cast(schema))
            tally.add(block.tally)
            count += block.interactions.num_rows
            tick(len(block.dues))
    for kind in FIELDS:
        (folder / SCHEMAS / f"{kind}.json").write_text(avro(kind) + "\n", "utf-8")
    counts = {"interactions": count, **counts}
    (folder / TRUTH).write_text(json.dumps(truth(shop, tally, counts), indent=1, ensure_ascii=False) + "\n", "utf-8")
    return Written(folder, counts)


def read_shop(folder: Path) -> Shop:
    """The shop whose history was written to a folder. Raises `InputError` or `DataError`."""
    path = folder / TRUTH
    if not path.exists():
        raise InputError(f"There is no {path}.", fix="Write a history first: endcap simulate --out FOLDER.")
    try:
        told: dict[str, Any] = json.loads(path.read_text("utf-8"))
        given = told["shop"]
        if told["format"] != FORMAT:
            raise DataError(f"{path} has format {told['format']}, expected {FORMAT}.", fix="Simulate it again.")
        return open_shop(
            given["theme"],
            users=given["users"],
            items=given["items"],
            days=given["days"],
            seed=given["seed"],
            until=given["until"],
            visits=given["visits"],
        )
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is no truth of a simulated shop: {error!r}.", fix="Simulate it again.") from None


def _claim(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file, expected a folder.", fix="Name another with --out.")
    folder.mkdir(parents=True, exist_ok=True)
    others = [f"{kind}.csv" for kind in FIELDS if (folder / f"{kind}.csv").exists()]
    if others and not (folder / TRUTH).exists():
        raise InputError(f"{folder} holds {', '.join(others)} of another origin.", fix="Name another with --out.")
    (folder / TRUTH).unlink(missing_ok=True)
    for place in (folder / SCHEMAS, (folder / TRUTH).parent):
        place.mkdir(exist_ok=True)


def _table(folder: Path, kind: str, table: pa.Table) -> int:
    csv.write_csv(_shaped(table, kind), str(folder / f"{kind}.csv"))
    return int(table.num_rows)


def _shaped(table: pa.Table, kind: str) -> pa.Table:
    """Columns under their names on the wire, times in seconds."""
    columns = {}
    for name in FIELDS[kind]:
        column = table[name.lower()]
        columns[name] = pc.divide(column, SECOND) if name in TIMES else column
    return pa.table(columns)


def _csv_type(name: str) -> pa.DataType:
    if name in TIMES:
        return pa.int64()
    if name == "POSITION":
        return pa.int32()
    numbers = {"EVENT_VALUE", "QUANTITY", "PRICE", "DURATION", "RATING"}
    return pa.float64() if name in numbers else pa.string()
