"""Layers that several networks share."""

from __future__ import annotations

from typing import Any

from endcap.recipes.neural.extras import needed

torch = needed("torch")
nn, functional = torch.nn, torch.nn.functional


class Dropout(nn.Module):  # type: ignore[misc,name-defined]
    """Dropout whose share is a multiple of 1/256: on a CPU one random byte a number, in a third of the time."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.byte = round(share * 256)

    def forward(self, x: Any) -> Any:
        """`x` with some numbers zero and the others as much larger, in training."""
        if not self.training or not self.byte:
            return x
        if x.device.type != "cpu":
            return functional.dropout(x, self.byte / 256)
        words = torch.empty((x.numel() + 7) // 8, dtype=torch.int64).random_(-(2**63), 2**63 - 1)
        kept = words.view(torch.uint8)[: x.numel()].view(x.shape) >= self.byte
        return x * (kept.to(x.dtype) * (256 / (256 - self.byte)))


class ItemVectors(nn.Module):  # type: ignore[misc,name-defined]
    """A vector of each item: its own, and those of its features (float32 csr [n, features]).

    `forgotten` is the share of items whose own vector is left out of a training step, so that features alone learn to
    stand for an item that nothing else is known of.
    """

    def __init__(self, n: int, width: int, features: Any | None = None, *, forgotten: float = 0.0) -> None:
        super().__init__()
        spread = 0.02
        self.forgotten = forgotten
        self.own = nn.Parameter(torch.randn(n, width) * spread)
        self.of_features = None
        if features is not None and features.shape[1]:
            self.of_features = nn.Parameter(torch.randn(features.shape[1], width) * spread)
            for name in ("indptr", "indices", "data"):
                self.register_buffer(f"_{name}", torch.from_numpy(getattr(features, name).copy()), persistent=False)

    def forward(self) -> Any:
        """float [n, d]."""
        if self.of_features is None:
            return self.own
        told = functional.embedding_bag(
            self._indices.long(),
            self.of_features,
            self._indptr.long(),
            mode="sum",
            per_sample_weights=self._data,
            include_last_offset=True,
        )
        if self.training and self.forgotten:
            return told + self.own * (torch.rand(len(self.own), 1, device=self.own.device) >= self.forgotten)
        return self.own + told

    def of_features_alone(self) -> Any:
        """float [n, d]: what the features say; zero for an item without any."""
        return self() - self.own
