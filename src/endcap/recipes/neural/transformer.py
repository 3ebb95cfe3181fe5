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

FAR = -1e9
"""Added to what may not be looked at, before the softmax."""


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
        return self._onwards(x, seen.transpose(1, 2).reshape(b, t, d))

    def written_out(self, x: Any, mask: Any, last: Any | None = None) -> Any:
        """The same in plain products, for ONNX.

        `mask` is float [t, t] of 0 and `FAR`; given `last` int64 [b], only the state of that step, float [b, 1, d].
        """
        b, t, d = x.shape
        size = d // self.heads
        width = self.projection.weight.shape[1]
        inside = self.before_attention(x)
        k, v = (self._heads(inside, low, b, t, size) for low in (width, 2 * width))
        if last is not None:
            rows = last[:, None, None].expand(b, 1, d)
            x, inside = x.gather(1, rows), inside.gather(1, rows)
            # What comes after the last step is padding: a row of the mask says so.
            mask = mask[last][:, None, None, :]
        q = self._heads(inside, 0, b, inside.shape[1], size) * size**-0.5
        seen = torch.matmul((torch.matmul(q, k.transpose(2, 3)) + mask).softmax(-1), v)
        return self._onwards(x, seen.transpose(1, 2).reshape(b, seen.shape[2], d))

    def _heads(self, x: Any, low: int, b: int, t: int, size: int) -> Any:
        """Rows `low` on of the projection, float [b, heads, t, size]."""
        d = self.heads * size
        part = functional.linear(x, self.projection.weight[low : low + d], self.projection.bias[low : low + d])
        return part.view(b, t, self.heads, size).transpose(1, 2)

    def _onwards(self, x: Any, seen: Any) -> Any:
        x = x + self.drop(self.mixed(seen))
        return x + self.drop(self.narrow(self.drop(functional.gelu(self.wide(self.before_forward(x))))))


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


class Last(nn.Module):  # type: ignore[misc,name-defined]
    """The state after the last of so many steps, for queries: float [b, t, d] and int64 [b] to float [b, d]."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, steps: Any, last: Any) -> Any:
        t = steps.shape[1]
        place = torch.arange(t, device=steps.device)
        mask = (place[None, :] > place[:, None]).to(steps.dtype) * FAR
        *before, final = self.encoder.blocks
        for block in before:
            steps = block.written_out(steps, mask)
        return self.encoder.after(final.written_out(steps, mask, last)[:, 0])


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
