"""The one training loop of the neural recipes.

Deterministic given the seed (on one machine with one number of threads); goes on from a checkpoint as if it had never
stopped; stops early on validation and keeps the best epoch; uses a GPU where there is one (bf16 autocast,
`torch.compile` where the run is long enough to pay for compiling) and every process of a `torchrun` (gradients are
those of the whole batch; batch normalisation sees each process's own rows). AdamW: Loshchilov and Hutter 2019.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from endcap.errors import InputError
from endcap.recipes.neural import checkpoints as kept
from endcap.recipes.neural.batches import Batch, Batches, rows_of, share_of, tensors
from endcap.recipes.neural.extras import needed
from endcap.recipes.neural.processes import Checkpoints, Place, checkpoints_kept, here
from endcap.seams import Disk, Progress, no_progress

torch = needed("torch")

LossOf = Callable[[Any, dict[str, Any]], Any]
"""(module, batch as tensors) → the mean loss of the batch, a scalar tensor."""
Weigh = Callable[[Batch], float]
"""(batch as arrays) → the sum of what counts in that mean: the rows, or the weights of all targets."""
Validate = Callable[[Any], float]
"""(module in evaluation mode) → how good it is; higher is better."""
Precision = Literal["auto", "float32", "bf16"]
LATE = 4
"""How late the steps are that an average is made of: of s steps about the last s / `LATE`."""
STEPS_THAT_PAY = 2000
"""`torch.compile` costs about a minute: shorter runs go without it."""


@dataclass(frozen=True)
class Descent:
    """How steps are taken: AdamW, with a linear warm-up over so many steps, then constant or falling to zero.

    `norm` bounds the length of the gradient; `decay` is the weight decay of matrices (not of vectors). With `average`
    what is judged and kept is the exponential moving average of the weights, which keeps that share of itself a step
    (Polyak and Juditsky 1992): what a falling rate would reach, without knowing when to stop.
    """

    rate: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    decay: float = 0.0
    norm: float | None = None
    warmup: int = 0
    schedule: Literal["constant", "cosine"] = "constant"
    average: float = 0.0

    def optimiser(self, module: Any, device: Any) -> Any:
        """A fresh AdamW over the parameters that learn."""
        learning = [each for each in module.parameters() if each.requires_grad]
        groups = [
            {"params": [each for each in learning if each.ndim >= 2], "weight_decay": self.decay},
            {"params": [each for each in learning if each.ndim < 2], "weight_decay": 0.0},
        ]
        groups = [group for group in groups if group["params"]]
        return torch.optim.AdamW(groups, lr=self.rate, betas=self.betas, fused=device.type in ("cuda", "cpu"))

    def rate_at(self, step: int, steps: int) -> float:
        """The rate of a step of so many."""
        if step < self.warmup:
            return self.rate * (step + 1) / self.warmup
        if self.schedule == "constant":
            return self.rate
        done = (step - self.warmup) / max(steps - self.warmup, 1)
        return self.rate * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))


@dataclass
class TrainingReport:
    """What happened. `losses` and `scores` hold one number per epoch (`scores` none without validation).

    `best` is the epoch (from 0) whose weights the module was left with, `resumed` the epoch that this process began at.
    """

    losses: list[float] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    best: int = -1
    steps: int = 0
    rows: int = 0
    resumed: int = 0
    stopped_early: bool = False
    device: str = "cpu"
    precision: str = "float32"
    compiled: bool = False

    @property
    def epochs(self) -> int:
        """Epochs trained, those before a checkpoint included."""
        return len(self.losses)


def train(
    module: Any,
    batches: Batches,
    loss_of: LossOf,
    *,
    epochs: int,
    rate: float | Descent = 1e-3,
    seed: int = 0,
    weigh: Weigh = rows_of,
    validate: Validate | None = None,
    patience: int = 3,
    checkpoints: Path | None = None,
    device: str = "auto",
    precision: Precision = "auto",
    compiled: bool | Literal["auto"] = "auto",
    threads: int | None = None,
    progress: Progress = no_progress,
    disk: Disk | None = None,
) -> TrainingReport:
    """Train `module` in place for at most `epochs` epochs and leave it on the CPU, in evaluation mode.

    `rate` is a learning rate or a whole `Descent`. `weigh` tells what the mean of a batch's loss is over, so that
    processes that share a batch take the step of one that has all of it. With `validate`, training ends after
    `patience` epochs without a better score and the best epoch's weights are put back. `checkpoints` is a folder (by
    default the one given by `processes.checkpoints_in`): a checkpoint is written there after each epoch, and one of the
    same training (its data, first weights, epochs, seed and rate) that lies there is gone on from. `device` is auto,
    cpu, cuda or cuda:N, `threads` how many of the processor work (None: as PyTorch is set; one is quicker for small
    networks, and steadier on a busy machine). Initial weights are the module's own: make it inside `seeded(seed)`.
    Raises `InputError` for a device that is not there, `ArtefactError` for a damaged checkpoint.
    """
    place = here()
    at = chosen_device(device, place)
    lowered = chosen_precision(precision, at)
    steps = len(batches) * epochs
    pays = compiled is True or (compiled == "auto" and at.type == "cuda" and steps >= STEPS_THAT_PAY)
    report = TrainingReport(device=str(at), precision=lowered, compiled=pays)
    descent = rate if isinstance(rate, Descent) else Descent(rate)
    kept_in = Checkpoints(checkpoints) if checkpoints else checkpoints_kept()
    told = {"epochs": epochs, "seed": seed, "patience": patience, "batches": batches.mark() if kept_in.folder else ""}
    mark = _fingerprint(module, descent, told)
    run = _Run(module.to(at), loss_of, weigh, descent, report, place)
    folder = _Folder(kept_in, mark, disk or Disk())
    folder.restore(run)
    with torch.random.fork_rng(), _threads(threads), progress("training", total=epochs, unit="epochs") as tick:
        tick(report.epochs)
        for epoch in range(report.epochs, epochs):
            if report.stopped_early:
                break
            begun = time.perf_counter()
            torch.manual_seed(seed * 1_000_003 + epoch * place.world + place.rank)
            report.losses.append(run.epoch(batches, epoch, steps))
            if validate is not None:
                run.judge(validate, patience)
            report.seconds.append(time.perf_counter() - begun)
            folder.keep(run)
            tick(1)
    run.finish()
    return report


class _Objective(torch.nn.Module):  # type: ignore[misc,name-defined]
    """The loss as a module, so that what compiles and what averages gradients sees one forward call."""

    def __init__(self, module: Any, loss_of: LossOf) -> None:
        super().__init__()
        self.module, self.loss_of = module, loss_of

    def forward(self, batch: dict[str, Any]) -> Any:
        return self.loss_of(self.module, batch)


class _Run:
    """A training under way: module, optimiser, and the best weights so far."""

    def __init__(
        self, module: Any, loss_of: LossOf, weigh: Weigh, descent: Descent, report: TrainingReport, place: Place
    ) -> None:
        self.module, self.weigh, self.descent, self.report, self.place = module, weigh, descent, report, place
        self.device = next(module.parameters()).device
        self.optimiser = descent.optimiser(module, self.device)
        objective: Any = _Objective(module, loss_of)
        if place.world > 1:
            devices = [self.device] if self.device.type == "cuda" else None
            objective = torch.nn.parallel.DistributedDataParallel(
                objective, device_ids=devices, find_unused_parameters=True
            )
        self.objective = torch.compile(objective) if report.compiled else objective
        self.best: dict[str, Any] = {}
        self.average = self._weights() if descent.average else {}

    def epoch(self, batches: Batches, number: int, steps: int) -> float:
        """One pass; the mean of the batches' losses."""
        self.objective.train()
        total, count = torch.zeros((), device=self.device), 0
        for batch in batches.epoch(number):
            own, counts = share_of(batch, self.place.rank, self.place.world, self.weigh)
            for group in self.optimiser.param_groups:
                group["lr"] = self.descent.rate_at(self.report.steps, steps)
            self.optimiser.zero_grad(set_to_none=True)
            with self.autocast():
                loss = self.objective(tensors(own, self.device)) * counts
            loss.backward()
            if self.descent.norm is not None:
                torch.nn.utils.clip_grad_norm_(self.module.parameters(), self.descent.norm)
            self.optimiser.step()
            self._follow()
            total += loss.detach()
            count += 1
            self.report.steps += 1
            self.report.rows += rows_of(batch)
        return float(self._mean(total / max(count, 1)))

    def _weights(self) -> dict[str, Any]:
        """A copy of the module's weights."""
        return {name: each.detach().clone() for name, each in self.module.state_dict().items()}

    def _follow(self) -> None:
        """Move the average a step towards the weights; while there are few steps it is that of about the last quarter
        of them (polynomial-decay averaging: Shamir and Zhang 2013), for the first ones were far off."""
        if not self.average:
            return
        share = max(1 - self.descent.average, LATE / (self.report.steps + LATE))
        for name, each in self.module.state_dict().items():
            if each.is_floating_point():
                self.average[name].lerp_(each.detach(), share)
            else:
                self.average[name].copy_(each)

    @contextmanager
    def _averaged(self) -> Iterator[None]:
        """The averaged weights in the module, for a while."""
        if not self.average:
            yield
            return
        held = self._weights()
        self.module.load_state_dict(self.average)
        yield
        self.module.load_state_dict(held)

    def autocast(self) -> AbstractContextManager[Any]:
        """Matrix products in bf16 where the run was asked for it."""
        if self.report.precision == "float32":
            return nullcontext()
        return torch.autocast(self.device.type, torch.bfloat16)  # type: ignore[no-any-return]

    def judge(self, validate: Validate, patience: int) -> None:
        """Score the epoch just made, remember it when it is the best, and say whether to go on."""
        self.module.eval()
        with torch.no_grad(), self.autocast(), self._averaged():
            score = float(self._mean(torch.tensor(validate(self.module), dtype=torch.float64, device=self.device)))
        report = self.report
        report.scores.append(score)
        if report.best < 0 or score > report.scores[report.best]:
            report.best = report.epochs - 1
            self.best = {name: each.clone() for name, each in self.average.items()} or self._weights()
        report.stopped_early = report.epochs - 1 - report.best >= patience

    def _mean(self, value: Any) -> Any:
        """Over all processes, so that each of them decides the same."""
        if self.place.world > 1:
            torch.distributed.all_reduce(value)
            value = value / self.place.world
        return value

    def finish(self) -> None:
        """The best weights back in, on the CPU."""
        if self.report.best < 0:
            self.report.best = self.report.epochs - 1
            self.best = self.average
        if self.best:
            self.module.load_state_dict(self.best)
        self.module.to("cpu").eval()


