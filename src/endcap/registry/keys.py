"""Access keys: who may call. An id that is no secret, a secret that signs, an account, and a role.

A signature is checked with the secret itself, so it is stored as it is: see docs/decisions/access.md.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from secrets import choice

from sqlalchemy import Connection, Row, func, insert, select, update

from endcap.errors import InputError, UnknownName
from endcap.seams import Clock, SystemClock
from endcap.storage.db import Database
from endcap.storage.schema import access_keys
from endcap.types import Micros

ROLES = ("admin", "operator", "reader", "runtime", "events")
"""What a key may do, most first; `endcap.api.callers` says what each allows."""
DEVELOPMENT = "development"
"""Label of the key that a server on loopback makes for itself."""
LONGEST_LABEL = 128
_ID_LETTERS = string.ascii_uppercase + "234567"
_SECRET_LETTERS = string.ascii_letters + string.digits
_ACCOUNT = re.compile(r"\d{12}")


def random_text(letters: str, length: int) -> str:
    """So many letters, each drawn by the system's source of secrets."""
    return "".join(choice(letters) for _ in range(length))


@dataclass(frozen=True, slots=True)
class AccessKey:
    """One key. `id` has 20 characters and starts with EC, `secret` has 40; times in microseconds UTC."""

    id: str
    secret: str = field(repr=False)
    account: str
    role: str
    label: str = ""
    created: Micros = Micros(0)
    revoked: Micros | None = None


class Keys:
    """The keys of all accounts. Rows are never removed: a revoked key stays, so that its id stays known."""

    def __init__(
        self, database: Database, *, clock: Clock | None = None, draw: Callable[[str, int], str] = random_text
    ) -> None:
        self._database, self._clock, self._draw = database, clock or SystemClock(), draw

    def create(self, account: str, role: str, label: str = "") -> AccessKey:
        """A new key. Raises `InputError` for an account, role or label that cannot be."""
        return self._database.write(lambda connection: _insert(connection, self._new(account, role, label)))

    def development(self, account: str) -> AccessKey:
        """The account's newest living development key; made, with every right, where there is none."""
        mine = (access_keys.c.account == account, access_keys.c.label == DEVELOPMENT, access_keys.c.revoked.is_(None))
        query = select(access_keys).where(*mine).order_by(access_keys.c.created.desc(), access_keys.c.id).limit(1)

        def work(connection: Connection) -> AccessKey:
            row = connection.execute(query).first()
            return _insert(connection, self._new(account, "admin", DEVELOPMENT)) if row is None else _key(row)

        return self._database.write(work)

    def find(self, identity: str) -> AccessKey:
        """Revoked or not. Raises `UnknownName`."""
        with self._database.read() as connection:
            row = connection.execute(select(access_keys).where(access_keys.c.id == identity)).first()
        if row is None:
            raise UnknownName("access key", identity, (), fix="List them with endcap keys list.")
        return _key(row)

    def revoke(self, identity: str) -> AccessKey:
        """Refused from now on, for good; once more changes nothing. Raises `UnknownName`."""
        now = self._clock.now()
        waiting = (access_keys.c.id == identity, access_keys.c.revoked.is_(None))
        with self._database.begin() as connection:
            connection.execute(update(access_keys).where(*waiting).values(revoked=now))
        return self.find(identity)

    def living(self) -> list[AccessKey]:
        """Every key of every account that may still be used."""
        with self._database.read() as connection:
            return [_key(row) for row in connection.execute(select(access_keys).where(access_keys.c.revoked.is_(None)))]

    def change(self) -> tuple[int, int]:
        """Differs whenever a key was made or revoked: rows are only added, and revoked only once."""
        query = select(func.count(), func.count(access_keys.c.revoked)).select_from(access_keys)
        with self._database.read() as connection:
            made, revoked = connection.execute(query).one()
        return int(made), int(revoked)

    def list(self, account: str | None = None) -> list[AccessKey]:
        """Oldest first, the revoked ones too; of one account or of all."""
        query = select(access_keys).order_by(access_keys.c.created, access_keys.c.id)
        if account is not None:
            query = query.where(access_keys.c.account == account)
        with self._database.read() as connection:
            return [_key(row) for row in connection.execute(query)]

    def _new(self, account: str, role: str, label: str) -> AccessKey:
        if not _ACCOUNT.fullmatch(account):
            raise InputError(f"Account {account!r} was given, expected 12 digits.")
        if role not in ROLES:
            raise UnknownName("role", role, ROLES)
        if len(label) > LONGEST_LABEL or not _is_printable(label):
            raise InputError(f"A label has at most {LONGEST_LABEL} printable characters, and this one does not fit.")
        identity, secret = f"EC{self._draw(_ID_LETTERS, 18)}", self._draw(_SECRET_LETTERS, 40)
        return AccessKey(identity, secret, account, role, label, self._clock.now())


def _is_printable(text: Iterable[str]) -> bool:
    return all(letter.isprintable() for letter in text)


def _insert(connection: Connection, key: AccessKey) -> AccessKey:
    values = {
        "id": key.id,
        "secret": key.secret,
        "account": key.account,
        "role": key.role,
        "label": key.label,
        "created": key.created,
    }
    connection.execute(insert(access_keys).values(values))
    return key


def _key(row: Row[tuple[object, ...]]) -> AccessKey:
    return AccessKey(
        row.id,
        row.secret,
        row.account,
        row.role,
        row.label,
        Micros(row.created),
        None if row.revoked is None else Micros(row.revoked),
    )
