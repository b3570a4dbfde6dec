"""Postgres: tables, migrations, and the statements that read and write them."""
