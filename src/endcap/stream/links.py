"""Which user a session became: told by an event that carries both.

Where several users claim one session, its first one in (time, event id) keeps it: what was done before somebody signed
in belongs to who signed in first. So the result does not depend on the order in which events come.
"""

from __future__ import annotations


class Links:
    """Both ways. One thread folds, any may read."""

    def __init__(self) -> None:
        self._users: dict[str, tuple[int, str, str]] = {}
        self._sessions: dict[str, tuple[str, ...]] = {}

    def fold(self, session: str, user: str, time: int, event_id: str) -> None:
        """An event with these ids at this time; nothing where one of them is empty or both are the same."""
        if not session or not user or session == user:
            return
        held = self._users.get(session)
        if held is not None and held[:2] <= (time, event_id):
            return
        self._users[session] = (time, event_id, user)
        if held is None or held[2] != user:
            if held is not None:
                self._leave(held[2], session)
            self._sessions[user] = (*self._sessions.get(user, ()), session)

    def user(self, session: str) -> str | None:
        """The user that a session became."""
        found = self._users.get(session)
        return found[2] if found else None

    def sessions(self, user: str) -> tuple[str, ...]:
        """Sessions that became this user's."""
        return self._sessions.get(user, ())

    def _leave(self, user: str, session: str) -> None:
        rest = tuple(each for each in self._sessions[user] if each != session)
        if rest:
            self._sessions[user] = rest
        else:
            del self._sessions[user]
