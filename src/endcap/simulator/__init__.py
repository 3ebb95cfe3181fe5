"""Seeded shops with known ground truth: their history as files, and shoppers that react to a live server."""

from endcap.simulator.crowd import Crowd, Pace
from endcap.simulator.outcomes import Estimate, Outcomes
from endcap.simulator.past import History, history
from endcap.simulator.shop import Shop, open_shop
from endcap.simulator.transport import HttpTransport
from endcap.simulator.wire import Targets
from endcap.simulator.worth import Expected, expected

__all__ = [
    "Crowd",
    "Estimate",
    "Expected",
    "History",
    "HttpTransport",
    "Outcomes",
    "Pace",
    "Shop",
    "Targets",
    "expected",
    "history",
    "open_shop",
]
