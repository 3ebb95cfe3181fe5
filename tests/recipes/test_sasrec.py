"""SASRec: the contract, and what it looks at."""

from __future__ import annotations

import os
import sys
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
import torch

from endcap.errors import ResourceError
from endcap.lake.dataset import Dataset
from endcap.recipes.artefact import dump, load
from endcap.recipes.base import Recipe
from endcap.recipes.neural.batches import tensors
from endcap.recipes.neural.memory import pays, room
from endcap.recipes.neural.packing import embedded, groups
from endcap.recipes.neural.sequence_fit import batch_rows, largest_batch
from endcap.recipes.neural.sequences import GAPS, Steps, Windows
from endcap.recipes.neural.transformer import Packed, SequenceModel, Shape
from endcap.recipes.queries import Queries
from endcap.recipes.sasrec import SASRec
from endcap.testing.datasets import START, checkerboard, random_shop
from endcap.testing.recipes import RecipeContract
from endcap.types import DAY, MINUTE, Query


def tiny(**more: object) -> SASRec:
    settings = {"factors": 16, "blocks": 1, "length": 16, "epochs": 15, "holdout": 0.0, "dropout": 0.1, "rate": 0.01}
    return SASRec(**{**settings, **more})  # type: ignore[arg-type]


class TestSASRec(RecipeContract):
    def make(self) -> Recipe:
        return tiny()

    def brief(self) -> Recipe:
        return tiny(epochs=1)


def test_strangers_get_no_vector() -> None:
    model = tiny(epochs=1).fit(random_shop(1))
    assert np.isnan(model.query_vectors(Queries.about(np.full(2, -1, np.int32)))).all()
    assert not np.isnan(model.query_vectors(Queries.about(np.zeros(2, np.int32)))).any()


def test_what_serves_is_what_was_trained() -> None:
    """Histories end to end through ONNX, one alone or several together, are rows padded through PyTorch."""
    torch.manual_seed(0)
    shape = Shape(width=8, blocks=2, heads=2, length=6, dropout=0.0, kinds=3, gaps=GAPS)
    module = SequenceModel(20, shape).eval()
    for weight in (module.kinds, module.gaps):
        torch.nn.init.normal_(weight)
    draws = np.random.default_rng(0)
    lengths = np.array([3, 0, 9, 1, 5])
    indptr = np.concatenate(([0], np.cumsum(lengths)))
    time = np.sort(draws.integers(0, 10**10, indptr[-1]))
    types, ones = draws.integers(-1, 2, indptr[-1]).astype(np.int16), np.ones(indptr[-1], np.float32)
    item, current = draws.integers(0, 20, indptr[-1]).astype(np.int32), np.array([-1, -1, 4, 7, -1], np.int32)
    now, users = np.full(5, 2 * 10**10), np.full(5, -1, np.int32)
    queries = Queries(indptr, item, time, types, ones, np.zeros_like(time), now, current, users)
    steps = Steps.of_queries(queries, timed=True, most=shape.length)
    given, there = steps.padded(steps.indptr[:-1], steps.lengths)
    with torch.no_grad():
        states = module(module.items(), tensors({**given, "target": there.astype(np.int32) - 1}, torch.device("cpu")))
    fitted = [module.items(), module.positions, module.kinds, module.gaps]
    arrays = [each.detach().numpy() for each in fitted]
    for rows in (np.array([3, 0, 4, 2]), np.array([2]), np.array([1])):
        packed, mask, last = embedded(queries, rows, *arrays)
        assert len(last) == (steps.lengths[rows] > 0).sum() and mask.shape == (len(packed),) * 2
        if len(last):
            with torch.no_grad():
                found = Packed(module.encoder)(*(torch.from_numpy(each) for each in (packed, mask, last)))
            np.testing.assert_allclose(found.numpy(), states.numpy()[rows, steps.lengths[rows] - 1], atol=1e-5)
    held = [rows.tolist() for rows in groups(queries, shape.length)]
    assert sorted(row for each in held for row in each) == [0, 2, 3, 4]


