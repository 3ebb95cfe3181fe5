"""All settings, once: environment over `endcap.toml` over default; an unknown key is an error.

A key `host` is `ENDCAP_HOST` in the environment and `host` in the file.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from endcap.errors import InputError, UnknownName
from endcap.types import AccountKey

FILE = "endcap.toml"
PREFIX = "ENDCAP_"
NO_SETTINGS = ("ENDCAP_TOKEN",)
"""Of the same prefix, for clients: what `endcap env` exports."""


def _setting(default: Any, doc: str) -> Any:
    return field(default=default, metadata={"doc": doc})


@dataclass(frozen=True)
class Settings:
    """Where things live and where the server listens; every field carries its documentation."""

    home: Path = _setting(Path(".endcap"), "Directory that holds everything: metadata, lake, models, reports.")
    host: str = _setting("127.0.0.1", "Address to listen on.")
    port: int = _setting(8420, "Port to listen on, 1-65535.")
    database_url: str = _setting("", "SQLAlchemy URL of the metadata database; empty is SQLite in the home.")
    account: str = _setting("000000000000", "Account id (12 digits) that ARNs carry.")
    region: str = _setting("us-east-1", "Region that ARNs carry.")
    import_memory_mb: int = _setting(4096, "Memory limit of the import's child process, in MiB.")
    threads: int = _setting(0, "Threads for training and evaluation; 0 is all cores.")
    auth: bool = _setting(True, "Require access keys; may only be false on loopback.")
    log_url: str = _setting("", "URL of the event log; empty is SQLite in the home.")
    state_url: str = _setting("", "URL of online features and shared state, redis://…; empty is memory and the log.")
    workers: int = _setting(1, "Web processes on one port; more than one needs a Redis log_url and state_url.")
    jobs_url: str = _setting("", "URL of the database of durable jobs; empty is SQLite in the home.")
    jobs_parallel: int = _setting(2, "Jobs done at once, 1-64.")
    sink_seconds: int = _setting(60, "How often live events are moved into the lake, in seconds.")
    web: str = _setting("", "Folder of the built pages; empty is the package's own.")
    s3_endpoint: str = _setting("", "Where s3:// locations are: empty is the folder buckets in the home, else a URL.")
    s3_access_key: str = _setting("", "Access key id for s3_endpoint.")
    s3_secret_key: str = _setting("", "Secret access key for s3_endpoint.")
    s3_region: str = _setting("us-east-1", "Region of s3_endpoint.")

    @property
    def account_key(self) -> AccountKey:
        """The account and region as one key."""
        return AccountKey(self.account, self.region)

    @property
    def database(self) -> str:
        """The metadata database's URL, the default filled in."""
        return self.database_url or f"sqlite:///{self.home.absolute() / 'metadata.db'}"

    @property
    def log(self) -> str:
        """The event log's URL, the default filled in."""
        return self.log_url or f"sqlite:///{self.home.absolute() / 'log.db'}"

    @property
    def jobs_database(self) -> str:
        """The URL of the durable jobs' database, the default filled in."""
        return self.jobs_url or f"sqlite:///{self.home.absolute() / 'jobs.db'}"


def load_settings(environ: Mapping[str, str] | None = None, directory: Path | None = None) -> Settings:
    """Settings of this process. Raises `UnknownName` for a key that does not exist, `InputError` for a bad value."""
    given = {**_from_file((directory or Path.cwd()) / FILE), **_from_environment(environ or os.environ)}
    known = {item.name: item for item in fields(Settings)}
    values = {}
    for name, (value, source) in given.items():
        if name not in known:
            raise UnknownName("setting", name, known, fix=f"It was given in {source}.")
        values[name] = _convert(name, value, type(known[name].default), source)
    return Settings(**values)


def _from_file(path: Path) -> dict[str, tuple[Any, str]]:
    if not path.exists():
        return {}
    try:
        return {name: (value, str(path)) for name, value in tomllib.loads(path.read_text("utf-8")).items()}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not valid TOML: {error}.") from error


def _from_environment(environ: Mapping[str, str]) -> dict[str, tuple[Any, str]]:
    return {
        name.removeprefix(PREFIX).lower(): (value, f"the environment as {name}")
        for name, value in environ.items()
        if name.startswith(PREFIX) and name not in NO_SETTINGS
    }


def _boolean(value: Any) -> bool:
    text = str(value).lower()
    if text not in ("true", "false", "1", "0"):
        raise ValueError(text)
    return text in ("true", "1")


def _convert(name: str, value: Any, kind: type[Any], source: str) -> Any:
    try:
        converted: Any = _boolean(value) if kind is bool else Path(value) if issubclass(kind, Path) else kind(value)
    except (TypeError, ValueError):
        raise InputError(f"Setting {name} is {value!r} in {source}, expected {kind.__name__}.") from None
    if name == "port" and converted not in range(1, 65536):
        raise InputError(f"Setting port is {value} in {source}, expected 1-65535.")
    return converted
