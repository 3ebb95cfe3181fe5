"""Losses, sampler, windows, the training loop, several processes, and ONNX: one file, for importing PyTorch is slow."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from endcap.errors import ArtefactError, InputError, ResourceError
from endcap.recipes.neural import losses
from endcap.recipes.neural.batches import Rows, share_of
from endcap.recipes.neural.layers import Dropout
from endcap.recipes.neural.onnx_model import OnnxModel, export
from endcap.recipes.neural.processes import Place, checkpoints_in, joined
from endcap.recipes.neural.sampling import Sampler, shares
from endcap.recipes.neural.sequence_fit import hold_out
from endcap.recipes.neural.sequences import Steps, Windows, gaps
from endcap.recipes.neural.training import Descent, TrainingReport, seeded, train
from endcap.types import SECOND

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def draws(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape).astype(np.float32))


@pytest.mark.parametrize("weighted", [False, True])
def test_full_softmax_is_cross_entropy_with_its_gradients(weighted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(losses, "CHUNK", 7)
    states, vectors = draws(20, 4).requires_grad_(), draws(11, 4, seed=1).requires_grad_()
    targets = torch.arange(20) % 11
    weights = torch.linspace(0.1, 2.0, 20) if weighted else None
    found = losses.full_softmax(states, vectors, targets, weights)
    slopes = torch.autograd.grad(found * 3, (states, vectors))
    expected = losses.cross_entropy(states @ vectors.T, targets, weights)
    wanted = torch.autograd.grad(expected * 3, (states, vectors))
    torch.testing.assert_close(found, expected)
    for one, other in zip(slopes, wanted, strict=True):
        torch.testing.assert_close(one, other)


def test_several_targets_of_one_state_cost_what_they_would_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(losses, "CHUNK", 2)
    states, vectors = draws(5, 4).requires_grad_(), draws(11, 4, seed=1).requires_grad_()
    owner, targets = torch.tensor([0, 0, 1, 3, 3, 3, 4]), torch.tensor([2, 2, 5, 1, 0, 10, 7])
    weights = torch.linspace(0.5, 2.0, 7)
    found = losses.full_softmax(states, vectors, targets, weights, owner)
    expected = losses.full_softmax(states[owner], vectors, targets, weights)
    torch.testing.assert_close(found, expected)
    for one, other in zip(
        torch.autograd.grad(found, (states, vectors)), torch.autograd.grad(expected, (states, vectors)), strict=True
    ):
        torch.testing.assert_close(one, other)


def test_a_negative_that_is_the_target_does_not_count() -> None:
    states, vectors = draws(3, 4).requires_grad_(), draws(9, 4, seed=1).requires_grad_()
    owner, targets = torch.tensor([0, 0, 2, 2]), torch.tensor([0, 3, 8, 1])
    negatives, log_share = torch.tensor([3, 3, 8, 5, 0, 2]), torch.linspace(0.05, 0.2, 9).log()
    weights = torch.tensor([1.0, 2.0, 0.5, 1.0])
    found = losses.sampled_softmax(states, vectors, targets, negatives, log_share, weights, owner)
    wanted = (states[owner] * vectors[targets]).sum(1, keepdim=True)
    others = states[owner] @ vectors[negatives].T - log_share[negatives] - np.log(6)
    others = others.masked_fill(negatives == targets[:, None], -1e9)
    expected = losses.cross_entropy(torch.cat([wanted, others], 1), torch.zeros(4, dtype=torch.long), weights)
    torch.testing.assert_close(found, expected)
    pairs = (torch.autograd.grad(each, (states, vectors)) for each in (found, expected))
    for one, other in zip(*pairs, strict=True):
        torch.testing.assert_close(one, other)


def test_sampled_softmax_over_everything_is_the_full_one() -> None:
    states, vectors, targets = draws(6, 4), draws(9, 4, seed=1), torch.tensor([0, 3, 8, 1, 1, 4])
    even = torch.full((9,), float(np.log(1 / 9)))
    found = losses.sampled_softmax(states, vectors, targets, torch.arange(9), even)
    torch.testing.assert_close(found, losses.cross_entropy(states @ vectors.T, targets))


def test_log_q_makes_popular_negatives_cost_what_all_would() -> None:
    """Without the correction the loss over popular draws would be off; with it the mean of many draws is right."""
    states, vectors, targets = draws(1, 4), draws(50, 4, seed=1), torch.tensor([7])
    sampler = Sampler(shares(np.arange(1, 51, dtype=np.float32), exponent=1.0), CPU)
    torch.manual_seed(0)
    negatives = sampler.draw(60_000)
    found = losses.sampled_softmax(states, vectors, targets, negatives, sampler.log_share)
    torch.testing.assert_close(found, losses.cross_entropy(states @ vectors.T, targets), atol=0.03, rtol=0.02)


def test_items_are_drawn_as_often_as_said() -> None:
    told = shares(np.array([0, 1, 16, 81], np.float32), exponent=0.5, uniform=0.2)
    np.testing.assert_allclose(told, [0.05, 0.05 + 0.8 / 14, 0.05 + 3.2 / 14, 0.05 + 7.2 / 14])
    torch.manual_seed(1)
    counts = np.bincount(Sampler(told, CPU).draw(20_000), minlength=4) / 20_000
    np.testing.assert_allclose(counts, told, atol=0.015)


def test_binary_losses_agree() -> None:
    states, vectors, targets = draws(5, 3), draws(8, 3, seed=1), torch.tensor([1, 2, 3, 4, 5])
    negatives = torch.tensor([[0], [1], [2], [3], [6]])
    wanted, others = (states * vectors[targets]).sum(1), (states * vectors[negatives[:, 0]]).sum(1)
    expected = losses.binary(torch.cat([wanted, others]), torch.cat([torch.ones(5), torch.zeros(5)]))
    torch.testing.assert_close(losses.binary_against(states, vectors, targets, negatives), expected)
    weighted = losses.binary(wanted, torch.ones(5), torch.tensor([0.0, 0.0, 2.0, 0.0, 0.0]))
    torch.testing.assert_close(weighted, losses.binary(wanted[2:3], torch.ones(1)))


def test_dropout_drops_its_share_and_keeps_the_mean() -> None:
    layer, ones = Dropout(0.25), torch.ones(400, 101)
    torch.manual_seed(0)
    made = layer(ones)
    assert abs(float((made == 0).float().mean()) - 0.25) < 0.01
    assert abs(float(made.mean()) - 1) < 0.01
    assert layer.eval()(ones) is ones


def steps_of(lengths: list[int]) -> Steps:
    indptr = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
    events = np.arange(indptr[-1], dtype=np.int32)
    return Steps(indptr, events, np.zeros(len(events), np.int16), np.zeros(len(events), np.int16))


def test_every_step_is_learned_from_once_an_epoch() -> None:
    steps = steps_of([1, 0, 2, 5, 9, 30])
    windows = Windows(steps, length=4, size=3, seed=5)
    pairs = []
    for epoch in (0, 1):
        batches = list(windows.epoch(epoch))
        assert len(batches) == len(windows)
        found = [
            (item, target) for b in batches for item, target in zip(b["item"].ravel(), b["target"].ravel(), strict=True)
        ]
        pairs.append([pair for pair in found if pair[1] >= 0])
        assert all(b["item"].shape[1] <= 4 for b in batches)
        again = list(windows.epoch(epoch))
        assert all(np.array_equal(one["item"], other["item"]) for one, other in zip(batches, again, strict=True))
    expected = [
        (e, e + 1) for low, high in zip(steps.indptr, steps.indptr[1:], strict=False) for e in range(low, high - 1)
    ]
    assert sorted(pairs[0]) == sorted(pairs[1]) == expected
    assert pairs[0] != pairs[1]


def test_held_out_events_are_not_trained_on() -> None:
    left, held = hold_out(steps_of([5, 2, 6]), share=0.5, seed=0)
    assert held is not None and len(held.target) == 1
    assert held.target[0] not in left.item and len(left.item) == 12
    assert held.steps.item[-1] == held.target[0] - 1
    assert hold_out(steps_of([2, 2]), share=0.5, seed=0)[1] is None


def in_baskets() -> Steps:
    """One history of baskets of 1, 3 and 2 items, one of 2, and one of 1 and 1."""
    together = np.array([0, 0, 1, 1, 0, 1, 0, 1, 0, 0], np.bool_)
    return replace(steps_of([6, 2, 2]), together=together)


def test_a_basket_is_foretold_from_what_came_before_it() -> None:
    windows = Windows(in_baskets(), length=8, size=4)
    batch = windows.batch(np.array([0, 2, 6]), np.array([5, 3, 1]))
    assert batch["target"].tolist() == [[1, 2, 3, 4, 5], [3, 4, 5, -1, -1], [7, -1, -1, -1, -1]]
    wanted = [[0, 0, 0, 3, 3], [-1, 1, 1], [-1]]  # within a basket that the window begins in: from nothing
    assert [row[: len(each)].tolist() for row, each in zip(batch["source"], wanted, strict=True)] == wanted
    assert Windows(steps_of([3]), 8, 4).batch(np.array([0]), np.array([2])).keys().isdisjoint({"source", "together"})


def test_the_whole_last_basket_is_held_out() -> None:
    left, held = hold_out(in_baskets(), share=1.0, seed=0)
    assert held is not None and held.target.tolist() == [4, 5] and held.owner.tolist() == [0, 0]
    assert left.indptr.tolist() == [0, 4, 6, 8] and left.item.tolist() == [0, 1, 2, 3, 6, 7, 8, 9]


def test_gaps_double() -> None:
    time = np.array([0, 0, 3, 63, 63 + 7200, 5]) * SECOND
    assert gaps(time, np.array([0, 5, 5, 6])).tolist() == [0, 1, 2, 6, 13, 0]


DATA = np.random.default_rng(0).standard_normal((50, 4)).astype(np.float32)
BATCHES = Rows({"x": DATA, "y": (DATA[:, 0] > 0).astype(np.float32)}, size=16, seed=2)
DESCENT = Descent(0.05, warmup=3, schedule="cosine", average=0.9, norm=1.0, decay=0.01)


def small() -> torch.nn.Module:
    with seeded(3):
        return torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.Dropout(0.3), torch.nn.Linear(5, 1))


def loss_of(module: torch.nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    return losses.binary(module(batch["x"])[:, 0], batch["y"])


class Judge:
    """Gives out the scores it was given; a None among them stops the process dead."""

    def __init__(self, *scores: float | None) -> None:
        self.scores = iter(scores)

    def __call__(self, module: torch.nn.Module) -> float:
        assert not module.training
        score = next(self.scores)
        if score is None:
            raise KeyboardInterrupt
        return score


def line() -> torch.nn.Module:
    with seeded(4):
        return torch.nn.Linear(4, 1)


def trained(
    judge: Judge | None = None, folder: Path | None = None, module: torch.nn.Module | None = None, **more: object
) -> tuple[torch.nn.Module, TrainingReport]:
    module = module or small()
    settings = {"epochs": 6, "rate": DESCENT, "seed": 1, "patience": 2, **more}
    return module, train(module, BATCHES, loss_of, validate=judge, checkpoints=folder, **settings)  # type: ignore[arg-type]


def same(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def test_training_goes_on_from_its_checkpoint_as_if_it_had_never_stopped(tmp_path: Path) -> None:
    whole, report = trained(Judge(1, 2, 3, 4, 5, 6))
    assert report.epochs == 6 and report.losses[-1] < report.losses[0] and report.device == "cpu"
    with pytest.raises(KeyboardInterrupt):
        trained(Judge(1, 2, None), tmp_path)
    with checkpoints_in(tmp_path):
        again, rest = trained(Judge(3, 4, 5, 6))
    assert rest.resumed == 2 and rest.losses == report.losses and same(whole, again)
    _, other = trained(Judge(1, 2, 3, 4, 5, 6), tmp_path, seed=2)
    assert other.resumed == 0
    assert len(list(tmp_path.iterdir())) == 2
    for file in tmp_path.iterdir():
        file.write_bytes(b"nonsense")
    with pytest.raises(ArtefactError, match="cannot be read"):
        trained(Judge(), tmp_path)


def test_training_stops_early_and_keeps_the_best_epoch() -> None:
    best, report = trained(Judge(1, 5, 4, 3, 2, 1))
    assert report.stopped_early and report.epochs == 4 and report.best == 1
    until, _ = trained(Judge(1, 5, 4, None, 0, 0), patience=1)
    assert same(best, until)


def test_the_average_of_the_weights_is_kept() -> None:
    plain, averaged = trained(rate=Descent(0.05))[0], trained(rate=Descent(0.05, average=0.9))[0]
    assert not same(plain, averaged)
    assert trained(rate=DESCENT)[1].best == 5


def test_the_average_of_few_steps_is_that_of_the_late_ones() -> None:
    seen: list[torch.Tensor] = []

    def watched(module: torch.nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        seen.append(torch.cat([each.detach().flatten() for each in module.parameters()]))
        return loss_of(module, batch)

    plain, averaged = line(), line()
    train(plain, BATCHES, watched, epochs=3, rate=Descent(0.05), seed=1)
    train(averaged, BATCHES, loss_of, epochs=3, rate=Descent(0.05, average=0.9999), seed=1)
    ends = [*seen[1:], torch.cat([each.detach().flatten() for each in plain.parameters()])]
    late = torch.tensor([(step + 1) * (step + 2) * (step + 3) for step in range(len(ends))], dtype=torch.float32)
    expected = (torch.stack(ends) * (late / late.sum())[:, None]).sum(0)
    torch.testing.assert_close(torch.cat([each.detach().flatten() for each in averaged.parameters()]), expected)


def test_devices_that_are_not_there_are_refused() -> None:
    for name in ("cuda", "abacus") if not torch.cuda.is_available() else ("abacus",):
        with pytest.raises(InputError, match="device"):
            trained(device=name)


def test_rates_warm_up_and_fall() -> None:
    assert [round(DESCENT.rate_at(step, 13), 4) for step in (0, 2, 3, 8, 13)] == [0.0167, 0.05, 0.05, 0.025, 0.0]


def test_bf16_learns_too() -> None:
    _, report = trained(precision="bf16")
    assert report.precision == "bf16" and report.losses[-1] < report.losses[0]


OTHER = """
import sys
sys.path[:0] = {paths!r}
import os
from test_neural import line, torch, trained, unlike
from endcap.recipes.neural.processes import joined
torch.set_num_threads(1)
with joined(os.environ, rendezvous={rendezvous!r}):
    trained(module=line(), rate=0.05, epochs=2)
    unlike()
