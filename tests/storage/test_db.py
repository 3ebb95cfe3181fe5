import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, insert, inspect, select, text

from databases import new_postgres_database
from endcap.errors import ArtefactError, InputError, ResourceError, StateError, UnavailableError, UnknownName
from endcap.storage.db import Conflict, Database, open_database
from endcap.storage.schema import METADATA, REVISION, deployments, imports, resources, snapshots, versions

KEY = {"account": "0" * 12, "region": "us-east-1", "shop": "one", "created": 1}
SHOP = {**KEY, "generation": 1, "snapshot": "items@1"}
_KEY = "account, region, shop, created"
_VALUES = "'000000000000', 'us-east-1', 'one', 1"
BEFORE_RESOURCES = (
    f"INSERT INTO shops ({_KEY}) VALUES ({_VALUES})",
    f"INSERT INTO solutions ({_KEY}, solution) VALUES ({_VALUES}, 's')",
    f"INSERT INTO campaigns ({_KEY}, campaign) VALUES ({_VALUES}, 'c')",
    f"INSERT INTO imports ({_KEY}, job, kind, report) VALUES ({_VALUES}, 'j', 'items', '{{}}')",
    "INSERT INTO versions VALUES ('0a0b0c0d', '000000000000', 'us-east-1', 's', 'als', 'pending', '', 1, '{}',"
    " 'p', 1, 1, 'h')",
    "INSERT INTO deployments VALUES ('000000000000', 'us-east-1', 'c', 1, '{}', '{}', NULL, '', 1)",
)


def test_after_migrating_alembic_finds_no_difference(database: Database) -> None:
    with database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


def test_revision_is_alembics_head(database: Database) -> None:
    config = Config()
    config.set_main_option("script_location", "endcap.storage:migrations")
    assert ScriptDirectory.from_config(config).get_current_head() == REVISION == database.revision()


def test_a_database_of_an_older_migration_upgrades_and_keeps_its_rows(database_url: str) -> None:
    database = open_database(database_url)
    assert database.revision() is None
    database.migrate(to="0002")
    with database.begin() as connection:
        for statement in BEFORE_RESOURCES:
            connection.execute(text(statement))
        assert not inspect(connection).has_table("resources")
    database.migrate()
    with database.begin() as connection:
        assert connection.execute(select(resources.c.kind, resources.c.id, resources.c.shop)).all() == [
            ("dataset-group", "one", "one"),
            ("solution", "s", "one"),
            ("campaign", "c", "one"),
        ]
        assert connection.execute(select(versions.c.id, versions.c.shop)).all() == [("0a0b0c0d", "one")]
        assert connection.execute(select(deployments.c.kind, deployments.c.shop)).all() == [("campaign", "one")]
        assert connection.execute(select(imports.c.job)).scalars().all() == ["j"]
        assert not inspect(connection).has_table("shops")
    database.close()


def test_a_database_of_a_newer_version_is_refused(database: Database) -> None:
    with database.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StateError, match="newer version"):
        database.migrate()


MIGRATE = "import sys; from endcap.storage.db import open_database; open_database(sys.argv[1]).migrate(); print('done')"


def test_several_processes_may_migrate_at_once(database_url: str) -> None:
    running = [
        subprocess.Popen([sys.executable, "-c", MIGRATE, database_url], stdout=subprocess.PIPE) for _ in range(4)
    ]
    assert [process.communicate(timeout=60)[0] for process in running] == [b"done\n"] * 4


def test_a_failed_block_leaves_nothing(database: Database) -> None:
    def half(connection: Connection) -> None:
        connection.execute(insert(snapshots).values(SHOP))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        database.write(half)
    with database.read() as connection:
        assert connection.execute(select(snapshots)).all() == []


def test_the_same_key_twice_is_a_conflict_and_what_no_row_may_hold_is_refused(database: Database) -> None:
    with database.begin() as connection:
        connection.execute(insert(snapshots).values(SHOP))
    with pytest.raises(Conflict), database.begin() as connection:
        connection.execute(insert(snapshots).values(SHOP))
    row = {**KEY, "kind": "campaign", "campaign": "c", "variants": {}, "config": {}, "reason": ""}
    with pytest.raises(StateError, match="refused") as caught, database.begin() as connection:
        connection.execute(insert(deployments).values({**row, "generation": 0}))
    assert not isinstance(caught.value, Conflict)


def test_a_value_that_no_row_can_hold_is_the_callers_mistake(database: Database) -> None:
    with pytest.raises(InputError, match="can keep"), database.read() as connection:
        connection.execute(select(snapshots).offset(2**70).limit(1))
    if database.url.startswith("postgresql"):
        with pytest.raises(InputError, match="NUL"), database.read() as connection:
            connection.execute(select(snapshots).where(snapshots.c.shop == "a\0"))