def test_serving_needs_no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = random_shop(1)
    made = dump(tiny(epochs=1).fit(shop))
    monkeypatch.setitem(sys.modules, "torch", None)
    assert load(*made).recommend(Queries.histories(shop), 3).items.shape == (shop.n_users, 3)
    with pytest.raises(ResourceError, match=r"endcap\[deep\]"):
        tiny(epochs=1).fit(shop)


def clicks(kinds: bool) -> Dataset:
    """After a: b within a minute, or c a day later; with `kinds`, b after a view and c after a cart, at once."""
    rows = []
    for user in range(40):
        odd = user % 2
        wait = MINUTE if not odd or kinds else DAY
        rows += [(f"u{user}", "x", START, "view")]
        rows += [(f"u{user}", "a", START + wait, "cart" if odd and kinds else "view")]
        rows += [(f"u{user}", "bc"[odd], START + 2 * wait, "view")]
    names = ("user_id", "item_id", "timestamp", "event_type")
    return Dataset.from_table(pa.table(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))))


@pytest.mark.parametrize("kinds", [True, False])
def test_event_types_and_time_between_events_are_looked_at(kinds: bool) -> None:
    shop = clicks(kinds)
    model = tiny(epochs=25).fit(shop)
    later = (START, START + (MINUTE if kinds else DAY))
    asked = [
        Query(("x", "a"), (START, START + MINUTE), ("view", "view")),
        Query(("x", "a"), later, ("view", "cart" if kinds else "view")),
    ]
    queries = Queries.of(asked, shop.items, event_types=shop.event_types)
    assert shop.items.names(model.recommend(queries, 1).items[:, 0]) == ["b", "c"]


def test_items_of_a_kind_share_what_is_learned() -> None:
    shop = checkerboard()
    kind = ["even" if int(name[1:]) % 2 == 0 else "odd" for name in shop.items.ids.to_pylist()]
    told = replace(shop, item_metadata=pa.table({"category": kind}))
    vectors = tiny(epochs=10).fit(told).item_vectors
    alike = np.equal.outer(kind, kind)
    cosine = np.corrcoef(vectors)
    plain = np.corrcoef(tiny(epochs=10, metadata=False).fit(told).item_vectors)
    assert cosine[alike].mean() - cosine[~alike].mean() > plain[alike].mean() - plain[~alike].mean() + 0.1


def test_blocks_are_computed_twice_where_memory_is_short_and_give_the_same_model() -> None:
    shop = checkerboard()
    once, again = (dump(tiny(epochs=2, checkpointing=twice).fit(shop))[0] for twice in (False, True))
    assert once == again
    assert not pays(4096, 2, 128, 1_000_000, room=16 * 2**30)
    assert pays(4096, 12, 1024, 100_000, room=8 * 2**30)  # 4.4 and 4.8 GiB
    assert not pays(4096, 12, 1024, 10_000, room=8 * 2**30)  # a smaller catalogue leaves enough
    assert not pays(4096, 2, 128, 10_000_000, room=8 * 2**30)  # the catalogue alone is too large: blocks are no help
    assert room(torch.device("cpu")) <= os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2


def test_a_batch_is_as_large_as_its_longest_windows() -> None:
    steps = Steps.of_dataset(random_shop(3))
    batches = list(Windows(steps, 8, batch_rows(steps, 8)).epoch(0))
    most = max(batch["item"].size for batch in batches)
    assert most <= largest_batch(steps, 8) == batch_rows(steps, 8) * 8


@pytest.mark.parametrize("loss", ["sampled", "binary"])
def test_other_losses_learn_the_same(loss: str) -> None:
    shop = checkerboard()
    model = tiny(loss=loss, negatives=256, epochs=40, checkpointing=True).fit(shop)
    queries = Queries.histories(shop)
    top = shop.items.names(model.recommend(queries, 1, exclude=queries.seen()).items[:, 0])
    assert np.mean([name == f"i{(user + 2) % 12}" for user, name in enumerate(top)]) > 0.8
