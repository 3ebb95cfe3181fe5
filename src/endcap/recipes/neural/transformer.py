"""A causal transformer over a shopper's history (Kang and McAuley 2018), pre-norm, padded on the right.

Padding on the right needs no mask: what is real never looks at what comes after it. Positions count from the end of the
window, so that the newest event has the same one in every history.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from endcap.recipes.neural.extras import needed
from endcap.recipes.neural.layers import Dropout, ItemVectors

torch = needed("torch")
nn, functional = torch.nn, torch.nn.functional


@dataclass(frozen=True)
class Shape:
    """Sizes of the network: vectors of `width`, so many `blocks` and `heads`, windows of `length` steps."""

    width: int
    blocks: int
    heads: int
    length: int
    dropout: float
    kinds: int = 1
    gaps: int = 1


class Block(nn.Module):  # type: ignore[misc,name-defined]
    """Attention and a feed-forward network, each added to what came in."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        width = shape.width
        self.heads = shape.heads
        self.before_attention, self.before_forward = nn.LayerNorm(width), nn.LayerNorm(width)
        self.projection, self.mixed = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.wide, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.drop = Dropout(shape.dropout)

    def extra_repr(self) -> str:
        return f"heads={self.heads}"

    def forward(self, x: Any) -> Any:
        """float [b, t, d] to the same."""
        b, t, d = x.shape
        q, k, v = self.projection(self.before_attention(x)).view(b, t, 3, self.heads, d // self.heads).unbind(2)
        seen = functional.scaled_dot_product_attention(
            q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), is_causal=True
        )
        x = x + self.drop(self.mixed(seen.transpose(1, 2).reshape(b, t, d)))
        return x + self.drop(self.narrow(self.drop(functional.gelu(self.wide(self.before_forward(x))))))

    def packed(self, x: Any, mask: Any, last: Any | None = None) -> Any:
        """The same of histories that lie end to end, float [t, d], in few plain operations, for ONNX.

        `mask` is float [rows, t] of 0 and `FAR`. `last` int64 [rows] says whose states come, all of them when None.
        """
        d, inside = x.shape[1], self.before_attention(x)
        weight, bias, size = self.projection.weight, self.projection.bias, d // self.heads
        if last is None:
            made = functional.linear(inside, weight, bias)
            asking, others = made[:, :d], made[:, d:]
        else:
            asking = functional.linear(torch.index_select(inside, 0, last), weight[:d], bias[:d])
            others = functional.linear(inside, weight[d:], bias[d:])
            x = torch.index_select(x, 0, last)
        seen = []
        for low in range(0, d, size):
            q, k, v = (each[:, at : at + size] for each, at in ((asking, low), (others, low), (others, d + low)))
            seen.append(torch.matmul(torch.addmm(mask, q, k.T, alpha=size**-0.5).softmax(-1), v))
        x = x + self.mixed(torch.cat(seen, dim=1))
        return x + self.narrow(functional.gelu(self.wide(self.before_forward(x))))


class Encoder(nn.Module):  # type: ignore[misc,name-defined]
    """Embedded steps to states."""

    def __init__(self, shape: Shape, *, checkpointed: bool = False) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.blocks))
        self.after = nn.LayerNorm(shape.width)
        self.checkpointed = checkpointed

    def forward(self, x: Any) -> Any:
        """float [b, t, d] to the same; memory for one block at a time where `checkpointed`."""
        for block in self.blocks:
            if self.checkpointed and self.training:
                x = torch.utils.checkpoint.checkpoint(block, x, use_reentrant=False)
            else:
                x = block(x)
        return self.after(x)


class Packed(nn.Module):  # type: ignore[misc,name-defined]
    """The states after the last steps of histories that lie end to end, for queries (`packing.embedded`)."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, steps: Any, mask: Any, last: Any) -> Any:
        """float [r, d] of float [t, d], float [t, t] and int64 [r]."""
        *before, final = self.encoder.blocks
        for block in before:
            steps = block.packed(steps, mask)
        return self.encoder.after(final.packed(steps, torch.index_select(mask, 0, last), last))


class SequenceModel(nn.Module):  # type: ignore[misc,name-defined]
    """The whole network: items, positions, event types and time gaps to states that point at the next item."""

    def __init__(self, n: int, shape: Shape, features: Any | None = None, *, checkpointed: bool = False) -> None:
        super().__init__()
        self.shape = shape
        self.items = ItemVectors(n, shape.width, features)
        self.positions = nn.Parameter(torch.randn(shape.length, shape.width) * 0.02)
        self.kinds = nn.Parameter(torch.zeros(shape.kinds, shape.width))
        self.gaps = nn.Parameter(torch.zeros(shape.gaps, shape.width))
        self.drop = Dropout(shape.dropout)
        self.encoder = Encoder(shape, checkpointed=checkpointed)

    def forward(self, vectors: Any, batch: dict[str, Any]) -> Any:
        """float [b, t, d] states of a batch of windows, given the items' vectors float [n, d]."""
        item = batch["item"]
        t = item.shape[1]
        lengths = (batch["target"] >= 0).sum(1)
        position = (self.shape.length - lengths[:, None] + torch.arange(t, device=item.device)).clamp_max(
            self.shape.length - 1
        )
        x = functional.embedding(item, vectors) * self.shape.width**0.5 + self.positions[position]
        if self.shape.kinds > 1:
            x = x + self.kinds[batch["kind"]]
        if self.shape.gaps > 1:
            x = x + self.gaps[batch["gap"]]
        return self.encoder(self.drop(x))
