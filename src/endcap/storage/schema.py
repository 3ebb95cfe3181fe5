"""The metadata database's tables, each written once.

Names are the keys, as in ARNs: `(account, region, name)`. So no ARN is stored, and a solution's or campaign's name is
unique in its account and region, as Personalize's ARNs demand. Times are int64 microseconds UTC.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import JSONB

REVISION = "0002"
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


def _owned(*keys: str) -> tuple[Column[str], Column[str], Column[str], ForeignKeyConstraint]:
    """Columns of a row that belongs to a shop; `keys` says which of them are part of its own key."""
    return (
        Column("account", String(12), primary_key="account" in keys, nullable=False),
        Column("region", String(32), primary_key="region" in keys, nullable=False),
        Column("shop", NAME, primary_key="shop" in keys, nullable=False),
        ForeignKeyConstraint(("account", "region", "shop"), ("shops.account", "shops.region", "shops.shop")),
    )


shops = Table(
    "shops",
    METADATA,
    *_account(),
    Column("shop", NAME, primary_key=True),
    Column("created", BigInteger, nullable=False),
)

solutions = Table(
    "solutions",
    METADATA,
    *_owned("account", "region"),
    Column("solution", NAME, primary_key=True),
    Column("created", BigInteger, nullable=False),
)

versions = Table(
    "versions",
    METADATA,
    Column("id", String(8), primary_key=True),
    Column("account", String(12), nullable=False),
    Column("region", String(32), nullable=False),
    Column("solution", NAME, nullable=False),
    Column("recipe", NAME, nullable=False),
    Column("status", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("lineage", DOCUMENT, nullable=False),
    Column("path", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("manifest_size", BigInteger, nullable=False),
    Column("manifest_sha256", String(64), nullable=False),
    ForeignKeyConstraint(
        ("account", "region", "solution"), ("solutions.account", "solutions.region", "solutions.solution")
    ),
    CheckConstraint("status IN ('pending', 'approved', 'rejected')", name="status"),
    Index(None, "account", "region", "solution", "created"),
)

campaigns = Table(
    "campaigns",
    METADATA,
    *_owned("account", "region"),
    Column("campaign", NAME, primary_key=True),
    Column("created", BigInteger, nullable=False),
)

# Only ever inserted into: the newest generation of a campaign is the only truth of what serves.
deployments = Table(
    "deployments",
    METADATA,
    *_account(),
    Column("campaign", NAME, primary_key=True),
    Column("generation", Integer, primary_key=True, autoincrement=False),
    Column("variants", DOCUMENT, nullable=False),
    Column("config", DOCUMENT, nullable=False),
    Column("restores", Integer),
    Column("reason", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    ForeignKeyConstraint(
        ("account", "region", "campaign"), ("campaigns.account", "campaigns.region", "campaigns.campaign")
    ),
    CheckConstraint("generation >= 1", name="generation"),
)

imports = Table(
    "imports",
    METADATA,
    *_owned("account", "region", "shop"),
    Column("job", String(63), primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("report", DOCUMENT, nullable=False),
    Column("created", BigInteger, nullable=False),
    Index(None, "account", "region", "shop", "created"),
)
