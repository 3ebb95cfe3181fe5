"""Networks over the vectors of a row's fields. Imports PyTorch: to be imported where something is trained."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from endcap.recipes.neural.extras import needed
from endcap.recipes.neural.tabular_heads import Layout
from endcap.recipes.neural.tabular_rows import Shape
from endcap.types import Float32

torch = needed("torch")
nn = torch.nn

SMALL = 1e-4
"""Standard deviation of vectors before training: pairs start without a say, so that what fields say alone leads."""
FEW = 50_000
"""Parameters below which a step is over before a second thread has begun."""


@contextmanager
def one_thread(module: Any) -> Iterator[None]:
    """PyTorch on one thread where a module is too small for two to pay; a kernel of numba may have asked for more."""
    before = torch.get_num_threads()
    if sum(each.numel() for each in getattr(module, "head", module).parameters()) < FEW:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class Tabular(torch.nn.Module):  # type: ignore[misc, name-defined]
    """A table of vectors, summed by field, and a head over them: codes and weights of slots in, logits out."""

    def __init__(self, shape: Shape, layout: Layout) -> None:
        super().__init__()
        self.head = HEADS[layout.kind](shape.fields, layout)
        self.table = nn.Parameter(torch.randn(1 + shape.features, layout.columns) * SMALL)
        self.fields = shape.fields
        self.register_buffer("field_of", torch.tensor(shape.field_of))

    def forward(self, codes: Any, weights: Any) -> Any:
        """float [m] logits of int64 and float [m, slots]."""
        found = nn.functional.embedding(codes, self.table) * weights[:, :, None]
        if self.fields < len(self.field_of):
            found = found.new_zeros(len(found), self.fields, found.shape[2]).index_add_(1, self.field_of, found)
        return self.head(found)

    def parameters_of_head(self) -> Float32:
        """float32 [p]: what `tabular_heads.Head` reads, normalisation folded into the linear maps before it."""
        folded = [*(_plain(layer) for layer in getattr(self.head, "crosses", ())), *_folded(self.head.deep)]
        folded.append(_plain(self.head.out))
        return np.concatenate([each.detach().numpy().ravel() for pair in folded for each in pair]).astype(np.float32)

    def penalty(self) -> Any:
        """Half the sum of squares of all vectors."""
        return 0.5 * self.table.square().sum()


def perceptron(inputs: int, hidden: tuple[int, ...], dropout: float) -> Any:
    """Layers of a linear map, batch normalisation (Ioffe and Szegedy 2015), ReLU and dropout."""
    layers: list[Any] = []
    for width in hidden:
        layers += [nn.Linear(inputs, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Dropout(dropout)]
        inputs = width
    return nn.Sequential(*layers)


class FFNN(torch.nn.Module):  # type: ignore[misc, name-defined]
    """logit = MLP(vectors side by side)."""

    def __init__(self, fields: int, layout: Layout) -> None:
        super().__init__()
        inputs = fields * layout.width
        self.deep = perceptron(inputs, layout.hidden, layout.dropout)
        self.out = nn.Linear((inputs, *layout.hidden)[-1], 1)

    def forward(self, vectors: Any) -> Any:
        """float [m] logits of float [m, fields, columns]."""
        return self.out(self.deep(vectors.flatten(1))).squeeze(1)


class DeepFM(FFNN):
    """logit = w₀ + Σ_f w_f + Σ_{f<g} ⟨v_f, v_g⟩ + MLP(v side by side); the last column holds w."""

    def forward(self, vectors: Any) -> Any:
        """float [m] logits of float [m, fields, columns]."""
        factors = vectors[:, :, :-1]
        pairs = 0.5 * (factors.sum(1).square() - factors.square().sum(1)).sum(1)
        return vectors[:, :, -1].sum(1) + pairs + super().forward(factors)


class DCN(torch.nn.Module):  # type: ignore[misc, name-defined]
    """logit = w · [x_L, MLP(x₀)], x_{l+1} = x₀ ⊙ (W_l x_l + b_l) + x_l, x₀ the vectors side by side."""

    def __init__(self, fields: int, layout: Layout) -> None:
        super().__init__()
        inputs = fields * layout.width
        self.crosses = nn.ModuleList(nn.Linear(inputs, inputs) for _ in range(layout.crosses))
        self.deep = perceptron(inputs, layout.hidden, layout.dropout)
        self.out = nn.Linear(inputs + (inputs, *layout.hidden)[-1], 1)

    def forward(self, vectors: Any) -> Any:
        """float [m] logits of float [m, fields, columns]."""
        first = vectors.flatten(1)
        crossed = first
        for layer in self.crosses:
            crossed = first * layer(crossed) + crossed
        return self.out(torch.cat([crossed, self.deep(first)], dim=1)).squeeze(1)


def _plain(layer: Any) -> tuple[Any, Any]:
    """(matrix [inputs, outputs], offsets) of a linear map."""
    return layer.weight.T, layer.bias


def _folded(deep: Any) -> list[tuple[Any, Any]]:
    """The linear maps of a perceptron, each with the normalisation that follows it."""
    found = []
    for linear, norm in zip(deep[::4], deep[1::4], strict=True):
        scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        matrix, offset = _plain(linear)
        found.append((matrix * scale, (offset - norm.running_mean) * scale + norm.bias))
    return found


HEADS: dict[str, Any] = {"dcn": DCN, "deepfm": DeepFM, "ffnn": FFNN}
