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


def session_graph(session: Session, *, begins: bool) -> UInt8:
    """One session further as ONNX, uint8 [bytes], written by hand: PyTorch's exporter fixes the length of a GRU.

    Inputs `steps` float32 [t, 1, d] (the session's events), `session` and `shopper` float32 [1, 1, d]; output `state`,
    likewise, of what is asked for within the session, or, with `begins`, of where another one begins, and then also
    `next_session` and `next_shopper`. Two graphs, for choosing between the two in one costs a fifth of a short query.
    """
    onnx, weights = needed("onnx"), {}
    for name, given in (("events", _named(session.events)), ("shopper", _named(session.shopper))):
        for part in ("weight_ih", "weight_hh"):
            weights[f"{name}.{part}"] = _gates(given[part])[None]
        weights[f"{name}.bias"] = np.concatenate([_gates(given["bias_ih"]), _gates(given["bias_hh"])])[None]
    weights["start.weight"] = session.start.weight.detach().numpy().T
    for name, value in (("start.bias", session.start.bias), ("after.scale", session.after.weight)):
        weights[name] = value.detach().numpy()
    weights["after.bias"] = session.after.bias.detach().numpy()
    width, node = session.start.out_features, onnx.helper.make_node
    one = {"hidden_size": width, "linear_before_reset": 1}
    recurrent = ("weight_ih", "weight_hh", "bias")
    nodes = [node("GRU", ["steps", *(f"events.{part}" for part in recurrent), "", "session"], ["", "ended"], **one)]
    learnt = ["ended", *(f"shopper.{part}" for part in recurrent), "", "shopper"]
    if begins:
        nodes += [
            node("GRU", learnt, ["", "next_shopper"], **one),
            node("MatMul", ["next_shopper", "start.weight"], ["turned"]),
            node("Add", ["turned", "start.bias"], ["moved"]),
            node("Tanh", ["moved"], ["next_session"]),
        ]
    nodes += [
        node("Add", ["next_session", "next_shopper"] if begins else ["ended", "shopper"], ["both"]),
        node("LayerNormalization", ["both", "after.scale", "after.bias"], ["state"], epsilon=session.after.eps),
    ]
    floats, told = onnx.TensorProto.FLOAT, onnx.helper.make_tensor_value_info
    inputs = [told("steps", floats, ["steps", 1, width])]
    inputs += [told(name, floats, [1, 1, width]) for name in ("session", "shopper")]
    given = ("state", "next_session", "next_shopper") if begins else ("state",)
    outputs = [told(name, floats, [1, 1, width]) for name in given]
    read = {name for each in nodes for name in each.input}
    held = [
        onnx.numpy_helper.from_array(np.ascontiguousarray(array), name)
        for name, array in weights.items()
        if name in read
    ]
    model = onnx.helper.make_model(
        onnx.helper.make_graph(nodes, "session", inputs, outputs, held),
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
