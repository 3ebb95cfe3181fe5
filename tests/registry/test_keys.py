import re
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from endcap.errors import InputError, UnknownName
from endcap.registry.keys import ROLES, Keys
from endcap.seams import FrozenClock
from endcap.storage.db import Database, open_database
from endcap.types import Micros

ACCOUNT = "000000000001"
NOW = Micros(int(datetime(2026, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000)


def test_a_key_is_made_listed_found_and_revoked_for_good(database: Database) -> None:
    clock = FrozenClock(NOW)
    keys = Keys(database, clock=clock)
    key = keys.create(ACCOUNT, "reader", "the page's back end")
    assert re.fullmatch(r"EC[A-Z2-7]{18}", key.id) and re.fullmatch(r"[a-zA-Z0-9]{40}", key.secret)
    assert (key.role, key.label, key.created, key.revoked) == ("reader", "the page's back end", NOW, None)
    clock.at = Micros(NOW + 5)
    other = keys.create("000000000002", "admin")
    assert keys.list() == [key, other] and keys.list(ACCOUNT) == [key]
    assert keys.find(key.id) == key and sorted(keys.living(), key=lambda each: each.created) == [key, other]
    revoked = keys.revoke(key.id)
    clock.at = Micros(NOW + 9)
    assert revoked.revoked == NOW + 5 and keys.revoke(key.id) == revoked
    assert keys.living() == [other] and keys.list(ACCOUNT) == [revoked]


def test_a_secret_is_never_printed(database: Database) -> None:
    key = Keys(database).create(ACCOUNT, "admin")
    assert key.secret not in repr(key) and key.id in repr(key)


def test_what_cannot_be_a_key_is_refused(database: Database) -> None:
    keys = Keys(database)
    for account in ("1", "abc", "", "0000000000012"):
        with pytest.raises(InputError, match="12 digits"):
            keys.create(account, "admin")
    with pytest.raises(UnknownName, match="operator"):
        keys.create(ACCOUNT, "root")
    for label in ("x" * 129, "a\nb"):
        with pytest.raises(InputError, match="label"):
            keys.create(ACCOUNT, "admin", label)
    for lookup in (keys.find, keys.revoke):
        with pytest.raises(UnknownName, match="ECNOSUCHKEY"):
            lookup("ECNOSUCHKEY")
    assert keys.list() == []


def test_the_development_key_is_the_same_until_it_is_revoked(database: Database) -> None:
    keys = Keys(database)
    key = keys.development(ACCOUNT)
    assert key.role == "admin" and keys.development(ACCOUNT) == key
    assert keys.development("000000000002").id != key.id
    keys.revoke(key.id)
    assert keys.development(ACCOUNT).id != key.id


def test_a_drawn_id_that_is_taken_is_drawn_again(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'metadata.db'}")
    database.migrate()
    drawn = iter(["A" * 18, "s" * 40, "A" * 18, "t" * 40, "B" * 18, "u" * 40])
    keys = Keys(database, draw=lambda letters, length: next(drawn))
    assert keys.create(ACCOUNT, "admin").id == "EC" + "A" * 18
    assert keys.create(ACCOUNT, "admin").id == "EC" + "B" * 18


class Life(RuleBasedStateMachine):
    """Keys come and go; what counts as a change always shows."""

    def __init__(self) -> None:
        super().__init__()
        self.database = open_database(f"sqlite:///{PLACE[0] / f'{next(NUMBERS)}.db'}")
        self.database.migrate()
        self.keys = Keys(self.database)
        self.living: set[str] = set()
        self.revoked: list[str] = []
        self.seen = {self.keys.change(): frozenset(self.living)}

    @rule(role=st.sampled_from(ROLES))
    def create(self, role: str) -> None:
        self.living.add(self.keys.create(ACCOUNT, role).id)

    @rule(data=st.data())
    def revoke(self, data: st.DataObject) -> None:
        if self.living:
            identity = data.draw(st.sampled_from(sorted(self.living)))
            self.living.discard(identity)
            self.revoked.append(identity)
            assert self.keys.revoke(identity).revoked is not None

    @invariant()
    def what_lives_is_what_was_made_and_not_revoked(self) -> None:
        assert {key.id for key in self.keys.living()} == self.living
        change = self.keys.change()
        assert self.seen.setdefault(change, frozenset(self.living)) == self.living

    def teardown(self) -> None:
        self.database.close()


PLACE: list[Path] = []
NUMBERS = count()


def test_life(tmp_path: Path) -> None:
    from hypothesis import settings  # noqa: PLC0415
    from hypothesis.stateful import run_state_machine_as_test  # noqa: PLC0415

    PLACE[:] = [tmp_path]
    run_state_machine_as_test(Life, settings=settings(max_examples=15, stateful_step_count=12, deadline=None))
