"""Losses of the neural recipes, each written once. All take logits and give the mean over what counts.

Sampled softmax: Bengio and Senécal 2008; the correction by the log of how likely each negative was to be drawn (logQ)
after Yi et al. 2019, "Sampling-bias-corrected neural modeling", the target left out of it as in Khrylchenko et al.
2025, "Correcting the LogQ correction".
"""

from __future__ import annotations

import math
from typing import Any

from endcap.recipes.neural.extras import needed

torch = needed("torch")
functional = torch.nn.functional

CHUNK = 512
"""Rows of logits held at once: few enough to stay in a processor's cache, enough to keep matrix products busy."""
SMALLEST = 1e-37
"""The smallest likelihood whose logarithm is taken."""
NEARLY = 1e-6
"""The least share of the negatives' sum that is left when the target is taken out."""


def cross_entropy(logits: Any, targets: Any, weights: Any | None = None) -> Any:
    """Mean −log softmax(logits)[target]; logits float [m, n], targets int64 [m], weights float [m] ≥ 0 or None."""
    if weights is None:
        return functional.cross_entropy(logits.float(), targets)
    each = functional.cross_entropy(logits.float(), targets, reduction="none")
    return (each * weights).sum() / weights.sum().clamp_min(SMALLEST)


def full_softmax(states: Any, vectors: Any, targets: Any, weights: Any | None = None, owner: Any | None = None) -> Any:
    """Cross-entropy over the whole catalogue; states float [m, d], vectors float [n, d], targets int64 [k], weights
    float [k] ≥ 0 or None. `owner` int64 [k], ascending, says which state foretells each target; None: each its own.

    Logits are never held for more than `CHUNK` states: each chunk's gradient is made while its logits are in the cache.
    """
    if weights is None:
        weights = torch.ones(len(targets), device=states.device)
    return _FullSoftmax.apply(states, vectors, targets, weights.float() / weights.sum().clamp_min(SMALLEST), owner)


class _FullSoftmax(torch.autograd.Function):  # type: ignore[misc,name-defined]
    """The mean cross-entropy and, in the same pass, its gradients: three matrix products a chunk, none repeated."""

    @staticmethod
    def forward(context: Any, states: Any, vectors: Any, targets: Any, weights: Any, owner: Any) -> Any:
        kind = states.device.type
        dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else states.dtype
        left, right = states.detach().to(dtype), vectors.detach().to(dtype)
        of_states, of_vectors = torch.empty_like(left), torch.zeros_like(vectors, dtype=torch.float32)
        total = torch.zeros((), dtype=torch.float32, device=states.device)
        if owner is None:
            owner = torch.arange(len(targets), device=states.device)
        starts = torch.arange(0, len(left) + CHUNK, CHUNK, device=states.device)
        for start, low, high in zip(starts.tolist(), *_bounds(owner, starts), strict=False):
            part, counts, wanted = left[start : start + CHUNK], weights[low:high], targets[low:high]
            of = owner[low:high] - start
            slope = torch.mm(part, right.T).softmax(1, dtype=torch.float32)
            total -= (slope[of, wanted].clamp_min(SMALLEST).log() * counts).sum()
            slope.mul_(torch.zeros(len(part), device=slope.device).index_add_(0, of, counts)[:, None])
            slope.index_put_((of, wanted), -counts, accumulate=True)
            slope = slope.to(dtype)
            of_states[start : start + CHUNK] = torch.mm(slope, right)
            of_vectors += torch.mm(slope.T, part)
        context.save_for_backward(of_states, of_vectors)
        context.dtypes = states.dtype, vectors.dtype
        return total

    @staticmethod
    def backward(context: Any, *slopes: Any) -> tuple[Any, Any, None, None, None]:
        of_states, of_vectors = context.saved_tensors
        first, second = context.dtypes
        return (of_states * slopes[0]).to(first), (of_vectors * slopes[0]).to(second), None, None, None


def _bounds(owner: Any, starts: Any) -> tuple[list[int], list[int]]:
    """Where the targets of each chunk of states begin and end."""
    edges = torch.searchsorted(owner, starts).tolist()
    return edges[:-1], edges[1:]


def sampled_softmax(
    states: Any,
    vectors: Any,
    targets: Any,
    negatives: Any,
    log_share: Any,
    weights: Any | None = None,
    owner: Any | None = None,
) -> Any:
    """Cross-entropy of each target against the same many negatives, which stand for the whole catalogue.

    states float [m, d], vectors float [n, d], targets int64 [t], negatives int64 [k] (drawn with replacement),
    log_share float [n]: log Q of drawing each item once; `owner` as in `full_softmax`. Each negative counts
    e^s / (k Q), so that the sum of all is what the catalogue's would be; the target is there for certain and counts as
    it is. A negative that is the target does not count.
    """
    drawn = log_share + math.log(len(negatives))
    whole = ((states @ vectors[negatives].T).float() - drawn[negatives]).logsumexp(1)
    if owner is not None:
        states, whole = states[owner], whole[owner]
    wanted = (states * vectors[targets]).sum(-1).float()
    # What the target itself adds to the sum is taken out of it again, so that states with many targets are summed once.
    often = torch.bincount(negatives, minlength=len(log_share))[targets]
    own = (often.log() + wanted - drawn[targets] - whole).exp().clamp_max(1 - NEARLY)
    each = functional.softplus(whole + torch.log1p(-own) - wanted)
    return each.mean() if weights is None else (each * weights).sum() / weights.sum().clamp_min(SMALLEST)


def binary(logits: Any, labels: Any, weights: Any | None = None) -> Any:
    """Mean binary cross-entropy; logits and labels (0 … 1) float of one shape, weights likewise or None."""
    labels = labels.float()
    if weights is None:
        return functional.binary_cross_entropy_with_logits(logits.float(), labels)
    each = functional.binary_cross_entropy_with_logits(logits.float(), labels, reduction="none")
    return (each * weights).sum() / weights.sum().clamp_min(1e-12)


def binary_against(states: Any, vectors: Any, targets: Any, negatives: Any) -> Any:
    """Binary cross-entropy of each target (1) and of its own negatives (0); negatives int64 [m, k].

    The original loss of SASRec (Kang and McAuley 2018), there with one negative.
    """
    wanted = (states * vectors[targets]).sum(-1, keepdim=True)
    others = torch.einsum("md,mkd->mk", states, vectors[negatives])
    labels = torch.cat([torch.ones_like(wanted), torch.zeros_like(others)], dim=1)
    return binary(torch.cat([wanted, others], dim=1), labels)
