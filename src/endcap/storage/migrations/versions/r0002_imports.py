"""Reports of imports."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "imports",
        sa.Column("account", sa.String(12), nullable=False),
        sa.Column("region", sa.String(32), nullable=False),
        sa.Column("shop", sa.String(63), nullable=False),
        sa.Column("job", sa.String(63), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("report", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("account", "region", "shop", "job", name="pk_imports"),
        sa.ForeignKeyConstraint(
            ("account", "region", "shop"), ("shops.account", "shops.region", "shops.shop"), name="fk_imports_shops"
        ),
    )
    op.create_index("ix_imports_account_region_shop_created", "imports", ["account", "region", "shop", "created"])
