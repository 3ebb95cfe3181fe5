"""Signing in to the console: with the token of the first run, or with an access key."""

from __future__ import annotations

import hmac
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence

import msgspec

from endcap import __version__
from endcap.api.auth import sessions
from endcap.api.auth.received import Received
from endcap.api.console.backstage import Backstage
from endcap.api.console.operation import Ask, Call, Operation, Shape
from endcap.api.wire import Refusal, Reply
from endcap.errors import UnknownName
from endcap.registry.development import development_key, is_loopback
from endcap.registry.first_run import first_run_token
from endcap.registry.keys import AccessKey, Keys

TRIES, WITHIN = 10, 60.0
"""So many attempts to sign in from one address within so many seconds."""
ADDRESSES = 4096
"""So many addresses are kept; the one that was quiet longest goes first."""


class SignIn(Ask, frozen=True):
    """The token that `endcap serve` prints, or `ID:SECRET` of an access key."""

    token: str


class SessionState(Shape, frozen=True):
    """Who is signed in; `csrf` goes into the header `x-endcap-csrf` of every change."""

    signed_in: bool
    role: str = ""
    key: str = ""
    account: str = ""
    csrf: str = ""
    loopback: bool = False
    version: str = ""


class Attempts:
    """How often each address has guessed lately. Asked from any thread."""

    def __init__(self, tick: Callable[[], float] = time.monotonic) -> None:
        self._tick, self._lock = tick, threading.Lock()
        self._tries = OrderedDict[str, deque[float]]()

    def enter(self, address: str) -> None:
        """Count one try. Raises `Refusal` (429)."""
        with self._lock:
            now, tries = self._tick(), self._tries.setdefault(address, deque())
            self._tries.move_to_end(address)
            while tries and tries[0] < now - WITHIN:
                tries.popleft()
            if len(tries) >= TRIES:
                after = ((b"retry-after", str(int(WITHIN)).encode()),)
                raise Refusal(429, "TooManyRequestsException", "Too many attempts to sign in; wait a minute.", after)
            tries.append(now)
            while len(self._tries) > ADDRESSES:
                self._tries.popitem(last=False)

    def succeeded(self, address: str) -> None:
        """The last try was no guess."""
        with self._lock:
            if tries := self._tries.get(address):
                tries.pop()


class SignInDesk:
    """`/console/api/session`."""

    def __init__(self, backstage: Backstage) -> None:
        self._backstage, self._limit = backstage, Attempts()

    def operations(self) -> Sequence[Operation]:
        """Look, sign in, sign out."""
        path = "/console/api/session"
        return (
            Operation("getSession", "GET", path, "Who is signed in.", self.look, None, SessionState, public=True),
            Operation("signIn", "POST", path, "Sign in.", self.sign_in, SignIn, SessionState, public=True),
            Operation("signOut", "DELETE", path, "Sign out.", self.sign_out, None, SessionState, public=True),
        )

    def look(self, call: Call, asked: None) -> SessionState:
        """The session of the cookie, if it holds."""
        received = Received("GET", b"", b"", call.exchange.headers)
        found = sessions.given(received)
        if found is None:
            return self._nobody()
        try:
            key = self._keys().find(found[0].key)
            if key.revoked is not None:
                return self._nobody()
            sessions.prove(received, *found, key, self._backstage.clock.now())
        except (Refusal, UnknownName):
            return self._nobody()
        return self._state(found[0], key)

    def sign_in(self, call: Call, asked: SignIn) -> Reply:
        """Raises `Refusal` (403, 429)."""
        self._limit.enter(call.exchange.client)
        key = self._key(asked.token.strip())
        if key is None or key.revoked is not None:
            fix = "endcap console prints a link that signs in."
            raise Refusal(403, "UnrecognizedClientException", f"That is neither the token nor an access key. {fix}")
        self._limit.succeeded(call.exchange.client)
        session = sessions.begin(key, self._backstage.clock.now())
        state = msgspec.json.encode(self._state(session, key))
        secure = not is_loopback(self._backstage.workspace.settings.host)
        cookie = (b"set-cookie", session.cookie(key.secret, secure=secure).encode())
        return Reply(200, state, ((b"content-type", b"application/json"), cookie))

    def sign_out(self, call: Call, asked: None) -> Reply:
        """The cookie is gone from then on."""
        body = msgspec.json.encode(self._nobody())
        return Reply(200, body, ((b"content-type", b"application/json"), (b"set-cookie", sessions.END.encode())))

    def _key(self, token: str) -> AccessKey | None:
        settings = self._backstage.workspace.settings
        identity, colon, secret = token.partition(":")
        if colon:
            try:
                key = self._keys().find(identity)
            except UnknownName:
                return None
            return key if hmac.compare_digest(key.secret.encode(), secret.encode()) else None
        first = first_run_token(settings) if is_loopback(settings.host) else ""
        if first and hmac.compare_digest(first.encode(), token.encode()):
            return development_key(settings, self._keys())
        return None

    def _keys(self) -> Keys:
        return Keys(self._backstage.workspace.database, clock=self._backstage.clock)

    def _state(self, session: sessions.Session, key: AccessKey) -> SessionState:
        said = SessionState(
            signed_in=True, role=key.role, key=key.id, account=key.account, csrf=session.word(key.secret)
        )
        return msgspec.structs.replace(said, loopback=self._loopback, version=__version__)

    def _nobody(self) -> SessionState:
        return SessionState(signed_in=False, loopback=self._loopback, version=__version__)

    @property
    def _loopback(self) -> bool:
        return is_loopback(self._backstage.workspace.settings.host)
