"""The other side of benchmarks/features.py, run by Feast's own environment: the same values, `get_online_features`.

    .venv-feast/bin/python benchmarks/feast_peer.py FOLDER sqlite|redis [HOST:PORT]

FOLDER holds `items.parquet` and `users.parquet` (an id, float32 features, `event_timestamp`) and `requests.json`, a
list of [user, [items]]. Prints one JSON line: milliseconds of each request, and the values of the first one.
"""

from __future__ import annotations

import json
import os
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

os.environ["FEAST_USAGE"] = "False"

import pandas as pd
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig
from feast.types import Float32
from feast.value_type import ValueType


def store(folder: Path, online: dict[str, Any]) -> FeatureStore:
    """Both views applied and written to the online store."""
    config = RepoConfig(
        project="shop",
        registry=str(folder / f"registry-{online['type']}.db"),
        provider="local",
        online_store=online,
        offline_store={"type": "file"},
        entity_key_serialization_version=3,
    )
    made = FeatureStore(config=config)
    for name in ("items", "users"):
        frame = pd.read_parquet(folder / f"{name}.parquet")
        key = frame.columns[0]
        entity = Entity(name=name, join_keys=[key], value_type=ValueType.STRING)
        view = FeatureView(
            name=name,
            entities=[entity],
            ttl=timedelta(days=36500),
            schema=[Field(name=column, dtype=Float32) for column in frame.columns[1:-1]],
            source=FileSource(path=str(folder / f"{name}.parquet"), timestamp_field="event_timestamp"),
        )
        made.apply([entity, view])
        made.write_to_online_store(name, frame)
    return made


def main() -> None:
    """Write, warm up, measure, tell."""
    folder, kind = Path(sys.argv[1]), sys.argv[2]
    online: dict[str, Any] = {"type": kind}
    online |= {"path": str(folder / "online.db")} if kind == "sqlite" else {"connection_string": sys.argv[3]}
    feast = store(folder, online)
    names = [
        f"{view}:{column}"
        for view in ("items", "users")
        for column in pd.read_parquet(folder / f"{view}.parquet").columns[1:-1]
    ]
    requests = json.loads((folder / "requests.json").read_text())
    taken, first = [], None
    for number, (user, items) in enumerate(requests[:3] + requests):
        rows = [{"item_id": item, "user_id": user} for item in items]
        start = time.perf_counter()
        answer = feast.get_online_features(features=names, entity_rows=rows).to_dict()
        if number >= 3:
            taken.append((time.perf_counter() - start) * 1000)
        first = first or [answer[name.split(":")[1]] for name in names]
    print(json.dumps({"ms": taken, "first": first}))


if __name__ == "__main__":
    main()
