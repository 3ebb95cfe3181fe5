from endcap.registry.quotas import Rate, is_going, is_unfinished
from endcap.types import AccountKey


def test_statuses() -> None:
    unfinished = ("CREATE PENDING", "IN_PROGRESS", "PENDING", "DELETE IN_PROGRESS", "STOP PENDING", "CREATE STOPPING")
    assert all(is_unfinished(status) for status in unfinished)
    assert not any(is_unfinished(status) for status in ("ACTIVE", "INACTIVE", "CREATE FAILED", "CREATE STOPPED", ""))
    assert [status for status in (*unfinished, "DELETE FAILED") if is_going(status)] == ["DELETE IN_PROGRESS"]


def test_each_account_has_its_own_seconds() -> None:
    now = [10.0]
    rate = Rate(2, lambda: now[0])
    one, other = AccountKey("111111111111"), AccountKey("222222222222")
    assert [rate.admits(one) for _ in range(3)] == [True, True, False]
    assert rate.admits(other)
    now[0] = 11.0
    assert rate.admits(one)
