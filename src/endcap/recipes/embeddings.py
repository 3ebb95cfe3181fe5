"""Vectors of texts from a table of token vectors: one look-up and one product, and nothing is fetched.

The weights come with a package (extra `text`: wordllama, 32,000 tokens of 256 numbers, in its wheel) or lie in a
directory in model2vec's layout: `model.safetensors` with one matrix `embeddings`, and `tokenizer.json`. Nothing is
fetched. What a recipe makes of them it stores in its artefact, so that serving needs neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file
from scipy import sparse

from endcap.errors import InputError, ResourceError
from endcap.types import Float32

if TYPE_CHECKING:
    from tokenizers import Tokenizer

PACKAGE = "wordllama"
BUNDLED = ("weights/l2_supercat_256.safetensors", "tokenizers/l2_supercat_tokenizer_config.json")
LAYOUT = ("model.safetensors", "tokenizer.json")
MATRICES = ("embeddings", "embedding.weight")
RARE = 1e-3
"""A token that is one in a thousand of all counts half of one that is never met."""
TEXTS_AT_ONCE = 4096


@dataclass(frozen=True)
class TextModel:
    """`vectors` float32 [tokens, d] and the tokenizer that numbers them."""

    vectors: Float32
    tokenizer: Tokenizer

    @property
    def size(self) -> int:
        """Length of a vector."""
        return int(self.vectors.shape[1])

    def embed(self, texts: Sequence[str]) -> Float32:
        """float32 [n, d], rows of length 1, or 0 for a text without tokens.

        Means of token vectors, rare tokens weighing more, without what all texts have in common (Arora, Liang and Ma
        2017, "A simple but tough-to-beat baseline for sentence embeddings"); frequencies are those of these texts.
        """
        counts = self._counts(texts)
        share = np.asarray(counts.sum(0)).ravel() / max(counts.sum(), 1)
        weighted = counts @ sparse.diags(RARE / (RARE + share))
        lengths = np.maximum(np.asarray(weighted.sum(1)).ravel(), 1e-12)
        found = np.asarray(sparse.diags(1 / lengths) @ weighted @ self.vectors, np.float32)
        known = np.diff(counts.indptr) > 0
        if np.count_nonzero(known) > self.size:  # of fewer texts what they share may be all they say
            _, basis = np.linalg.eigh(found[known].T @ found[known])
            common = basis[:, -1]
            found -= np.outer(found @ common, common)
        return _unit(found)

    def _counts(self, texts: Sequence[str]) -> sparse.csr_matrix:
        """float32 [n, tokens]: how often each text has each token."""
        numbers: list[list[int]] = []
        for start in range(0, len(texts), TEXTS_AT_ONCE):
            part = [text.lower() for text in texts[start : start + TEXTS_AT_ONCE]]
            numbers += [each.ids for each in self.tokenizer.encode_batch(part, add_special_tokens=False)]
        lengths = np.fromiter(map(len, numbers), np.int64, len(numbers))
        flat = np.fromiter((token for each in numbers for token in each), np.int32, int(lengths.sum()))
        indptr = np.concatenate(([0], np.cumsum(lengths)))
        shape = (len(texts), len(self.vectors))
        counts = sparse.csr_matrix((np.ones(len(flat), np.float32), flat, indptr), shape=shape)
        counts.sum_duplicates()
        return counts


def text_model(path: str = "") -> TextModel:
    """The model of a directory, or the one that comes with the extra `text` where none is given.

    Raises `ResourceError` where the extra is missing, `InputError` for a directory that does not hold a model.
    """
    weights, tokenizer = _bundled() if not path else tuple(Path(path) / name for name in LAYOUT)
    for file in (weights, tokenizer):
        if not file.is_file():
            raise InputError(f"There is no {file}.", fix=f"Give a directory with {' and '.join(LAYOUT)}.")
    try:
        from tokenizers import Tokenizer  # noqa: PLC0415 - part of the extra
    except ImportError:
        raise _missing() from None
    try:
        arrays = load_file(weights)
        chosen = next((arrays[name] for name in MATRICES if name in arrays), None)
    except (SafetensorError, OSError) as error:
        raise InputError(f"{weights} cannot be read: {error}.", fix="Expected safetensors.") from error
    if chosen is None or chosen.ndim != 2:
        raise InputError(f"{weights} holds {', '.join(arrays) or 'nothing'}, expected a matrix {MATRICES[0]}.")
    numbered = Tokenizer.from_file(str(tokenizer))
    numbered.no_padding()
    numbered.no_truncation()
    if numbered.get_vocab_size() > len(chosen):
        raise InputError(
            f"{tokenizer} numbers {numbered.get_vocab_size()} tokens, {weights} has {len(chosen)} vectors."
        )
    return TextModel(np.ascontiguousarray(chosen, np.float32), numbered)


def is_bundled() -> bool:
    """Whether the extra `text` is there."""
    return find_spec(PACKAGE) is not None


def _bundled() -> tuple[Path, Path]:
    # The package itself is never imported: it sets up logging, and looks for its tokenizer on the web.
    found = find_spec(PACKAGE)
    if found is None or found.origin is None:
        raise _missing()
    folder = Path(found.origin).parent
    return folder / BUNDLED[0], folder / BUNDLED[1]


def _missing() -> ResourceError:
    return ResourceError(
        "Text embeddings need a model, and the extra `text` is not installed.",
        fix="Install it: pip install 'endcap[text]'.",
    )


def _unit(vectors: Float32) -> Float32:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Float32 = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 1e-6)
    return unit
