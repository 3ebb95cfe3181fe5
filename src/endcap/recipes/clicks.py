"""What a click model is: rows of a table, or of numbered features, in; the probability of the label out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Self, runtime_checkable

import pyarrow as pa

from endcap.recipes.fields import Spec, guess
from endcap.seams import Progress, no_progress
from endcap.types import Float32

if TYPE_CHECKING:
    from endcap.lake.row_files import NumberedRows
    from endcap.recipes.row_machine import RowMachine


@runtime_checkable
class ClickModel(Protocol):
    """A model of a binary label, given the other columns of a row.

    `endcap evaluate --protocol click` judges whatever recipe is one.
    """

    def fit_table(
        self, table: pa.Table, label: str, valid: pa.Table | None = None, progress: Progress = no_progress
    ) -> Self:
        """Learn P(label = 1 | the other columns) from `table` and return self.

        Column `label` is float32, 0 or 1 in every row; every other column is a field: text, whole numbers and
        dictionaries are categories, floats numbers. `valid`, of the same columns, only tells when to stop.
        """
        ...

    def probabilities(self, table: pa.Table) -> Float32:
        """float32 [rows] in 0 … 1; `table` has the fields that were learned from, and may have other columns."""
        ...


@runtime_checkable
class LearnsRows(Protocol):
    """What can learn a binary label of rows whose features are numbers alone: of files of LibSVM or RecordIO."""

    def fit_rows(
        self, given: NumberedRows, valid: NumberedRows | None = None, progress: Progress = no_progress
    ) -> RowMachine:
        """Learn P(label = 1 | features); labels are 0 or 1 in every row, `valid` only tells when to stop. What is
        learnt has no shop and no items, so it is a model of its own. Raises `InputError` where a setting does not fit.
        """
        ...


def click_fields(table: pa.Table, label: str) -> dict[str, Spec]:
    """A spec of every column but the label, in the sense of `ClickModel.fit_table`."""
    found = guess(table, least=1, leave_out=(label,))
    for name in table.column_names:
        if name != label and pa.types.is_integer(table[name].type):
            found[name] = Spec("category")
    return found
