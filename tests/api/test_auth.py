"""Who calls: keys that are made and revoked, bearers, roles, a database that is away, and where a server may listen."""

import asyncio
import stat
from pathlib import Path
from typing import Any

import pytest

from breaking_disk import Breaking
from endcap.api.auth.authenticator import Authenticator
from endcap.api.auth.listening import may_listen
from endcap.api.auth.received import Received
from endcap.api.auth.ring import LATE, KeyRing
from endcap.api.callers import NOBODY, ROLES, Caller
from endcap.api.wire import Refusal
from endcap.errors import InputError, ResourceError, StateError, UnavailableError
from endcap.registry import keys as keys_module
from endcap.registry.development import development_key, is_loopback
from endcap.registry.keys import AccessKey, Keys
from endcap.settings import Settings
from endcap.storage.db import open_database
from endcap.types import AccountKey

ACCOUNT = "000000000001"


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    database = open_database(f"sqlite:///{tmp_path / 'metadata.db'}")
    database.migrate()
    return Keys(database)


def asked(authenticator: Authenticator, *headers: tuple[bytes, bytes], body: bytes = b"", query: bytes = b"") -> Caller:
    async def whole() -> Caller:
        claim = await authenticator.claim(Received("POST", b"/", query, headers))
        return claim.prove(body)

    return asyncio.run(whole())


def bearer(text: str) -> tuple[bytes, bytes]:
    return b"authorization", f"Bearer {text}".encode()


def test_a_bearer_is_its_keys_account_in_the_region_that_it_names(keys: Keys) -> None:
    key = keys.create(ACCOUNT, "reader")
    authenticator = Authenticator(Settings(region="eu-west-1"), keys)
    token = bearer(f"{key.id}:{key.secret}")
    assert asked(authenticator, token) == Caller(AccountKey(ACCOUNT, "eu-west-1"), "reader", key.id)
    assert asked(authenticator, token, (b"x-endcap-region", b"us-gov-west-1")).account.region == "us-gov-west-1"
    assert asked(authenticator, (b"authorization", token[1].replace(b"Bearer", b"bearer"))).key == key.id


@pytest.mark.parametrize(
    ("headers", "kind"),
    [
        ([], "MissingAuthenticationTokenException"),
        ([bearer("{id}:{other}")], "UnrecognizedClientException"),
        ([bearer("EC" + "A" * 18 + ":{secret}")], "UnrecognizedClientException"),
        ([bearer("{id}:{secret}x")], "UnrecognizedClientException"),
        ([bearer("{id}:")], "IncompleteSignatureException"),
        ([bearer("{id}")], "IncompleteSignatureException"),
        ([bearer("")], "IncompleteSignatureException"),
        ([bearer("{id}:é")], "IncompleteSignatureException"),
        ([bearer("{id}:{secret}"), bearer("{id}:{secret}")], "IncompleteSignatureException"),
        ([(b"authorization", b"Basic e30=")], "IncompleteSignatureException"),
        ([(b"authorization", b"Bearer " + b"x" * 9000)], "IncompleteSignatureException"),
        ([bearer("{id}:{secret}"), (b"x-endcap-region", b"not a region!")], "IncompleteSignatureException"),
        ([bearer("{id}:{secret}"), *[(b"x-endcap-region", b"a-b-1")] * 2], "IncompleteSignatureException"),
    ],
)
def test_what_is_no_credential_is_refused(keys: Keys, headers: list[tuple[bytes, bytes]], kind: str) -> None:
    key, other = keys.create(ACCOUNT, "admin"), keys.create(ACCOUNT, "admin")
    fill = {b"{id}": key.id, b"{secret}": key.secret, b"{other}": other.secret}

    def filled(value: bytes) -> bytes:
        for mark, text in fill.items():
            value = value.replace(mark, text.encode())
        return value

    sent = [(name, filled(value)) for name, value in headers]
    with pytest.raises(Refusal) as caught:
        asked(Authenticator(Settings(), keys), *sent)
    assert (caught.value.status, caught.value.kind) == (403, kind)
    assert key.secret not in caught.value.message


def test_a_header_and_a_signed_query_together_are_refused(keys: Keys) -> None:
    key = keys.create(ACCOUNT, "admin")
    with pytest.raises(Refusal, match="Several credentials"):
        asked(Authenticator(Settings(), keys), bearer(f"{key.id}:{key.secret}"), query=b"X-Amz-Signature=00")


def test_without_authentication_everyone_is_the_accounts_admin(keys: Keys) -> None:
    caller = asked(Authenticator(Settings(auth=False), keys))
    assert caller == Caller(Settings().account_key, "admin")
    assert asked(Authenticator(Settings(auth=False), keys), bearer("nonsense")).role == "admin"


@pytest.mark.parametrize("role", [*ROLES, ""])
def test_a_role_allows_what_it_says(role: str) -> None:
    for access in ROLES["admin"]:
        caller = Caller(AccountKey(), role, "ECX")
        if access in ROLES.get(role, ()):
            caller.require(access)
        else:
            with pytest.raises(Refusal, match=access) as caught:
                caller.require(access)
            assert (caught.value.status, caught.value.kind) == (403, "AccessDeniedException")


def test_the_registry_and_the_door_know_the_same_roles() -> None:
    assert tuple(ROLES) == keys_module.ROLES
    with pytest.raises(Refusal):
        NOBODY.require("read")


class Shaky:
    """Keys whose database can go away; counts how often it is asked."""

    def __init__(self, keys: Keys) -> None:
        self.keys, self.away, self.asked = keys, False, 0

    def change(self) -> tuple[int, int]:
        self.asked += 1
        if self.away:
            raise UnavailableError("gone")
        return self.keys.change()

    def living(self) -> list[AccessKey]:
        return self.keys.living()


