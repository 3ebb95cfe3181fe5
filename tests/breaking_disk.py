"""A disk that breaks at a chosen call: for proving that nothing half-written is ever seen."""

import errno
import os
from pathlib import Path

from endcap.seams import Disk


class Breaking(Disk):
    """Fails at the n-th call, counted from 1, as a full disk does; keeps what was called."""

    def __init__(self, at: int = 0, code: int = errno.ENOSPC) -> None:
        self.at, self.code, self.calls = at, code, []

    def _count(self, call: str) -> None:
        self.calls.append(call)
        if len(self.calls) == self.at:
            raise OSError(self.code, os.strerror(self.code))

    def write(self, path: Path, data: bytes) -> None:
        self._count(f"write {path.name}")
        super().write(path, data)

    def fsync(self, path: Path) -> None:
        self._count(f"fsync {path.name}")
        super().fsync(path)

    def rename(self, source: Path, target: Path) -> None:
        self._count(f"rename {target.name}")
        super().rename(source, target)

    def mkdir(self, path: Path) -> None:
        self._count(f"mkdir {path.name}")
        super().mkdir(path)

    def remove(self, path: Path) -> None:
        self._count(f"remove {path.name}")
        super().remove(path)
