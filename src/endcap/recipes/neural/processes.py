"""Several processes that train one model together, started by `torchrun`, and where a training leaves its checkpoints.

Both are set around a fit, which knows neither the environment nor a folder:

    with joined(os.environ), checkpoints_in(folder):
        recipe.fit(dataset)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from endcap.errors import InputError
from endcap.recipes.neural.extras import needed


class Checkpoints(NamedTuple):
    """Where checkpoints lie, and the least seconds of training between two."""

    folder: Path | None = None
    every: float = 0.0


_kept: ContextVar[Checkpoints] = ContextVar("checkpoints", default=Checkpoints())  # noqa: B039 - it cannot be changed


@contextmanager
def checkpoints_in(folder: Path, *, every: float = 0.0) -> Iterator[None]:
    """Trainings inside keep their checkpoints in `folder`, and go on from those that lie there and fit.

    A checkpoint is written after an epoch, at most one in `every` seconds.
    """
    token = _kept.set(Checkpoints(folder, every))
    try:
        yield
    finally:
        _kept.reset(token)


def checkpoints_kept() -> Checkpoints:
    """What `checkpoints_in` gave; no folder outside of it."""
    return _kept.get()


@dataclass(frozen=True)
class Place:
    """Which of how many processes this one is (`rank` of `world`), and which device of its machine it takes."""

    rank: int = 0
    world: int = 1
    local: int = 0

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Place:
        """From the variables that `torchrun` sets: RANK, WORLD_SIZE, LOCAL_RANK. Raises `InputError` for nonsense."""
        values = {name: environ.get(name, default) for name, default in _ALONE.items()}
        if not all(value.isdecimal() for value in values.values()):
            raise InputError(f"RANK, WORLD_SIZE and LOCAL_RANK are {values}, expected numbers.", fix="Use torchrun.")
        rank, world, local = (int(value) for value in values.values())
        if rank >= world:
            raise InputError(f"RANK is {rank} of WORLD_SIZE {world}, expected less.", fix="Start through torchrun.")
        return cls(rank, world, local)


_ALONE = {"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0"}


@contextmanager
def joined(environ: Mapping[str, str], *, rendezvous: str = "env://") -> Iterator[Place]:
    """Join the processes that `torchrun` started, and leave them at the end; alone, nothing happens.

    NCCL where there are GPUs, Gloo elsewhere. `rendezvous` is where they meet (`file:///…` works without torchrun).
    """
    place = Place.of(environ)
    if place.world == 1:
        yield place
        return
    torch = needed("torch")
    backend = "nccl" if torch.cuda.is_available() else "gloo"
    if torch.cuda.is_available():
        torch.cuda.set_device(place.local)
    torch.distributed.init_process_group(backend, init_method=rendezvous, rank=place.rank, world_size=place.world)
    try:
        yield place
    finally:
        torch.distributed.destroy_process_group()


def here() -> Place:
    """The place of this process in the group it has joined; alone outside of one."""
    torch = needed("torch")
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return Place()
    local = torch.cuda.current_device() if torch.cuda.is_available() else 0
    return Place(torch.distributed.get_rank(), torch.distributed.get_world_size(), local)
