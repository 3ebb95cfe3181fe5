"""Shops, solutions, versions, campaigns and their deployments."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None

DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
SHOP = (("account", "region", "shop"), ("shops.account", "shops.region", "shops.shop"))


def upgrade() -> None:
    _shops_and_solutions()
    _versions()
    _campaigns()


def _shops_and_solutions() -> None:
    op.create_table(
        "shops",
        sa.Column("account", sa.String(12), nullable=False),
        sa.Column("region", sa.String(32), nullable=False),
        sa.Column("shop", sa.String(63), nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("account", "region", "shop", name="pk_shops"),
    )
    op.create_table(
        "solutions",
        sa.Column("account", sa.String(12), nullable=False),
        sa.Column("region", sa.String(32), nullable=False),
        sa.Column("shop", sa.String(63), nullable=False),
        sa.Column("solution", sa.String(63), nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("account", "region", "solution", name="pk_solutions"),
        sa.ForeignKeyConstraint(*SHOP, name="fk_solutions_shops"),
    )


def _versions() -> None:
    op.create_table(
        "versions",
        sa.Column("id", sa.String(8), nullable=False),
        sa.Column("account", sa.String(12), nullable=False),
        sa.Column("region", sa.String(32), nullable=False),
        sa.Column("solution", sa.String(63), nullable=False),
        sa.Column("recipe", sa.String(63), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("lineage", DOCUMENT, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("manifest_size", sa.BigInteger, nullable=False),
        sa.Column("manifest_sha256", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_versions"),
        sa.ForeignKeyConstraint(
            ("account", "region", "solution"),
            ("solutions.account", "solutions.region", "solutions.solution"),
            name="fk_versions_solutions",
        ),
        sa.CheckConstraint("status IN ('pending', 'approved', 'rejected')", name=op.f("ck_versions_status")),
    )
    columns = ["account", "region", "solution", "created"]
    op.create_index("ix_versions_account_region_solution_created", "versions", columns)


def _campaigns() -> None:
    op.create_table(
        "campaigns",
        sa.Column("account", sa.String(12), nullable=False),
        sa.Column("region", sa.String(32), nullable=False),
        sa.Column("shop", sa.String(63), nullable=False),
        sa.Column("campaign", sa.String(63), nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("account", "region", "campaign", name="pk_campaigns"),
        sa.ForeignKeyConstraint(*SHOP, name="fk_campaigns_shops"),
    )
    op.create_table(
        "deployments",
        sa.Column("account", sa.String(12), nullable=False),
        sa.Column("region", sa.String(32), nullable=False),
        sa.Column("campaign", sa.String(63), nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("variants", DOCUMENT, nullable=False),
        sa.Column("config", DOCUMENT, nullable=False),
        sa.Column("restores", sa.Integer),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("account", "region", "campaign", "generation", name="pk_deployments"),
        sa.ForeignKeyConstraint(
            ("account", "region", "campaign"),
            ("campaigns.account", "campaigns.region", "campaigns.campaign"),
            name="fk_deployments_campaigns",
        ),
        sa.CheckConstraint("generation >= 1", name=op.f("ck_deployments_generation")),
    )