def with_ring(keys: Keys, story: Any) -> Shaky:
    shaky, now = Shaky(keys), [100.0]
    ring = KeyRing(shaky, tick=lambda: now[0])  # type: ignore[arg-type]

    def later(seconds: float) -> None:
        now[0] += seconds

    asyncio.run(story(ring, shaky, later))
    return shaky


def test_keys_that_are_made_or_revoked_count_within_a_moment(keys: Keys) -> None:
    first = keys.create(ACCOUNT, "admin")

    async def story(ring: KeyRing, shaky: Shaky, later: Any) -> None:
        assert await ring.find(first.id) == first
        for _ in range(50):
            assert await ring.find(first.id) == first
        assert shaky.asked == 1
        second = keys.create(ACCOUNT, "reader")
        assert await ring.find(second.id) == second
        assert shaky.asked == 2
        guesses = await asyncio.gather(*(ring.find(f"EC{number}") for number in range(100)))
        assert set(guesses) == {None} and shaky.asked <= 5
        keys.revoke(first.id)
        assert await ring.find(first.id) == first
        later(LATE + 0.1)
        assert await ring.find(first.id) is None
        assert await ring.find(second.id) == second

    with_ring(keys, story)


def test_while_the_database_is_away_the_last_keys_go_on(keys: Keys) -> None:
    key = keys.create(ACCOUNT, "admin")

    async def story(ring: KeyRing, shaky: Shaky, later: Any) -> None:
        assert await ring.find(key.id) == key
        shaky.away = True
        for _ in range(3):
            later(100.0)
            assert await ring.find(key.id) == key
        shaky.away = False
        keys.revoke(key.id)
        later(100.0)
        assert await ring.find(key.id) is None

    with_ring(keys, story)


def test_where_no_key_could_ever_be_read_the_server_is_not_ready(keys: Keys) -> None:
    key = keys.create(ACCOUNT, "admin")

    async def story(ring: KeyRing, shaky: Shaky, later: Any) -> None:
        shaky.away = True
        with pytest.raises(Refusal) as caught:
            await ring.find(key.id)
        assert caught.value.status == 503
        shaky.away = False
        later(1.0)
        assert await ring.find(key.id) == key

    with_ring(keys, story)


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.1", False),
        ("shop.example", False),
        ("", False),
    ],
)
def test_what_loopback_is(host: str, local: bool) -> None:
    assert is_loopback(host) is local


def test_off_loopback_a_server_needs_authentication_and_a_key(tmp_path: Path) -> None:
    abroad = Settings(home=tmp_path, host="0.0.0.0")
    with pytest.raises(InputError, match="ask nobody for a key") as open_to_all:
        may_listen(Settings(home=tmp_path, host="0.0.0.0", auth=False))
    assert "ENDCAP_AUTH" in open_to_all.value.fix
    with pytest.raises(StateError, match="no access key") as keyless:
        may_listen(abroad)
    assert "endcap keys create" in keyless.value.fix
    keys = Keys(open_database(abroad.database))
    key = keys.create(ACCOUNT, "admin")
    assert may_listen(abroad) is None
    keys.revoke(key.id)
    with pytest.raises(StateError, match="no access key"):
        may_listen(abroad)
    with pytest.raises(StateError, match="no development key"):
        development_key(abroad, keys)


def test_on_loopback_a_development_key_is_made_once_and_kept_private(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", account=ACCOUNT)
    key = may_listen(settings)
    path = settings.home / "credentials"
    assert key is not None and key.role == "admin" and key.account == ACCOUNT
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert key.secret in path.read_text() and may_listen(settings) == key
    path.chmod(0o644)
    assert may_listen(settings) == key and stat.S_IMODE(path.stat().st_mode) == 0o600
    path.unlink()
    assert may_listen(settings) == key and key.secret in path.read_text()
    Keys(open_database(settings.database)).revoke(key.id)
    after = may_listen(settings)
    assert after is not None and after.id != key.id and after.secret in path.read_text()
    assert [each.name for each in settings.home.iterdir() if "credentials" in each.name] == ["credentials"]


@pytest.mark.parametrize("call", [1, 2, 3])
def test_a_disk_that_fails_leaves_credentials_that_are_whole(tmp_path: Path, call: int) -> None:
    settings = Settings(home=tmp_path / "home")
    first = may_listen(settings)
    assert first is not None
    path = settings.home / "credentials"
    before = path.read_bytes()
    keys = Keys(open_database(settings.database))
    keys.revoke(first.id)
    with pytest.raises(ResourceError, match="credentials"):
        development_key(settings, keys, Breaking(call))
    # The third call is the folder's fsync: the new file is there by then.
    assert (path.read_bytes() == before) == (call < 3)
    assert [each.name for each in settings.home.iterdir() if each.name.startswith(".cred")] == []
    again = development_key(settings, keys)
    assert again.secret in path.read_text()


def test_nobody_else_reads_the_database_that_holds_the_keys(tmp_path: Path) -> None:
    path = tmp_path / "metadata.db"
    database = open_database(f"sqlite:///{path}")
    database.migrate()
    Keys(database).create(ACCOUNT, "admin")
    files = list(tmp_path.iterdir())
    assert len(files) > 1 and {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    database.close()
    path.chmod(0o644)
    assert Keys(open_database(f"sqlite:///{path}")).living() and stat.S_IMODE(path.stat().st_mode) == 0o600
