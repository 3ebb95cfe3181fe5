"""Semantic similarity passes the recipe contract; its vectors come from files at hand, never from the network."""

import socket
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from safetensors.numpy import save_file
from scipy import sparse
from tokenizers import Tokenizer, models, pre_tokenizers

from endcap.errors import InputError, ResourceError
from endcap.lake.dataset import Dataset
from endcap.recipes import embeddings
from endcap.recipes.base import Recipe
from endcap.recipes.content import Content
from endcap.recipes.embeddings import is_bundled, text_model
from endcap.recipes.semantic import Semantic, compressed
from endcap.testing.datasets import checkerboard
from endcap.testing.recipes import RecipeContract


class TestSemantic(RecipeContract):
    """Without texts: who took the items stands in."""

    def make(self) -> Recipe:
        return Semantic(factors=8)


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network was asked for")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)


def told(*names: str) -> Dataset:
    shop = checkerboard()
    ids = shop.items.ids.to_pylist()
    return replace(shop, item_metadata=pa.table({"item_id": ids, "name": [*names, *[""] * (len(ids) - len(names))]}))


def model_at(folder: Path) -> Path:
    """Four words; sock and stocking mean the same."""
    words = {"sock": 0, "stocking": 1, "chair": 2, "[unk]": 3}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="[unk]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    vectors = np.array([[1, 0, 0, 0], [1, 0.1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]], np.float32)
    save_file({"embeddings": vectors}, str(folder / "model.safetensors"))
    return folder


@pytest.mark.usefixtures("offline")
def test_a_model_given_as_a_directory(tmp_path: Path) -> None:
    shop = told("sock", "chair", "stocking")
    for recipe in (Semantic(model=str(model_at(tmp_path))), Content(embeddings=str(tmp_path), meaning=1.0)):
        found = recipe.fit(shop).similar(np.array([0], np.int32), 1).items[0]
        assert shop.items.names(found) == shop.items.names(np.array([2], np.int32))


@pytest.mark.usefixtures("offline")
def test_the_model_of_the_extra_is_read_without_a_network() -> None:
    assert is_bundled(), "the tests need the extra text: pip install 'endcap[text]'"
    names = ("red wool socks", "blue knitted stockings", "oak garden chair", "wooden outdoor seat")
    shop = told(*names)
    model = Semantic().fit(shop)
    assert model.source_ == "model" and model.similar(np.array([0, 2], np.int32), 1).items[:, 0].tolist() == [1, 3]
    assert "wordllama" not in sys.modules


def test_without_the_extra_words_stand_in_and_asking_for_it_says_how(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embeddings, "find_spec", lambda name: None)
    model = Semantic(factors=4).fit(told("wool sock", "oak chair", "wool stocking", "oak seat"))
    assert model.source_ == "words" and model.similar(np.array([0], np.int32), 1).items[0].tolist() == [2]
    with pytest.raises(ResourceError, match="not installed") as refused:
        text_model()
    assert "endcap[text]" in refused.value.fix


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"There is no .*model\.safetensors"):
        text_model(str(tmp_path))
    model_at(tmp_path)
    save_file({"weights": np.zeros((2, 2), np.float32)}, str(tmp_path / "model.safetensors"))
    with pytest.raises(InputError, match="expected a matrix embeddings"):
        text_model(str(tmp_path))
    save_file({"embeddings": np.zeros((2, 2), np.float32)}, str(tmp_path / "model.safetensors"))
    with pytest.raises(InputError, match="has 2 vectors"):
        text_model(str(tmp_path))


def test_compression_keeps_what_a_full_decomposition_keeps() -> None:
    matrix = sparse.random(40, 30, 0.3, format="csr", random_state=1)
    found = compressed(matrix, 30, seed=0)
    np.testing.assert_allclose(found @ found.T, (matrix @ matrix.T).toarray(), atol=1e-5)
