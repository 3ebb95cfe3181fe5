"""A hierarchical recurrent network (Quadrana et al. 2017): one GRU reads the events of a session, another one the
sessions of a shopper; what the second remembers is where the next session starts from.
"""

from __future__ import annotations

from typing import Any

from endcap.recipes.neural.extras import needed
from endcap.recipes.neural.layers import Dropout, ItemVectors

torch = needed("torch")
nn, functional = torch.nn, torch.nn.functional


class Cell(nn.Module):  # type: ignore[misc,name-defined]
    """One event further: the session's state, and at the start of a session the shopper's state first."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.session, self.shopper = nn.GRUCell(width, width), nn.GRUCell(width, width)
        self.start, self.after = nn.Linear(width, width), nn.LayerNorm(width)

    def forward(self, step: Any, begins: Any, session: Any, shopper: Any) -> tuple[Any, Any, Any]:
        """(state, session, shopper), float [b, d] each, of step, session, shopper and begins (float [b, 1], 0 or 1)."""
        learnt = self.shopper(session, shopper)
        shopper = shopper + begins * (learnt - shopper)
        session = session + begins * (torch.tanh(self.start(shopper)) - session)
        session = self.session(step, session)
        return self.after(session + shopper), session, shopper


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
        self.cell, self.drop = Cell(width), Dropout(dropout)

    def items(self) -> Any:
        """float [n, d + 1]."""
        return torch.cat([self.vectors(), self.bias[:, None]], dim=1)

    def forward(self, vectors: Any, batch: dict[str, Any]) -> Any:
        """float [b, t, d + 1] states of a batch of windows, the last number 1."""
        steps = functional.embedding(batch["item"], vectors)[..., : self.width] * self.width**0.5
        if len(self.kinds) > 1:
            steps = steps + self.kinds[batch["kind"]]
        steps = self.drop(steps)
        begins = (batch["gap"] >= self.session_gap).to(steps.dtype)[..., None]
        session = shopper = steps.new_zeros(len(steps), self.width)
        states = []
        for place in range(steps.shape[1]):
            if place and place % self.bptt == 0:
                session, shopper = session.detach(), shopper.detach()
            state, session, shopper = self.cell(steps[:, place], begins[:, place], session, shopper)
            states.append(state)
        made = self.drop(torch.stack(states, dim=1))
        return torch.cat([made, made.new_ones(*made.shape[:2], 1)], dim=2)