"""


def unlike() -> tuple[torch.nn.Module, TrainingReport]:
    """Trained on rows that count 0.1 to 90, the last batch a single one."""
    module = line()
    rows = Rows({"x": DATA[:33], "y": (DATA[:33, 0] > 0).astype(np.float32), "weight": np.geomspace(0.1, 90, 33)}, 16)
    report = train(
        module,
        rows,
        lambda module, batch: losses.binary(module(batch["x"])[:, 0], batch["y"], batch["weight"]),
        weigh=lambda batch: float(batch["weight"].sum()),
        epochs=2,
        rate=0.05,
    )
    return module, report


def test_two_processes_train_one_model(tmp_path: Path) -> None:
    """Their gradients, each of every second row of a batch, are those of one process on the whole batch."""
    rendezvous = f"file://{tmp_path}/meet"
    environ = {"RANK": "1", "WORLD_SIZE": "2"}
    code = OTHER.format(paths=[str(Path(__file__).parent)], rendezvous=rendezvous)
    other = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, **environ})
    try:
        with joined({**environ, "RANK": "0"}, rendezvous=rendezvous) as place:
            assert place == Place(0, 2, 0)
            together = [trained(module=line(), rate=0.05, epochs=2), unlike()]
        assert other.wait(60) == 0
    finally:
        other.kill()
    for (both, report), (alone, expected) in zip(
        together, [trained(module=line(), rate=0.05, epochs=2), unlike()], strict=True
    ):
        np.testing.assert_allclose(report.losses, expected.losses, rtol=1e-5)
        for one, other_one in zip(both.parameters(), alone.parameters(), strict=True):
            torch.testing.assert_close(one, other_one)
            torch.testing.assert_close(one.grad, other_one.grad)  # of the last batch


def test_processes_share_a_batch() -> None:
    """Each row is one process's, and what the shares count has 1 as its mean, whatever rows weigh."""
    found = [share_of({"x": np.arange(7)}, rank, 3) for rank in range(3)]
    assert [own["x"].tolist() for own, _ in found] == [[0, 3, 6], [1, 4], [2, 5]]
    assert [counts for _, counts in found] == [3 * 3 / 7, 3 * 2 / 7, 3 * 2 / 7]
    target = np.array([[1] * 8, [1] + [-1] * 7] * 2)
    shares = [share_of({"target": target}, rank, 2, lambda batch: (batch["target"] > 0).sum()) for rank in range(2)]
    assert [counts for _, counts in shares] == [2 * 16 / 18, 2 * 2 / 18]
    left, nothing = share_of({"x": np.arange(1)}, 1, 2)
    assert left["x"].tolist() == [0] and nothing == 0


def test_a_process_is_told_its_place() -> None:
    assert Place.of({}) == Place()
    for wrong in ({"RANK": "x"}, {"RANK": "2", "WORLD_SIZE": "2"}):
        with pytest.raises(InputError, match="WORLD_SIZE"):
            Place.of(wrong)


def test_onnx_answers_as_the_module_does_whatever_its_weights() -> None:
    for seed in (0, 1):
        with seeded(seed):
            module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2)).eval()
        made = OnnxModel(export(module, {"input": np.zeros((2, 3), np.float32)}, outputs=("y",)))
        for rows in (1, 5):
            x = draws(rows, 3, seed=rows)
            np.testing.assert_allclose(made.run(input=x.numpy())[0], module(x).detach().numpy(), atol=1e-6)


def test_damaged_onnx_and_missing_extras_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ArtefactError, match="ONNX"):
        OnnxModel(np.zeros(10, np.uint8)).run(x=np.zeros(1))
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ResourceError, match=r"endcap\[onnx\]"):
        OnnxModel(np.zeros(10, np.uint8)).run(x=np.zeros(1))
