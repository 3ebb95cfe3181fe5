"""What the lake remembers of the event log outside its tables: how far all of it is in, and what was dropped.

<root>/log/<identity>.json                        how far each partition is in the lake, of all shops
<root>/log/<account>/<region>/<shop>.json         offsets up to which nothing of the shop is wanted any more
<root>/log/<account>/<region>/<shop>/<job>.json   whose rows a running job removes
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa

from endcap.errors import ArtefactError
from endcap.lake.locks import locked, make_directory
from endcap.lake.offsets import TableKind
from endcap.seams import Disk
from endcap.types import ShopKey

_ALL = "*"


class Places:
    """Small files, replaced whole and durably."""

    def __init__(self, root: Path, disk: Disk) -> None:
        self.folder, self._disk = root / "log", disk

    def sunk(self, log: str) -> dict[int, int]:
        """By partition of a log: all records up to here are in the lake."""
        return {int(number): int(n) for number, n in _read(self.folder / f"{log}.json").items()}

    def note_sunk(self, log: str, upto: dict[int, int]) -> None:
        """Remember it; never backwards."""
        held = self.sunk(log)
        merged = {str(number): max(n, held.get(number, 0)) for number, n in {**held, **upto}.items()}
        self._write(self.folder / f"{log}.json", merged)

    def dropped(self, shop: ShopKey, kind: TableKind, log: str) -> dict[int, int]:
        """By partition: records of this table up to here are not wanted, because it was dropped after them."""
        found: dict[int, int] = {}
        for ends in (_read(self._of(shop)).get(log, {}).get(name, []) for name in (_ALL, kind)):
            for number, n in enumerate(ends):
                found[number] = max(n, found.get(number, 0))
        return found

    def note_dropped(self, shop: ShopKey, kind: TableKind | None, log: str, ends: tuple[int, ...]) -> None:
        """Want nothing of a table (all of them where None) that the log holds up to now."""
        path = self._of(shop)
        make_directory(path.parent, self._disk)
        with locked(path.with_suffix(".lock")):
            held = _read(path)
            of_log = held.get(log, {})
            self._write(path, {log: {**of_log, kind or _ALL: list(ends)}})  # older logs are gone for good

    def removal(self, shop: ShopKey, job: str, whose: Callable[[], pa.Array]) -> pa.Array:
        """Whose rows a job removes: as it was found when the job began, by `whose` where it begins now."""
        path = self._removal(shop, job)
        if not path.exists():
            self._write(path, {"users": whose().to_pylist()})
        return pa.array(_read(path)["users"], pa.string())

    def end_removal(self, shop: ShopKey, job: str) -> None:
        """Forget whose rows were removed."""
        path = self._removal(shop, job)
        self._disk.remove(path)
        self._disk.fsync(path.parent)

    def _removal(self, shop: ShopKey, job: str) -> Path:
        return self._of(shop).with_suffix("") / f"{job}.json"

    def _of(self, shop: ShopKey) -> Path:
        account, region, group = shop.parts()
        return self.folder / account / region / f"{group}.json"

    def _write(self, path: Path, content: Any) -> None:
        make_directory(path.parent, self._disk)
        waiting = path.with_suffix(".writing")
        self._disk.write(waiting, json.dumps(content).encode())
        self._disk.rename(waiting, path)
        self._disk.fsync(path.parent)


def _read(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise ArtefactError(f"{path} is damaged: {error}.", fix="Restore it from a backup.") from error
    return found
