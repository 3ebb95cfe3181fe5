"""Trained modules as ONNX: written once after training, run by onnxruntime, so that serving needs no PyTorch."""

from __future__ import annotations

import logging
import tempfile
import threading
import warnings
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from endcap.errors import ArtefactError
from endcap.recipes.neural.extras import needed

UInt8 = NDArray[np.uint8]
OPSET = 20


_graphs: dict[str, bytes] = {}
"""What was exported already, by `_likeness`: another training of the same network differs in its weights only."""


def export(
    module: Any,
    example: Mapping[str, np.ndarray],
    *,
    outputs: Sequence[str],
    batch: Sequence[str] | None = None,
    also: Mapping[str, Mapping[int, str]] | None = None,
) -> UInt8:
    """A module in evaluation mode as uint8 [bytes] of ONNX, whose forward takes `example`'s arrays by name.

    The first dimension of the inputs named in `batch` (all of them when None) may be of any size, and the dimensions
    that `also` names (`{"steps": {1: "steps"}}`). Give an example of two rows or more: a size of one is taken to be
    meant. Modules whose `repr` and shapes agree must compute alike but for their weights: say the rest in `extra_repr`.
    Raises `ResourceError` where the extra `deep` is missing.
    """
    key = _likeness(module, example, (tuple(outputs), batch and tuple(batch), repr(also)))
    if key not in _graphs:
        free = {name: {0: "rows"} for name in (example if batch is None else batch)}
        for name, more in (also or {}).items():
            free[name] = {**free.get(name, {}), **more}
        graph = _exported(module.eval(), example, outputs, free)
        if not _has_all_weights(graph, module):
            return np.frombuffer(graph, np.uint8).copy()
        _graphs[key] = graph
    return _with_weights(_graphs[key], module)


def _likeness(module: Any, example: Mapping[str, np.ndarray], told: Any) -> str:
    shapes = {name: (tuple(each.shape), str(each.dtype)) for name, each in module.state_dict().items()}
    given = {name: (array.shape[1:], str(array.dtype)) for name, array in example.items()}
    return repr((type(module).__module__, module, shapes, given, told))


def _exported(
    module: Any, example: Mapping[str, np.ndarray], outputs: Sequence[str], free: Mapping[str, Mapping[int, str]]
) -> bytes:
    """The graph as ONNX bytes, every weight under its own name, nothing folded into it."""
    torch = needed("torch")
    needed("onnxscript")
    given = {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in example.items()}
    named = {name for axes in free.values() for name in axes.values()}
    sizes = {name: torch.export.Dim(name, min=1, max=2**24) for name in named}
    shapes = {name: {axis: sizes[each] for axis, each in free.get(name, {}).items()} or None for name in given}
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(), _quiet(), torch.no_grad():
        warnings.simplefilter("ignore")
        path = Path(folder) / "module.onnx"
        torch.onnx.export(
            module,
            kwargs=given,
            f=str(path),
            input_names=list(given),
            output_names=list(outputs),
            opset_version=OPSET,
            dynamic_shapes=shapes,
            external_data=False,
            dynamo=True,
            optimize=False,
            verbose=False,
        )
        return path.read_bytes()


def _has_all_weights(graph: bytes, module: Any) -> bool:
    """Whether each weight is in the graph under its name, so that another's can take its place."""
    model = needed("onnx").load_from_string(graph)
    return bool(module.state_dict().keys() <= {each.name for each in model.graph.initializer})


def _with_weights(graph: bytes, module: Any) -> UInt8:
    """The graph with the module's weights in place of those it was exported with."""
    onnx = needed("onnx")
    model = onnx.load_from_string(graph)
    weights = module.state_dict()
    held = [each for each in model.graph.initializer if each.name in weights]
    for each in held:
        array = np.ascontiguousarray(weights[each.name].detach().cpu().numpy())
        each.CopyFrom(onnx.numpy_helper.from_array(array, each.name))
    return np.frombuffer(model.SerializeToString(), np.uint8).copy()


class _quiet:  # noqa: N801
    """The exporter's loggers held back to errors."""

    def __enter__(self) -> None:
        self._before = {name: logging.getLogger(name).level for name in ("torch.onnx", "onnxscript", "onnx_ir")}
        for name in self._before:
            logging.getLogger(name).setLevel(logging.ERROR)

    def __exit__(self, *_: object) -> None:
        for name, level in self._before.items():
            logging.getLogger(name).setLevel(level)


class OnnxModel:
    """A model from `export`'s bytes. The session is opened on the first run; one may be shared by threads.

    `arena`: whether memory is kept from run to run. Small networks are faster without.
    """

    def __init__(self, data: UInt8 | bytes, *, threads: int = 1, arena: bool = True) -> None:
        self._data, self._threads, self._arena, self._opening = data, threads, arena, threading.Lock()

    @cached_property
    def _opened(self) -> Any:
        runtime = needed("onnxruntime")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = self._threads
        # Spinning threads would take the cores of whatever else answers requests.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        options.enable_cpu_mem_arena = self._arena
        try:
            session = runtime.InferenceSession(bytes(self._data), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's own errors share no base
            raise ArtefactError(f"The ONNX model cannot be read: {error}.", fix="Train it again.") from error
        return session, [each.name for each in session.get_outputs()]

    def run(self, **arrays: np.ndarray) -> tuple[np.ndarray, ...]:
        """The outputs in the order they were exported in, for inputs by name (of the exported dtypes)."""
        with self._opening:
            session, outputs = self._opened
        return tuple(session.run(outputs, arrays))
