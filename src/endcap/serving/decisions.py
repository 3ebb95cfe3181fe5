"""Every answer, written down: a bounded queue between the request path and the log, and a thread that empties it.

Nothing here delays or fails an answer: a full queue or a log that refuses is counted, and the answer goes out all the
same. The recommendation id says on its own which version and variant made the answer.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

import msgspec
import numpy as np

from endcap.errors import EndcapError
from endcap.serving.slate import Slate
from endcap.storage.log import Log, Record
from endcap.stream.collect import decision_record
from endcap.stream.records import Candidates, Decision, Shown
from endcap.types import Micros

QUEUED = 4096
"""Answers that may wait to be written."""
BATCH = 64
LINGER_SECONDS = 0.02
"""So that a commit holds more than one."""
LOG_SECONDS = 30.0
SHOWN, CONSIDERED = 500, 100
"""Most items of an answer, and of what else was considered, that are kept."""


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer: what kind of request it was, when it was given, and how many microseconds it took."""

    slate: Slate
    operation: str
    time: Micros
    micros: int


class Decisions:
    """Belongs to one log. `noted`, `dropped` and `failed` count answers; the thread starts with the first one."""

    def __init__(self, log: Log, *, size: int = QUEUED) -> None:
        self._log, self._size = log, size
        self._queue: deque[Answered] = deque()
        self._wake, self._closing = threading.Event(), False
        self._thread: threading.Thread | None = None
        self.noted = self.dropped = self.failed = 0

    def note(self, answered: Answered) -> None:
        """Keep an answer to be written; drop and count it where too many wait."""
        if len(self._queue) >= self._size or self._closing:
            self.dropped += 1
            return
        self._queue.append(answered)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="decisions", daemon=True)
            self._thread.start()
        self._wake.set()

    @property
    def waiting(self) -> int:
        """Answers not written yet."""
        return len(self._queue)

    def close(self) -> None:
        """Write what waits, then end."""
        self._closing = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout=LOG_SECONDS)

    def _run(self) -> None:
        pause = threading.Event()
        while not (self._closing and not self._queue):
            self._wake.wait()
            self._wake.clear()
            if not self._closing:
                pause.wait(LINGER_SECONDS)
            while self._queue:
                self._write([self._queue.popleft() for _ in range(min(BATCH, len(self._queue)))])

    def _write(self, batch: list[Answered]) -> None:
        records: list[Record] = []
        for answered in batch:
            try:
                records.append(decision_record(answered.slate.snapshot.deployment.shop, decision(answered)))
            except Exception:  # one answer that cannot be told must not cost the others, nor the thread
                self.failed += 1
            time.sleep(0)  # the thread that answers need not wait for the whole batch to be told
        try:
            self._log.submit(records).result(LOG_SECONDS)
        except (EndcapError, TimeoutError):
            self.failed += len(records)
        else:
            self.noted += len(records)


def decision(answered: Answered) -> Decision:
    """What is written of an answer."""
    slate = answered.slate
    snapshot, request, promotion = slate.snapshot, slate.request, slate.request.promotion
    restriction = request.restriction
    return Decision(
        id=slate.recommendation_id,
        time=answered.time,
        operation=answered.operation,
        target=snapshot.arn,
        generation=snapshot.generation,
        variant=slate.variant.name,
        version=slate.model.version,
        recipe=slate.model.recipe_name,
        user_id=request.user_id,
        item_id=request.item_id,
        k=request.k,
        context=request.context,
        filter=restriction.arn if restriction is not None else "",
        filter_values=restriction.values if restriction is not None else {},
        promotion=promotion.restriction.arn if promotion is not None else "",
        rules=rules(slate),
        considered=_considered(slate),
        shown=_shown(slate),
        counts={"candidates": len(slate.candidates), **slate.counts, "shown": len(slate.items)},
        micros=answered.micros,
        asked=slate.now,
        feature_set=slate.feature_set,
        features=slate.told.astype("<f4", copy=False).tobytes(),
    )


def rules(slate: Slate) -> str:
    """16 hex digits that stand for the rules in force: the campaign's configuration, the recipe's own, the filter's
    text, the promotion's text and share. The same rules have the same ones, whatever they are called."""
    snapshot, request = slate.snapshot, slate.request
    promotion = request.promotion
    return _rules(
        snapshot.deployment.config,
        snapshot.offer.name if snapshot.offer is not None else "",
        "" if request.restriction is None else request.restriction.filter.text,
        request.exclude_purchased,
        ("", 0) if promotion is None else (promotion.restriction.filter.text, promotion.percent),
    )


@lru_cache(1024)
def _rules(*parts: object) -> str:
    return blake2b(msgspec.json.encode(parts), digest_size=8).hexdigest()


def _considered(slate: Slate) -> Candidates:
    """What the model put first, with the model's own scores and the ranker's."""
    ordinals = slate.candidates[:CONSIDERED]
    if not len(ordinals):
        return Candidates()
    scores = slate.candidate_scores[:CONSIDERED]
    judged = b""
    if len(slate.judged):
        said = np.full(len(ordinals), np.nan, "<f4")
        size = min(len(ordinals), len(slate.judged))
        said[:size] = slate.judged[:size]  # the candidates were asked about first, in this order
        judged = said.tobytes()
    numbers = np.where(np.isfinite(scores), scores, np.float32(np.nan)).astype("<f4", copy=False).tobytes()
    names = slate.snapshot.names(ordinals)
    return Candidates(tuple(names), (slate.retrieved,) * len(names), numbers, judged)


def _shown(slate: Slate) -> tuple[Shown, ...]:
    plain = [""] * len(slate.items)
    columns = zip(
        slate.items,
        slate.scores,
        slate.propensities,
        slate.rungs,
        slate.reasons,
        slate.promotions or plain,
        strict=True,
    )
    return tuple(
        Shown(name, place, score, propensity, source, reason, promotion)
        for place, (name, score, propensity, source, reason, promotion) in enumerate(columns, 1)
    )[:SHOWN]