class _Folder:
    """Where the checkpoints of one training lie; `mark` tells trainings apart."""

    def __init__(self, kept_in: Checkpoints, mark: dict[str, Any], disk: Disk) -> None:
        name = hashlib.sha256(json.dumps(mark, sort_keys=True).encode()).hexdigest()[:16]
        self.path = kept_in.folder and kept_in.folder / f"training-{name}.safetensors"
        self.every, self.mark, self.disk, self.written = kept_in.every, mark, disk, 0.0

    def restore(self, run: _Run) -> None:
        """Set the run to where the folder's checkpoint left it, where there is one of the same training."""
        found = None if self.path is None else kept.read(self.path)
        if found is None or found.document["mark"] != self.mark:
            return
        run.module.load_state_dict(kept.under("module", found.tensors))
        run.best = {name: each.to(run.device) for name, each in kept.under("best", found.tensors).items()}
        run.average = {name: each.to(run.device) for name, each in kept.under("average", found.tensors).items()}
        kept.load_optimiser(run.optimiser, found.tensors)
        for name, value in found.document["report"].items():
            setattr(run.report, name, value)
        run.report.resumed = run.report.epochs

    def keep(self, run: _Run) -> None:
        """Write a checkpoint where the last one is long enough ago; the first process does it for all."""
        spent = sum(run.report.seconds)
        if self.path is None or run.place.rank > 0 or spent - self.written < self.every:
            return
        self.written = spent
        held = {f"module.{name}": tensor for name, tensor in run.module.state_dict().items()}
        held |= {f"best.{name}": tensor for name, tensor in run.best.items()}
        held |= {f"average.{name}": tensor for name, tensor in run.average.items()}
        held |= kept.optimiser_tensors(run.optimiser)
        told = {name: value for name, value in asdict(run.report).items() if name not in ("device", "compiled")}
        kept.Checkpoint(held, {"mark": self.mark, "report": told}).write(self.path, self.disk)


