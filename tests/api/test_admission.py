from __future__ import annotations

import pytest

from endcap.api.admission import BURST_SECONDS, BUSY, Admission
from endcap.api.wire import Refusal

ARN = "arn:aws:personalize:us-east-1:000000000000:campaign/home"


class Load:
    now = 0.0
    waiting = 0

    def admission(self) -> Admission:
        return Admission(lambda: self.waiting, tick=lambda: self.now)


def is_let_in(admission: Admission, rate: int) -> bool:
    try:
        admission.admit(ARN, rate)
    except Refusal:
        return False
    return True


def test_a_server_with_time_left_refuses_nobody() -> None:
    admission = Load().admission()
    for _ in range(10_000):
        admission.admit(ARN, 1)


def test_a_busy_one_lets_in_what_is_guaranteed() -> None:
    load = Load()
    load.waiting = BUSY
    admission = load.admission()
    rate, let_in = 5, 0
    for step in range(1000):
        load.now = step / 100
        let_in += is_let_in(admission, rate)
    assert let_in in range(int(rate * BURST_SECONDS + 9 * rate), int(rate * BURST_SECONDS + 10 * rate) + 2)
    admission.admit("another", 1)


def test_what_was_asked_while_there_was_time_counts() -> None:
    load = Load()
    admission = load.admission()
    for _ in range(20):
        admission.admit(ARN, 2)
    load.waiting = BUSY
    with pytest.raises(Refusal, match="guaranteed 2") as caught:
        admission.admit(ARN, 2)
    assert caught.value.status == 429 and caught.value.kind == "ThrottlingException"
    load.now = 1.0
    admission.admit(ARN, 2)
