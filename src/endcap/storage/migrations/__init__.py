"""Migrations of the metadata database, one file each, run by Alembic in the order of their revisions."""
