"""The metadata database's tables, each written once.

Names are the keys, as in ARNs: `(account, region, kind, id)`. So no ARN is stored, and a solution's or campaign's name
is unique in its account and region, as Personalize's ARNs demand. Times are int64 microseconds UTC.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import JSONB

REVISION = "0003"
"""The newest migration; a test holds it equal to Alembic's head."""

METADATA = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)
DOCUMENT = JSON().with_variant(JSONB(), "postgresql")
NAME = String(63)


def _account() -> tuple[Column[str], Column[str]]:
    return Column("account", String(12), primary_key=True), Column("region", String(32), primary_key=True)


def _shop() -> tuple[Column[str], Column[str], Column[str]]:
    """The shop that a row belongs to, where that is no part of its key."""
    return (
        Column("account", String(12), nullable=False),
        Column("region", String(32), nullable=False),
        Column("shop", NAME, nullable=False),
    )


# Whatever the control plane can describe: shops, schemas, datasets, solutions, campaigns, filters, jobs …
resources = Table(
    "resources",
    METADATA,
    *_account(),
    Column("kind", String(32), primary_key=True),
    Column("id", String(160), primary_key=True),
    Column("shop", NAME, nullable=False),
    Column("parent", String(160), nullable=False),
    Column("status", String(32), nullable=False),
    Column("document", DOCUMENT, nullable=False),
    Column("tags", DOCUMENT, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("updated", BigInteger, nullable=False),
    Index(None, "account", "region", "kind", "shop", "created"),
    Index(None, "account", "region", "kind", "parent", "created"),
)

# Work to be done on resources; written in the transaction that asks for it, so neither exists without the other.
jobs = Table(
    "jobs",
    METADATA,
    Column("id", String(36), primary_key=True),
    Column("account", String(12), nullable=False),
    Column("region", String(32), nullable=False),
    Column("shop", NAME, nullable=False),
    Column("verb", String(16), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("resource", String(160), nullable=False),
    Column("status", String(16), nullable=False),
    Column("cancel", Boolean, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("progress", DOCUMENT, nullable=False),
    Column("log", DOCUMENT, nullable=False),
    Column("reason", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("started", BigInteger),
    Column("ended", BigInteger),
    CheckConstraint("status IN ('pending', 'running', 'done', 'failed', 'stopped')", name="status"),
    Index(None, "status", "created"),
    Index(None, "account", "region", "shop", "created"),
)

access_keys = Table(
    "access_keys",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("secret", String(64), nullable=False),
    Column("account", String(12), nullable=False),
    Column("role", String(16), nullable=False),
    Column("label", String(128), nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("revoked", BigInteger),
    Index(None, "account", "created"),
)

versions = Table(
    "versions",
    METADATA,
    Column("id", String(8), primary_key=True),
    *_shop(),
    Column("solution", String(80), nullable=False),
    Column("recipe", NAME, nullable=False),
    Column("status", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("lineage", DOCUMENT, nullable=False),
    Column("path", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("manifest_size", BigInteger, nullable=False),
    Column("manifest_sha256", String(64), nullable=False),
    CheckConstraint("status IN ('pending', 'approved', 'rejected')", name="status"),
    Index(None, "account", "region", "shop", "solution", "created"),
)

# Only ever inserted into: the newest generation of a campaign or recommender is the only truth of what serves.
deployments = Table(
    "deployments",
    METADATA,
    *_account(),
    Column("kind", String(32), primary_key=True),
    Column("campaign", NAME, primary_key=True),
    Column("generation", Integer, primary_key=True, autoincrement=False),
    Column("shop", NAME, nullable=False),
    Column("variants", DOCUMENT, nullable=False),
    Column("config", DOCUMENT, nullable=False),
    Column("restores", Integer),
    Column("reason", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    CheckConstraint("generation >= 1", name="generation"),
)

# Lake snapshots that serving should answer from, newest generation last: what live traffic is laid over.
snapshots = Table(
    "snapshots",
    METADATA,
    *_account(),
    Column("shop", NAME, primary_key=True),
    Column("generation", Integer, primary_key=True, autoincrement=False),
    Column("snapshot", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
)

# Web processes that are alive, and the generation that each has loaded of every campaign: updates wait for them.
servers = Table(
    "servers",
    METADATA,
    Column("id", String(36), primary_key=True),
    Column("expires", BigInteger, nullable=False),
    Column("loaded", DOCUMENT, nullable=False),
)

imports = Table(
    "imports",
    METADATA,
    *_account(),
    Column("shop", NAME, primary_key=True),
    Column("job", String(63), primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("report", DOCUMENT, nullable=False),
    Column("created", BigInteger, nullable=False),
    Index(None, "account", "region", "shop", "created"),
)