def _fingerprint(module: Any, descent: Descent, told: Mapping[str, Any]) -> dict[str, Any]:
    """What must agree for a checkpoint to be gone on from: shapes and first weights, and how it is trained."""
    first = {name: [*each.shape, round(float(each.float().sum()), 3)] for name, each in module.state_dict().items()}
    return {"first": first, "descent": str(descent), **told}


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Weights made inside are the same for the same seed, and PyTorch's own generator is left as it was."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    """So many threads of PyTorch's, for a while."""
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def chosen_device(name: str, place: Place) -> Any:
    """The device of a name; auto is this process's GPU where there is one. Raises `InputError` where it is missing."""
    if name == "auto":
        name = f"cuda:{place.local}" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise InputError(f"There is no device {name!r}.", fix="Give auto, cpu, cuda or cuda:N.") from error
    if device.type not in ("cpu", "cuda") or (device.type == "cuda" and not torch.cuda.is_available()):
        raise InputError(f"The device {name!r} is not there.", fix="Give auto or cpu.")
    return device


def chosen_precision(asked: Precision, device: Any) -> str:
    """float32 or bf16; auto is bf16 on GPUs that compute in it."""
    if asked != "auto":
        return asked
    return "bf16" if device.type == "cuda" and torch.cuda.is_bf16_supported() else "float32"
