"""Batches of training examples: the same ones in the same order for the same seed and epoch."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from endcap.recipes.neural.extras import needed
from endcap.seams import rng
from endcap.types import Int64

Batch = Mapping[str, np.ndarray]
"""Named arrays whose first dimension is the rows of the batch."""


class Batches(Protocol):
    """What one epoch after the other is trained on; epochs count from 0."""

    def __len__(self) -> int:
        """Batches of one epoch."""
        ...

    def epoch(self, number: int) -> Iterator[Batch]:
        """The batches of one epoch, the same ones whenever asked."""
        ...

    def mark(self) -> str:
        """What tells them from batches of other data, or cut in another way."""
        ...


@dataclass(frozen=True)
class Rows:
    """Batches of `size` rows of arrays that lie in memory, shuffled anew for each epoch."""

    arrays: Mapping[str, np.ndarray]
    size: int
    seed: int = 0

    @property
    def n_rows(self) -> int:
        """Rows of one epoch."""
        return len(next(iter(self.arrays.values())))

    def __len__(self) -> int:
        return (self.n_rows + self.size - 1) // self.size

    def epoch(self, number: int) -> Iterator[Batch]:
        """Each row once."""
        for rows in shuffled(self.n_rows, self.size, self.seed, number):
            yield {name: array[rows] for name, array in self.arrays.items()}

    def mark(self) -> str:
        """Of all rows."""
        return mark_of(*self.arrays.values(), names=list(self.arrays), size=self.size, seed=self.seed)


def mark_of(*arrays: np.ndarray, **told: object) -> str:
    """A mark of these arrays and settings."""
    sums = [zlib.crc32(np.ascontiguousarray(array).data) for array in arrays]
    return repr((sums, told))


def shuffled(n: int, size: int, seed: int, epoch: int) -> Iterator[Int64]:
    """int64 row numbers of each batch of an epoch: every row once."""
    order = rng(seed * 1_000_003 + epoch).permutation(n)
    for start in range(0, n, size):
        yield order[start : start + size]


def rows_of(batch: Batch) -> int:
    """How many rows a batch has."""
    return len(next(iter(batch.values())))


def share_of(batch: Batch, rank: int, world: int, weigh: Callable[[Batch], float] = rows_of) -> tuple[Batch, float]:
    """The rows of a batch that one of `world` processes takes, each row one process's, and what its loss counts.

    `weigh` says what a batch's mean loss is a mean over: its rows, or the weights of its targets. Losses times what
    they count have the whole batch's loss as their mean over the processes, and so have their gradients. A process for
    which no row is left takes the first one, which counts nothing: it must do its part in each step.
    """
    if world == 1:
        return batch, 1.0
    rows = np.arange(rank, rows_of(batch), world)
    own = {name: array[rows if len(rows) else slice(1)] for name, array in batch.items()}
    whole = weigh(batch)
    return own, world * weigh(own) / whole if len(rows) and whole else 0.0


def tensors(batch: Batch, device: Any) -> dict[str, Any]:
    """A batch as PyTorch tensors on a device; int32 becomes int64, which indexing wants."""
    torch = needed("torch")
    made = {}
    for name, array in batch.items():
        tensor = torch.from_numpy(np.ascontiguousarray(array))
        tensor = tensor.long() if tensor.dtype in (torch.int32, torch.int16) else tensor
        if device.type == "cuda":
            tensor = tensor.pin_memory().to(device, non_blocking=True)
        made[name] = tensor
    return made
