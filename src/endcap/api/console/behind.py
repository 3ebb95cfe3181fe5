"""Answers that take longer than a request should: made in a thread of their own, kept, asked for again."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")
KEPT = 32


@dataclass
class _Made(Generic[T]):
    done: threading.Event = field(default_factory=threading.Event)
    value: T | None = None
    error: Exception | None = None


class Behind(Generic[T]):
    """One value for each key, made once; one is made at a time."""

    def __init__(self, patience: float = 0.8) -> None:
        self._patience = patience
        self._made: OrderedDict[Hashable, _Made[T]] = OrderedDict()
        self._lock, self._turn = threading.Lock(), threading.Lock()

    def get(self, key: Hashable, make: Callable[[], T]) -> T | None:
        """The value, or None while it is being made. Raises what `make` raised, once; the next call tries again."""
        with self._lock:
            found = self._made.get(key)
            if found is None:
                found = self._made[key] = _Made()
                threading.Thread(target=self._make, args=(found, make), daemon=True, name="behind").start()
            self._made.move_to_end(key)
            while len(self._made) > KEPT:
                self._made.popitem(last=False)
        if not found.done.wait(self._patience):
            return None
        if found.error is not None:
            with self._lock:
                if self._made.get(key) is found:  # not what another call has begun since
                    del self._made[key]
            raise found.error
        return found.value

    def _make(self, made: _Made[T], make: Callable[[], T]) -> None:
        try:
            with self._turn:
                made.value = make()
        except Exception as error:  # told to whoever asks next
            made.error = error
        finally:
            made.done.set()
