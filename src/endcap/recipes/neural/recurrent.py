"""A hierarchical recurrent network (Quadrana et al. 2017): one GRU reads the events of a session, another one the
sessions of a shopper; what the second remembers is where the next session starts from.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from endcap.recipes.neural.extras import needed
from endcap.recipes.neural.layers import Dropout, ItemVectors
from endcap.recipes.neural.onnx_model import OPSET, UInt8

torch = needed("torch")
nn, functional = torch.nn, torch.nn.functional


IR = 10
"""Version of ONNX's file format that goes with the operators' `OPSET`."""
EARLY = 0.25
"""Share of the sessions' first events that are foretold, in training, from the session before: some ask at its end."""


class Session(nn.Module):  # type: ignore[misc,name-defined]
    """What happens in a session, and then, where another one begins, the shopper's state and where that one starts."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.events, self.shopper = nn.GRU(width, width, batch_first=True), nn.GRUCell(width, width)
        self.start, self.after = nn.Linear(width, width), nn.LayerNorm(width)

    def begun(self, session: Any, shopper: Any) -> tuple[Any, Any]:
        """(session, shopper), float [b, d] each, as the next session begins with them."""
        shopper = self.shopper(session, shopper)
        return torch.tanh(self.start(shopper)), shopper


def first_graph(session: Session) -> UInt8:
    """A shopper's first session as ONNX, uint8 [bytes], written by hand: PyTorch's exporter fixes the length of a GRU.

    Input `steps` float32 [t, 1, d] (its events). Outputs float32 [1, 1, d]: the `state` in which another session
    begins, and the `session` and `shopper` that it starts from.
    """
    nodes = _ended("steps", ("nothing", "nothing"), ("session", "shopper"), session)
    held = {**_weights(session), "nothing": np.zeros(_shape(session), np.float32)}
    outputs = _floats(session, "state", "session", "shopper")
    return _graph([*nodes, *_stated("session", session)], [_steps(session)], outputs, held)


def ended_graph(session: Session) -> UInt8:
    """Several sessions, each begun where the one before leads to, likewise. Inputs `steps` of all of them, `starts` and
    `ends` int64 [s, 1], s ≥ 1: session j is the events `starts[j]` … `ends[j] - 1`. A run costs as much as a session of
    five events: all share one, and a first one alone has a graph of its own."""
    onnx = needed("onnx")
    node = onnx.helper.make_node
    body = [
        node("Slice", ["steps", "from", "to", "first_axis"], ["events"]),
        *_ended("events", ("before", "known"), ("fresh", "learnt"), session),
    ]
    given = [*_floats(session, "before", "known"), _places("from", [1]), _places("to", [1])]
    each = onnx.helper.make_graph(body, "session", given, _floats(session, "fresh", "learnt"))
    scanned = ["nothing", "nothing", "starts", "ends"]
    nodes = [
        node("Scan", scanned, ["session", "shopper"], body=each, num_scan_inputs=2),
        *_stated("session", session),
    ]
    nothing = {"first_axis": np.zeros(1, np.int64), "nothing": np.zeros(_shape(session), np.float32)}
    inputs = [_steps(session), _places("starts", ["n", 1]), _places("ends", ["n", 1])]
    outputs = _floats(session, "state", "session", "shopper")
    return _graph(nodes, inputs, outputs, {**_weights(session), **nothing})


def lasting_graph(session: Session) -> UInt8:
    """One session that goes on, likewise: inputs `steps` float32 [t, 1, d] (its events), `session` and `shopper`
    float32 [1, 1, d]; output `state`."""
    nodes = [_gru("events", "steps", "session", "now", session), *_stated("now", session)]
    held = {name: array for name, array in _weights(session).items() if name.startswith(("events", "after"))}
    inputs = [_steps(session), *_floats(session, "session", "shopper")]
    return _graph(nodes, inputs, _floats(session, "state"), held)


def _ended(steps: str, before: tuple[str, str], after: tuple[str, str], session: Session) -> list[Any]:
    """From (session, shopper) over the events of a session to those of the next one's begin."""
    node = needed("onnx").helper.make_node
    return [
        _gru("events", steps, before[0], "ended", session),
        _gru("shopper", "ended", before[1], after[1], session),
        node("MatMul", [after[1], "start.weight"], ["turned"]),
        node("Add", ["turned", "start.bias"], ["moved"]),
        node("Tanh", ["moved"], [after[0]]),
    ]


def _gru(name: str, steps: str, before: str, last: str, session: Session) -> Any:
    """A GRU with the weights of this name, over `steps`, from one state to its last."""
    weights = (f"{name}.{part}" for part in ("weight_ih", "weight_hh", "bias"))
    given, width = [steps, *weights, "", before], session.start.out_features
    return needed("onnx").helper.make_node("GRU", given, ["", last], hidden_size=width, linear_before_reset=1)


def _stated(last: str, session: Session) -> list[Any]:
    node, given = needed("onnx").helper.make_node, ["both", "after.scale", "after.bias"]
    normed = node("LayerNormalization", given, ["state"], epsilon=session.after.eps)
    return [node("Add", [last, "shopper"], ["both"]), normed]


def _shape(session: Session) -> list[int]:
    return [1, 1, session.start.out_features]


