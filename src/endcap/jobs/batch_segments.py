"""What a batch segment job does: for each item, or each kind of items, the shoppers most inclined to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from endcap.errors import InputError
from endcap.jobs.batch import CHUNK, Totals
from endcap.jobs.batch_filters import UserSieve
from endcap.jobs.batch_inference import find_version, open_state, results_wanted, run_lines
from endcap.jobs.batch_lines import Answer, failed, read_question
from endcap.jobs.workspace import Workspace
from endcap.lake.dataset import Dataset
from endcap.lake.tables import Snapshot
from endcap.recipes.affinity import segments
from endcap.registry.resources import Resource
from endcap.registry.versions import Model
from endcap.seams import Progress, no_progress
from endcap.serving.filters import Attributes, FilterView, evaluate, parse
from endcap.serving.shop import ShopState
from endcap.types import Bool, Int32

MOST_RESULTS = 5_000_000
SEGMENTATION = "USER_SEGMENTATION"
HELD = 5_000_000
"""Users of all segments together that are held at once."""
EMPTY = b'{"recommendedUsers":[]}'
_NEEDS = {"aws-item-affinity": "itemId", "aws-item-attribute-affinity": "itemAttributes"}
"""What a line must hold, by recipe; our own takes either."""


class Asked(msgspec.Struct, rename="camel"):
    """One line."""

    item_id: str | None = None
    item_attributes: str | None = None
    filter_values: dict[str, str] | None = None


class Segment(msgspec.Struct, rename="camel"):
    """Users, the most inclined first."""

    recommended_users: list[str]


@dataclass(frozen=True)
class _Question:
    """One line: the model's rows of its items, and who may be in its segment."""

    place: int
    rows: Int32
    allowed: Bool | None


def segment(
    workspace: Workspace, resource: Resource, *, progress: Progress = no_progress, chunk: int = CHUNK
) -> Totals:
    """Do the job in this process; what was read and written. Raises `EndcapError` with the reason of failure."""
    version, recipe = find_version(workspace, resource.document)
    if recipe.type != SEGMENTATION:
        raise InputError(f"Batch segments need a recipe of type {SEGMENTATION}; {recipe.arn} is {recipe.type}.")
    k = results_wanted(resource.document, MOST_RESULTS)

    def open_answers(snapshot: Snapshot) -> Answer:
        shop = resource.shop_key
        state = open_state(workspace, shop, snapshot)
        return Segments(
            workspace.versions.load(version),
            workspace.lake.dataset(shop, snapshot=snapshot),
            state,
            k,
            needs=_NEEDS.get(recipe.name, ""),
            sieve=UserSieve.of(workspace, resource, state),
        ).answer

    # A line's answer may be as long as the list of all users.
    return run_lines(workspace, resource, open_answers, progress, max(1, min(chunk, HELD // k)))


class Segments:
    """Answers to lines, from one model version and all histories of a snapshot."""

    def __init__(
        self,
        model: Model,
        dataset: Dataset,
        state: ShopState,
        k: int,
        *,
        needs: str = "",
        sieve: UserSieve | None = None,
    ) -> None:
        """`needs` is the member that every line must have, where it is not either."""
        self._model, self._dataset, self._k = model, dataset, min(k, max(1, dataset.n_users))
        self._items, self._state, self._needs, self._sieve = Attributes(state.items), state, needs, sieve
        self._rows = np.full(len(state.catalogue), -1, np.int32)
        known = model.items.ordinals < len(state.catalogue)
        self._rows[model.items.ordinals[known]] = np.flatnonzero(known)
        self._read = msgspec.json.Decoder(Asked)

    def answer(self, lines: Sequence[bytes]) -> list[bytes]:
        """One line for each, in order."""
        answers, questions = [b""] * len(lines), []
        for place, line in enumerate(lines):
            try:
                questions.append(self._question(place, line))
            except InputError as error:
                answers[place] = failed(line, error.message, EMPTY)
        for group in self._groups(questions):
            for question, users in zip(group, self._users(group), strict=True):
                told = msgspec.json.encode(Segment(users))
                answers[question.place] = (
                    b'{"input":' + lines[question.place] + b',"output":' + told + b',"error":null}'
                )
        return answers

    def _question(self, place: int, line: bytes) -> _Question:
        """Raises `InputError` in words for whoever wrote the line."""
        asked = read_question(self._read, line)
        given = {"itemId": asked.item_id, "itemAttributes": asked.item_attributes}
        if self._needs and not given[self._needs]:
            raise InputError(f"{self._needs} is missing or empty.")
        if bool(asked.item_id) == bool(asked.item_attributes):
            raise InputError("Either itemId or itemAttributes must be given.")
        rows = self._rows_of(asked)
        return _Question(place, rows, self._sieve(asked.filter_values) if self._sieve else None)

    def _rows_of(self, asked: Asked) -> Int32:
        if asked.item_id:
            ordinal = self._state.ordinal(asked.item_id)
            rows = self._rows[[ordinal]] if ordinal >= 0 else self._rows[:0]
        else:
            bitmap = matching_items(asked.item_attributes or "", self._items)
            rows = self._rows[np.flatnonzero(bitmap[: len(self._rows)])]
        rows = rows[rows >= 0]
        if not len(rows):
            what = f"The item {asked.item_id!r} is" if asked.item_id else "Items with these attributes are"
            raise InputError(f"{what} not known to the solution version.")
        return rows

    def _groups(self, questions: Sequence[_Question]) -> list[list[_Question]]:
        """Questions that are answered in one pass over all histories: few enough, and about the same users."""
        most, groups = max(1, HELD // self._k), dict[int, list[list[_Question]]]()
        for question in questions:
            alike = groups.setdefault(id(question.allowed), [[]])
            if len(alike[-1]) == most:
                alike.append([])
            alike[-1].append(question)
        return [group for alike in groups.values() for group in alike]

    def _users(self, group: Sequence[_Question]) -> list[list[str]]:
        dataset, allowed = self._dataset, group[0].allowed
        if allowed is not None:
            # Whoever has no history is in no segment.
            events = dataset.interactions
            dataset = dataset.with_interactions(events.take(allowed[events.user]))
        rows = [question.rows for question in group]
        users, _ = segments(self._model.recipe, self._model.items, dataset, rows, self._k)
        return [dataset.users.names(found[found >= 0]) for found in users]


def matching_items(expression: str, items: Attributes, values: Mapping[str, str] | None = None) -> Bool:
    """bool [ordinals]: the items of `ITEMS.genres = "Comedy" AND ITEMS.price < 10`. Raises `InputError`."""
    try:
        parsed = parse(f"INCLUDE ItemID WHERE {expression}")
    except InputError as error:
        raise InputError(f"itemAttributes cannot be read: {error.message}") from None
    if len(parsed.rules) != 1 or parsed.rules[0].dataset != "items" or parsed.uses_current_item or parsed.rules[0].when:
        raise InputError("itemAttributes must compare fields of ITEMS with values, joined by AND and OR.")
    return evaluate(parsed, FilterView(items), values)
