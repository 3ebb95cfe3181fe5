"""A shop's append-only catalogue index: external item id ↔ int32 ordinal, never reused.

Models, filter bitmaps and feature matrices keep ordinals, so an item keeps its own even after it has left the
catalogue and come back. Stored as immutable chunks `<first>-<end>.arrow`, each published by one rename.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from endcap.errors import ArtefactError, ResourceError
from endcap.lake.locks import locked, make_directory
from endcap.seams import Disk
from endcap.types import Int32

MOST_CHUNKS = 16
"""Above this, the chunks are written again as one."""
MOST_ITEMS = 2**31 - 1
_CHUNK = re.compile(r"(\d{10})-(\d{10})\.arrow")
_ATTEMPTS = 5


class CatalogueIndex:
    """Ordinals of every item a shop has ever had, in the order in which they came."""

    def __init__(self, directory: Path, disk: Disk | None = None) -> None:
        self.directory = directory
        self._disk = disk or Disk()

    def ids(self) -> pa.Array:
        """string [n]: external ids, the position being the ordinal. Raises `ArtefactError` for a damaged index."""
        for _ in range(_ATTEMPTS):
            try:
                parts = [_read(path, stop - start) for start, stop, path in self._chunks()]
            except FileNotFoundError:  # merged into one chunk by a writer since the directory was listed
                continue
            return pa.concat_arrays(parts) if parts else pa.nulls(0, pa.string())  # pa.array would import pandas
        raise ArtefactError(f"The catalogue index in {self.directory} keeps changing while it is read.", fix="Retry.")

    def __len__(self) -> int:
        chunks = self._chunks()
        return chunks[-1][1] if chunks else 0

    def ordinals(self, ids: pa.Array) -> Int32:
        """int32 ordinals of external ids, -1 where unknown."""
        found = pc.index_in(ids.cast(pa.string()), value_set=self.ids())
        return np.asarray(pc.fill_null(found, -1).to_numpy(zero_copy_only=False), np.int32)

    def extend(self, ids: pa.Array) -> int:
        """Give each id without an ordinal the next one, in the given order; durable on return. How many were new."""
        make_directory(self.directory, self._disk)
        with locked(self.directory / ".lock"):
            known = self.ids()
            wanted = ids.cast(pa.string()).unique()
            fresh = wanted.filter(pc.and_(pc.is_valid(wanted), pc.invert(pc.is_in(wanted, value_set=known))))
            if len(fresh):
                if len(known) + len(fresh) > MOST_ITEMS:
                    raise ResourceError(f"A catalogue holds at most {MOST_ITEMS} items.", fix="Split the shop.")
                self._write(len(known), fresh)
                self._merge(pa.concat_arrays([known, fresh]))
            return len(fresh)

    def _chunks(self) -> list[tuple[int, int, Path]]:
        """The chunks that cover the index from 0 on, without gaps, the widest first where several begin alike."""
        found: dict[int, tuple[int, int, Path]] = {}
        for path in self.directory.glob("*.arrow"):
            match = _CHUNK.fullmatch(path.name)
            if match and int(match[1]) < int(match[2]):
                start, stop = int(match[1]), int(match[2])
                found[start] = max(found.get(start, (start, 0, path)), (start, stop, path))
        chunks: list[tuple[int, int, Path]] = []
        while (end := chunks[-1][1] if chunks else 0) in found:
            chunks.append(found[end])
        if any(stop > end for _, stop, _ in found.values()):
            raise ArtefactError(
                f"The catalogue index in {self.directory} has a gap after ordinal {end}.",
                fix="Restore the missing chunk from a backup.",
            )
        return chunks

    def _write(self, start: int, ids: pa.Array) -> None:
        sink = pa.BufferOutputStream()
        batch = pa.record_batch([ids], names=["item_id"])
        with pa.ipc.new_file(sink, batch.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
            writer.write_batch(batch)
        target = self.directory / f"{start:010d}-{start + len(ids):010d}.arrow"
        temporary = target.with_suffix(".tmp")
        self._disk.write(temporary, sink.getvalue().to_pybytes())
        self._disk.rename(temporary, target)
        self._disk.fsync(self.directory)

    def _merge(self, ids: pa.Array) -> None:
        if len(list(self.directory.glob("*.arrow"))) <= MOST_CHUNKS:
            return
        self._write(0, ids)
        for path in self.directory.glob("*.arrow"):
            if path.name != f"{0:010d}-{len(ids):010d}.arrow":
                path.unlink()


def _read(path: Path, size: int) -> pa.Array:
    try:
        with pa.ipc.open_file(pa.py_buffer(path.read_bytes())) as reader:
            column = reader.read_all()["item_id"].combine_chunks().cast(pa.string())
    except (pa.ArrowInvalid, KeyError) as error:
        raise ArtefactError(f"{path} is damaged: {error}.", fix="Restore it from a backup.") from error
    if len(column) != size:
        raise ArtefactError(f"{path} holds {len(column)} ids, expected {size}.", fix="Restore it from a backup.")
    return column