def test_documents_come_back_as_they_were_and_nan_as_null(database: Database) -> None:
    report = {"rows": 2**53, "ids": ["é", "🛒", 'a,"b'], "ratio": float("nan")}
    with database.begin() as connection:
        connection.execute(insert(snapshots).values(SHOP))
        connection.execute(insert(imports).values({**KEY, "job": "j", "kind": "items", "report": report}))
    with database.read() as connection:
        assert connection.execute(select(imports.c.report)).scalar() == {**report, "ratio": None}


def test_a_race_that_is_always_lost_ends(database: Database) -> None:
    with pytest.raises(UnavailableError, match="lost a race"):
        database.write(lambda connection: [connection.execute(insert(snapshots).values(SHOP)) for _ in range(2)])


def test_tables_that_are_not_there(database_url: str) -> None:
    with pytest.raises(StateError, match="migrate"), open_database(database_url).read() as connection:
        connection.execute(select(snapshots))


def test_sqlite_is_durable_and_checks_references(tmp_path: Path) -> None:
    with open_database(f"sqlite:///{tmp_path}/new/folder/m.db").read() as connection:
        values = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")]
        assert values == ["wal", 2]
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 10_000


def test_a_damaged_file_is_an_artefact_error(tmp_path: Path) -> None:
    (tmp_path / "m.db").write_bytes(b"not a database at all" * 100)
    with pytest.raises(ArtefactError, match="damaged"):
        open_database(f"sqlite:///{tmp_path}/m.db").migrate()


def test_a_full_disk_is_a_resource_error_and_what_was_there_stays(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path}/m.db")
    database.migrate()
    with database.begin() as connection:
        connection.execute(insert(snapshots).values(SHOP))
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")
    row = {**KEY, "job": "j", "kind": "items", "report": {"text": "x" * 100_000}}
    with pytest.raises(ResourceError, match="full") as caught, database.begin() as connection:
        connection.execute(insert(imports).values(row))
    assert "space" in caught.value.fix
    with database.read() as connection:
        assert connection.execute(select(snapshots.c.shop)).scalars().all() == ["one"]
        assert connection.execute(select(imports)).all() == []


def test_a_reader_is_not_stopped_by_a_writer(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path}/m.db")
    database.migrate()
    with database.begin() as writer, database.read() as reader:
        writer.execute(insert(snapshots).values(SHOP))
        assert reader.execute(select(snapshots)).all() == []


def test_a_writer_that_never_ends_is_reported_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("endcap.storage.db.WAIT_SECONDS", 0.05)
    database = open_database(f"sqlite:///{tmp_path}/m.db")
    database.migrate()
    other = sqlite3.connect(tmp_path / "m.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(UnavailableError, match="locked"), database.begin():
        pass
    other.execute("ROLLBACK")


def test_a_server_that_is_not_there_is_named_without_its_password() -> None:
    database = open_database("postgresql://endcap:secret@127.0.0.1:1/shop")
    with pytest.raises(UnavailableError, match=r"endcap:\*\*\*@127\.0\.0\.1:1/shop") as caught:
        database.migrate()
    assert "secret" not in str(caught.value) and caught.value.fix


def test_a_password_is_never_shown() -> None:
    assert "secret" not in open_database("postgresql://host/name?password=secret").url
    for url in ("postgresql//u:secret@host/name", "postgresql://u:secret@host:port/name"):
        with pytest.raises(InputError, match="no database URL") as caught:
            open_database(url)
        assert "secret" not in str(caught.value)


def test_a_connection_that_breaks_is_reported_and_the_next_one_works(postgres: str) -> None:
    database = open_database(new_postgres_database(postgres))
    database.migrate()
    kill = text("SELECT pg_terminate_backend(pg_backend_pid())")
    with pytest.raises(UnavailableError, match="does not answer"), database.begin() as connection:
        connection.execute(kill)
    with database.read() as connection:
        assert connection.execute(select(snapshots)).all() == []
    database.close()


@pytest.mark.parametrize(
    ("url", "error", "said"),
    [
        ("mysql://host/name", UnknownName, "postgresql, sqlite"),
        ("nonsense", InputError, "no database URL"),
        ("sqlite://", InputError, "lost with the process"),
        ("sqlite:///:memory:", InputError, "lost with the process"),
    ],
)
def test_urls_that_cannot_be_used(url: str, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        open_database(url)


def test_primary_keys_are_those_of_the_tables(database: Database) -> None:
    """Alembic's comparison leaves them out."""
    with database.read() as connection:
        found = {name: inspect(connection).get_pk_constraint(name)["constrained_columns"] for name in METADATA.tables}
    assert found == {name: list(table.primary_key.columns.keys()) for name, table in METADATA.tables.items()}
