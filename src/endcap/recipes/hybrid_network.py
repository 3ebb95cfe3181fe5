"""The network of `hybrid`: what a list of candidates is worth beyond the sum of the sources' words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from endcap.recipes.hybrid_sources import Candidates
from endcap.seams import Progress
from endcap.types import Bool, Float32, Float64

STEPS = (0.25, 0.5, 0.75, 1.0)
"""Shares of what the network says that are tried on shoppers held back."""
BELIEF = 2.0
"""Standard errors that a gain must be."""
BATCH = 64


@dataclass(frozen=True)
class Network:
    """residual(x) = w₂ · relu(W₁ · (x - mean) / spread + b₁) of float32 [c] columns; nothing where it was not trained.

    `scale` float32 [2, c] mean and 1 / spread, `first` float32 [c + 1, h] with b₁ last, `second` float32 [h].
    """

    scale: Float32
    first: Float32
    second: Float32

    def residual(self, block: Float32) -> Float32:
        """float32 [q, d] of float32 [q, d, c], mean 0 over the candidates of a query."""
        if not len(self.second):
            return np.zeros(block.shape[:2], np.float32)
        rows = (block.reshape(-1, block.shape[2]) - self.scale[0]) * self.scale[1]
        hidden = rows @ self.first[:-1]
        hidden += self.first[-1]
        np.maximum(hidden, 0, out=hidden)
        found = (hidden @ self.second).reshape(block.shape[:2])
        return np.asarray(found - found.mean(axis=1, keepdims=True), np.float32)

    @classmethod
    def untrained(cls, columns: int) -> Network:
        """One that says nothing."""
        scale = np.stack((np.zeros(columns), np.ones(columns))).astype(np.float32)
        return cls(scale, np.zeros((columns + 1, 0), np.float32), np.zeros(0, np.float32))


@dataclass(frozen=True)
class Learning:
    """How a network is trained: hidden units, epochs, rate, weight decay, dropout, seed."""

    hidden: int = 16
    epochs: int = 30
    rate: float = 3e-3
    decay: float = 0.3
    dropout: float = 0.3
    seed: int = 0


def learn(
    asked: Candidates,
    taken: Bool,
    held: Bool,
    judge: Callable[[Float32], Float64],
    how: Learning,
    progress: Progress,
) -> tuple[Network, dict[str, float]]:
    """(the network, NDCG of shoppers held back with it and without).

    Trained on the queries not `held` (bool [q]) to make what was `taken` (bool [q, d]) likely among the candidates:
    the list-wise softmax of base + residual (Cao et al. 2007). `judge` gives the NDCG, float64 [held], of scores,
    float32 [held, d]. The share of the residual that does best on queries held back is kept, none unless what it gains
    there is more than `BELIEF` standard errors.
    """
    columns = asked.block.shape[2]
    answered: Bool = np.asarray(taken.any(axis=1))
    train = answered & ~held
    plain = judge(asked.base[held])
    nothing = Network.untrained(columns), {"with": float(plain.mean()), "without": float(plain.mean())}
    if train.sum() < 2 * BATCH or not answered[held].any():
        return nothing
    rows = asked.block[train]
    flat = rows[asked.items[train] >= 0]
    scale = np.stack((flat.mean(axis=0), 1 / np.maximum(flat.std(axis=0), 1e-3))).astype(np.float32)
    arrays = {
        "block": (rows - scale[0]) * scale[1],
        "base": asked.base[train],
        "taken": taken[train].astype(np.float32),
    }

    def judged(found: tuple[Float32, Float32]) -> float:
        return float(judge(_with(asked, held, Network(scale, *found), 1.0)).mean())

    first, second = _trained(arrays, judged, how, progress)
    network = Network(scale, first, second)
    gains = [judge(_with(asked, held, network, share)) - plain for share in STEPS]
    best = int(np.argmax([gain.mean() for gain in gains]))
    if gains[best].mean() <= BELIEF * gains[best].std() / np.sqrt(len(plain)):
        return nothing
    scaled = Network(scale, first, second * np.float32(STEPS[best]))
    return scaled, {"with": float((plain + gains[best]).mean()), "without": float(plain.mean())}


def _with(asked: Candidates, held: Bool, network: Network, share: float) -> Float32:
    return asked.base[held] + np.float32(share) * network.residual(asked.block[held])


def _says(taken: Any) -> Any:
    """[b], array or tensor: what a shopper counts in the loss who took so many."""
    return taken.clip(max=20) ** 0.5


def _trained(
    arrays: dict[str, Float32], judged: Callable[[tuple[Float32, Float32]], float], how: Learning, progress: Progress
) -> tuple[Float32, Float32]:
    from endcap.recipes.neural.batches import Rows  # noqa: PLC0415
    from endcap.recipes.neural.tabular_networks import one_thread  # noqa: PLC0415
    from endcap.recipes.neural.training import Descent, seeded, torch, train  # noqa: PLC0415

    with seeded(how.seed):
        module = torch.nn.Sequential(
            torch.nn.Linear(arrays["block"].shape[2], how.hidden),
            torch.nn.ReLU(),
            torch.nn.Dropout(how.dropout),
            torch.nn.Linear(how.hidden, 1, bias=False),
        )
        torch.nn.init.zeros_(module[3].weight)  # begins as the sum of the sources' words

    def loss_of(module: Any, batch: dict[str, Any]) -> Any:
        logs = torch.log_softmax(batch["base"] + module(batch["block"]).squeeze(2), dim=1)
        counts = batch["taken"].sum(1)
        share = _says(counts)
        return -((logs * batch["taken"]).sum(1) / counts * share).sum() / share.sum()

    def parts(module: Any) -> tuple[Float32, Float32]:
        first = torch.cat([module[0].weight.T, module[0].bias[None]]).detach().cpu().numpy()
        return first.astype(np.float32), module[3].weight[0].detach().cpu().numpy().astype(np.float32)

    with one_thread(module):
        train(
            module,
            Rows(arrays, BATCH, how.seed),
            loss_of,
            epochs=how.epochs,
            rate=Descent(how.rate, decay=how.decay, schedule="cosine"),
            seed=how.seed,
            weigh=lambda batch: float(_says(batch["taken"].sum(1)).sum()),
            validate=lambda module: judged(parts(module)),
            patience=8,
            progress=progress,
        )
    return parts(module)
