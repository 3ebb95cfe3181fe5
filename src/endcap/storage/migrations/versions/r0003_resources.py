"""One table of resources instead of one for each kind; jobs, access keys and the snapshots that serve."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"

DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
_NAMED = (
    ("dataset-group", "shops", "shop"),
    ("solution", "solutions", "solution"),
    ("campaign", "campaigns", "campaign"),
)


def upgrade() -> None:
    _resources()
    _jobs()
    _keys_and_snapshots()
    _move_names()
    _versions()
    _deployments()
    _imports()
    for table in ("campaigns", "solutions", "shops"):
        op.drop_table(table)


def _resources() -> None:
    op.create_table(
        "resources",
        sa.Column("account", sa.String(12), nullable=False),
        sa.Column("region", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("id", sa.String(160), nullable=False),
        sa.Column("shop", sa.String(63), nullable=False),
        sa.Column("parent", sa.String(160), nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("document", DOCUMENT, nullable=False),
        sa.Column("tags", DOCUMENT, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("updated", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("account", "region", "kind", "id", name="pk_resources"),
    )
    for column in ("shop", "parent"):
        columns = ["account", "region", "kind", column, "created"]
        op.create_index(f"ix_resources_{'_'.join(columns)}", "resources", columns)


def _jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("account", sa.String(12), nullable=False),
        sa.Column("region", sa.String(32), nullable=False),
        sa.Column("shop", sa.String(63), nullable=False),
        sa.Column("verb", sa.String(16), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("resource", sa.String(160), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("cancel", sa.Boolean, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("progress", DOCUMENT, nullable=False),
        sa.Column("log", DOCUMENT, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("started", sa.BigInteger),
        sa.Column("ended", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
        sa.CheckConstraint(
            "status IN ('pending', 'running', 'done', 'failed', 'stopped')", name=op.f("ck_jobs_status")
        ),
    )
    op.create_index("ix_jobs_status_created", "jobs", ["status", "created"])
    op.create_index("ix_jobs_account_region_shop_created", "jobs", ["account", "region", "shop", "created"])


def _keys_and_snapshots() -> None:
    op.create_table(
        "access_keys",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("secret", sa.String(64), nullable=False),
        sa.Column("account", sa.String(12), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("label", sa.String(128), nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("revoked", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_access_keys"),
    )
    op.create_index("ix_access_keys_account_created", "access_keys", ["account", "created"])
    op.create_table(
        "snapshots",
        sa.Column("account", sa.String(12), nullable=False),
        sa.Column("region", sa.String(32), nullable=False),
        sa.Column("shop", sa.String(63), nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("snapshot", sa.Text, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("account", "region", "shop", "generation", name="pk_snapshots"),
    )
    op.create_table(
        "servers",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("expires", sa.BigInteger, nullable=False),
        sa.Column("loaded", DOCUMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_servers"),
    )


def _move_names() -> None:
    is_postgres = op.get_bind().dialect.name == "postgresql"
    empty: sa.ColumnElement[str] = sa.literal_column("'{}'::jsonb" if is_postgres else "'{}'")
    columns = "account", "region", "kind", "id", "shop", "parent", "status", "document", "tags"
    for kind, name, key in _NAMED:
        old = sa.table(name, *(sa.column(each) for each in ("account", "region", "shop", key, "created")))
        new = sa.table("resources", *(sa.column(each) for each in (*columns, "revision", "created", "updated")))
        rows = sa.select(
            old.c.account,
            old.c.region,
            sa.literal(kind),
            old.c[key],
            old.c.shop,
            sa.literal(""),
            sa.literal("ACTIVE"),
            empty,
            empty,
            sa.literal(1),
            old.c.created,
            old.c.created,
        )
        op.execute(sa.insert(new).from_select([column.name for column in new.columns], rows))


def _versions() -> None:
    op.rename_table("versions", "versions_before")
    op.drop_index("ix_versions_account_region_solution_created", "versions_before")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE versions_before RENAME CONSTRAINT pk_versions TO pk_versions_before")
    op.create_table(
        "versions",
        sa.Column("id", sa.String(8), nullable=False),
        sa.Column("account", sa.String(12), nullable=False),
        sa.Column("region", sa.String(32), nullable=False),
        sa.Column("shop", sa.String(63), nullable=False),
        sa.Column("solution", sa.String(80), nullable=False),
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
        sa.CheckConstraint("status IN ('pending', 'approved', 'rejected')", name=op.f("ck_versions_status")),
    )
    columns = ["account", "region", "shop", "solution", "created"]
    op.create_index(f"ix_versions_{'_'.join(columns)}", "versions", columns)
    kept = "id, account, region, solution, recipe, status, reason, created, lineage, path, size, manifest_size"
    op.execute(
        f"INSERT INTO versions ({kept}, manifest_sha256, shop)"  # noqa: S608 - our own names
        f" SELECT {', '.join('v.' + name for name in kept.split(', '))}, v.manifest_sha256, s.shop"
        " FROM versions_before v JOIN solutions s"
        " ON s.account = v.account AND s.region = v.region AND s.solution = v.solution"
    )
    op.drop_table("versions_before")


def _deployments() -> None:
    op.rename_table("deployments", "deployments_before")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE deployments_before RENAME CONSTRAINT pk_deployments TO pk_deployments_before")
    op.create_table(
        "deployments",
        sa.Column("account", sa.String(12), nullable=False),
        sa.Column("region", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("campaign", sa.String(63), nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("shop", sa.String(63), nullable=False),
        sa.Column("variants", DOCUMENT, nullable=False),
        sa.Column("config", DOCUMENT, nullable=False),
        sa.Column("restores", sa.Integer),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("account", "region", "kind", "campaign", "generation", name="pk_deployments"),
        sa.CheckConstraint("generation >= 1", name=op.f("ck_deployments_generation")),
    )
    kept = "account, region, campaign, generation, variants, config, restores, reason, created"
    op.execute(
        f"INSERT INTO deployments ({kept}, kind, shop)"  # noqa: S608 - our own names
        f" SELECT {', '.join('d.' + name for name in kept.split(', '))}, 'campaign', c.shop"
        " FROM deployments_before d JOIN campaigns c"
        " ON c.account = d.account AND c.region = d.region AND c.campaign = d.campaign"
    )
    op.drop_table("deployments_before")


def _imports() -> None:
    """The same table without its foreign key to shops."""
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint("fk_imports_shops", "imports", type_="foreignkey")
        return
    op.rename_table("imports", "imports_before")
    op.drop_index("ix_imports_account_region_shop_created", "imports_before")
    op.create_table(
        "imports",
        sa.Column("account", sa.String(12), nullable=False),
        sa.Column("region", sa.String(32), nullable=False),
        sa.Column("shop", sa.String(63), nullable=False),
        sa.Column("job", sa.String(63), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("report", DOCUMENT, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("account", "region", "shop", "job", name="pk_imports"),
    )
    columns = ["account", "region", "shop", "created"]
    op.create_index(f"ix_imports_{'_'.join(columns)}", "imports", columns)
    op.execute("INSERT INTO imports SELECT account, region, shop, job, kind, report, created FROM imports_before")
    op.drop_table("imports_before")
