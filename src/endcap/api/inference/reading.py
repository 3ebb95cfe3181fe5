"""What `InvokeEndpoint` is sent: instances in JSON as SageMaker's factorization machines take them, pairs, RecordIO."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
from scipy import sparse

from endcap.api.wire import invalid, read_json
from endcap.errors import DataError
from endcap.lake.recordio import read_records
from endcap.serving.predicting import Pair

JSON, RECORDIO = b"application/json", b"application/x-recordio-protobuf"
MOST_PAIRS, MOST_ROWS = 1000, 100_000
WIDEST = 2**31 - 1
_NUMBERS = "a list of numbers"


class Told(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """One instance about a pair."""

    user_id: str
    item_id: str
    context: dict[str, str] = {}


def read_instances(body: bytes, kind: bytes) -> list[Pair] | sparse.csr_matrix:
    """Pairs, or float32 csr [m, features]. Raises `Refusal` (400) naming the instance and what is wrong with it."""
    if kind == RECORDIO:
        return _records(body)
    given = read_json(body)
    instances = given.get("instances") if isinstance(given, dict) else None
    if not isinstance(instances, list) or not instances:
        raise invalid('The body holds no instances. Expected {"instances": [{…}, …]} with at least one.')
    are_pairs = [isinstance(each, dict) and "userId" in each for each in instances]
    if any(are_pairs) and not all(are_pairs):
        raise invalid(f"instances[{are_pairs.index(not are_pairs[0])}] is of another kind than those before it.")
    if are_pairs[0]:
        return _pairs(instances)
    return _rows([_tensor(each, f"instances[{place}]") for place, each in enumerate(instances)])


def _pairs(instances: list[Any]) -> list[Pair]:
    if len(instances) > MOST_PAIRS:
        raise invalid(f"{len(instances)} instances with userId, at most {MOST_PAIRS} in one request.")
    found = []
    for place, each in enumerate(instances):
        try:
            told = msgspec.convert(each, Told)
        except msgspec.ValidationError as error:
            raise invalid(f"instances[{place}]: {error}.") from None
        if not told.item_id:
            raise invalid(f"instances[{place}]: itemId is empty.")
        found.append(Pair(told.user_id, told.item_id, told.context))
    return found


def _records(body: bytes) -> sparse.csr_matrix:
    try:
        rows = read_records(body).rows.astype(np.float32)
    except DataError as error:
        raise invalid(str(error)) from None
    if not rows.shape[0]:
        raise invalid("The body holds no records.")
    if not np.isfinite(rows.data).all():
        raise invalid("The records hold values that are no finite float32 numbers.")
    return rows


def _tensor(instance: Any, where: str) -> tuple[list[Any] | None, list[Any], int]:
    """(keys, None where dense; values; width) of `{"features": […]}` or `{"data": {"features": {…}}}`."""
    features = instance.get("features") if isinstance(instance, dict) else None
    if features is None and isinstance(instance, dict) and isinstance(instance.get("data"), dict):
        features = instance["data"].get("features")
    if isinstance(features, list):
        return None, features, len(features)
    if not isinstance(features, dict):
        raise invalid(
            f'{where}: expected {{"userId": …, "itemId": …}}, {{"features": […]}} or {{"data": {{"features": '
            '{"keys": […], "shape": […], "values": […]}}}.'
        )
    values, keys = features.get("values"), features.get("keys")
    if not isinstance(values, list):
        raise invalid(f"{where}: values is missing, expected {_NUMBERS}.")
    if not keys and not features.get("shape"):
        return None, values, len(values)
    return keys or [], values, _width(features, where)


def _width(features: Mapping[str, Any], where: str) -> int:
    shape, keys, values = features.get("shape"), features.get("keys") or [], features["values"]
    if not isinstance(shape, list) or len(shape) != 1 or not _is_whole(shape[0]) or not 0 < shape[0] <= WIDEST:
        raise invalid(f"{where}: shape is {str(shape)[:64]}, expected [N], the number of features.")
    if not isinstance(keys, list) or len(keys) != len(values):
        raise invalid(f"{where}: keys and values differ in number.")
    for key in keys:
        if not _is_whole(key) or not 0 <= key < shape[0]:
            raise invalid(f"{where}: the key {str(key)[:32]} is no whole number from 0 to {shape[0] - 1}.")
    return int(shape[0])


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _rows(tensors: list[tuple[list[Any] | None, list[Any], int]]) -> sparse.csr_matrix:
    if len(tensors) > MOST_ROWS:
        raise invalid(f"{len(tensors)} instances, at most {MOST_ROWS} in one request.")
    width, data, indices, ends = tensors[0][2], [], [], [0]
    for place, (keys, values, each) in enumerate(tensors):
        if each != width:
            raise invalid(f"instances[{place}] has {each} features, those before it {width}.")
        numbers = _numbers(values, f"instances[{place}]")
        data.append(numbers)
        indices.append(np.arange(each) if keys is None else np.array(keys, np.int64))
        ends.append(ends[-1] + len(numbers))
    rows = sparse.csr_matrix((np.concatenate(data), np.concatenate(indices), ends), shape=(len(tensors), width))
    rows.sum_duplicates()
    return rows


def _numbers(values: list[Any], where: str) -> np.ndarray:
    if not all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values):
        raise invalid(f"{where}: values are not {_NUMBERS}.")
    try:
        with np.errstate(over="ignore"):
            found = np.array(values, np.float64).astype(np.float32)
    except OverflowError:
        found = np.array([np.inf], np.float32)
    if not np.isfinite(found).all():
        raise invalid(f"{where}: a value is too large for a float32.")
    return found