def _steps(session: Session) -> Any:
    onnx = needed("onnx")
    shape = ["steps", 1, session.start.out_features]
    return onnx.helper.make_tensor_value_info("steps", onnx.TensorProto.FLOAT, shape)


def _floats(session: Session, *names: str) -> list[Any]:
    onnx = needed("onnx")
    return [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, _shape(session)) for name in names]


def _places(name: str, shape: list[Any]) -> Any:
    onnx = needed("onnx")
    return onnx.helper.make_tensor_value_info(name, onnx.TensorProto.INT64, shape)


def _weights(session: Session) -> dict[str, Any]:
    """As ONNX lays them out."""
    found = {}
    for name, given in (("events", _named(session.events)), ("shopper", _named(session.shopper))):
        for part in ("weight_ih", "weight_hh"):
            found[f"{name}.{part}"] = _gates(given[part])[None]
        found[f"{name}.bias"] = np.concatenate([_gates(given["bias_ih"]), _gates(given["bias_hh"])])[None]
    found["start.weight"] = session.start.weight.detach().numpy().T
    for name, value in (("start.bias", session.start.bias), ("after.scale", session.after.weight)):
        found[name] = value.detach().numpy()
    return {**found, "after.bias": session.after.bias.detach().numpy()}


def _graph(nodes: list[Any], inputs: list[Any], outputs: list[Any], held: dict[str, Any]) -> UInt8:
    onnx = needed("onnx")
    weights = [onnx.numpy_helper.from_array(np.ascontiguousarray(array), name) for name, array in held.items()]
    model = onnx.helper.make_model(
        onnx.helper.make_graph(nodes, "sessions", inputs, outputs, weights),
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        ir_version=IR,
    )
    return np.frombuffer(model.SerializeToString(), np.uint8).copy()


def _named(gru: Any) -> dict[str, Any]:
    """The weights of a GRU or a cell of one by the same names."""
    return {name.removesuffix("_l0"): each.detach().numpy() for name, each in gru.named_parameters()}


def _gates(rows: Any) -> Any:
    """PyTorch has reset, update, new; ONNX has update, reset, new."""
    reset, update, new = np.split(rows, 3)
    return np.concatenate([update, reset, new])


class HierarchicalModel(nn.Module):  # type: ignore[misc,name-defined]
    """Items and event types to states that point at the next item; an item's last number is its own bias.

    A gap bucket from `session_gap` on begins a session. Gradients go back `bptt` steps.
    """

    def __init__(
        self, n: int, width: int, kinds: int, *, bptt: int, session_gap: int, dropout: float, vectors: ItemVectors
    ) -> None:
        super().__init__()
        self.bptt, self.session_gap, self.width = bptt, session_gap, width
        self.vectors = vectors
        self.bias = nn.Parameter(torch.zeros(n))
        self.kinds = nn.Parameter(torch.zeros(kinds, width))
        self.session, self.drop = Session(width), Dropout(dropout)

    def items(self) -> Any:
        """float [n, d + 1]."""
        return torch.cat([self.vectors(), self.bias[:, None]], dim=1)

    def forward(self, vectors: Any, batch: dict[str, Any]) -> Any:
        """float [b, t, d + 1] states of a batch of windows, the last number 1."""
        steps = functional.embedding(batch["item"], vectors)[..., : self.width] * self.width**0.5
        if len(self.kinds) > 1:
            steps = steps + self.kinds[batch["kind"]]
        made = self.session.after(self._run(self.drop(steps), batch["next_gap"] >= self.session_gap))
        made = self.drop(made)
        return torch.cat([made, made.new_ones(*made.shape[:2], 1)], dim=2)

    def _run(self, steps: Any, begins: Any) -> Any:
        """float [b, t, d]: session plus shopper after each step, as what follows it begins with them."""
        gates = self.session.events
        # What does not depend on the step before is one product for all steps.
        entering = functional.linear(steps, gates.weight_ih_l0, gates.bias_ih_l0).transpose(0, 1).contiguous()
        starting = [each.nonzero()[:, 0] for each in begins.T]
        session = shopper = steps.new_zeros(len(steps), self.width)
        states = []
        for place, (entered, rows) in enumerate(zip(entering, starting, strict=True)):
            if place and place % self.bptt == 0:
                session, shopper = session.detach(), shopper.detach()
            session = _stepped(entered, session, gates.weight_hh_l0, gates.bias_hh_l0)
            state = session + shopper
            if len(rows):
                fresh, learnt = self.session.begun(session[rows], shopper[rows])
                session, shopper = session.index_copy(0, rows, fresh), shopper.index_copy(0, rows, learnt)
                told = rows
                if self.training:
                    kept = torch.rand(len(rows), device=rows.device) >= EARLY
                    told, fresh, learnt = rows[kept], fresh[kept], learnt[kept]
                state = state.index_copy(0, told, fresh + learnt)
            states.append(state)
        return torch.stack(states, dim=1)


def _stepped(entered: Any, state: Any, weight: Any, bias: Any) -> Any:
    """One step of PyTorch's GRU, whose input's products float [b, 3d] are there already."""
    reset, update, new = entered.chunk(3, 1)
    held_reset, held_update, held_new = functional.linear(state, weight, bias).chunk(3, 1)
    fresh = torch.tanh(torch.addcmul(new, torch.sigmoid(reset + held_reset), held_new))
    return torch.lerp(fresh, state, torch.sigmoid(update + held_update))
