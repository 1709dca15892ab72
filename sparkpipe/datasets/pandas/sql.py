"""Tables and queries of a database by pandas and SQLAlchemy."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote

from sparkpipe.datasets.pandas.options import check_frame, unknown_options
from sparkpipe.errors import DataSetError
from sparkpipe.io import facts
from sparkpipe.io.core import AbstractDataSet, SaveEffect, check_mappings, get_filepath_str
from sparkpipe.io.effects import effect_of_mode
from sparkpipe.io.files import protocol_problems, split_protocol, storage_of
from sparkpipe.io.importing import missing_packages
from sparkpipe.io.target import table_target
from sparkpipe.redaction import is_secret, redacted_text, without

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Engine

#: Options of a pool, which say that one is wanted.
_POOLED = {"pool", "pool_size", "max_overflow", "pool_timeout", "pool_use_lifo"}

_FORM = "dialect://user:password@host/database"


class SQLDataSet(AbstractDataSet):
    """What lies in a database that SQLAlchemy knows.

    Args:
        credentials: ``con``, the address of the database; its other keys are options of
            ``sqlalchemy.create_engine``. Never shown.
        load_args: Options of the function of pandas that reads.
        metadata: Kept for other tools.
    """

    def __init__(
        self,
        credentials: Mapping[str, Any],
        load_args: Mapping[str, Any] | None,
        metadata: dict[str, Any] | None,
    ) -> None:
        if not isinstance(credentials, Mapping) or not credentials.get("con"):
            raise DataSetError(
                "credentials need 'con', the address of the database.",
                hint=f"In conf/local/credentials.yml: con: {_FORM}.",
            )
        check_mappings(load_args=load_args)
        self._engine_args = dict(credentials)
        self._con = str(self._engine_args.pop("con"))
        self._load_args = dict(load_args or {})
        self.metadata = metadata

    @cached_property
    def _engine(self) -> Engine:
        from sqlalchemy import create_engine, pool
        from sqlalchemy.exc import ArgumentError, NoSuchModuleError

        # A pool for each data set would keep connections that nobody else can use.
        kept = {} if _POOLED & self._engine_args.keys() else {"poolclass": pool.NullPool}
        options = {**kept, **self._engine_args}
        try:
            return create_engine(self._con, **options)
        except ModuleNotFoundError as exc:
            raise DataSetError(
                f"the driver of the database is not installed: there is no module '{exc.name}'.",
                hint="Install it, or name another driver in 'con'.",
            ) from exc
        except (ArgumentError, NoSuchModuleError, ValueError) as exc:
            # What SQLAlchemy says may hold the whole address, password and all.
            told = str(exc) if isinstance(exc, NoSuchModuleError) else type(exc).__name__
            raise DataSetError(
                f"'con' in the credentials is no address of a database ({told}).",
                hint=f"It looks like {_FORM}.",
            ) from None

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_engine"}

    def _release(self) -> None:
        if "_engine" in self.__dict__:
            self._engine.dispose()

    @abstractmethod
    def _read(self, connection: Connection) -> Any: ...

    def _connect(self) -> Connection:
        return self._engine.connect()

    def _load(self) -> Any:
        if self._load_args.get("chunksize"):
            return self._chunks()
        with self._hiding_password(), self._connect() as connection:
            return self._read(connection)

    def _chunks(self) -> Iterator[Any]:
        with self._hiding_password(), self._connect() as connection:
            yield from self._read(connection)

    @contextmanager
    def _hiding_password(self) -> Iterator[None]:
        """Keep the password out of errors: some drivers tell all that they were given."""
        try:
            yield
        except Exception as exc:
            told = str(exc)
            hidden = without(self._secrets(), redacted_text(told))
            if hidden == told:
                raise
            raise DataSetError(f"{type(exc).__name__}: {hidden}") from None

    def _secrets(self) -> set[str]:
        options = [self._engine_args, self._engine_args.get("connect_args") or {}]
        given = {str(v) for one in options for name, v in one.items() if is_secret(name)}
        password = self._engine.url.password
        return given if password is None else {*given, str(password), quote(str(password), safe="")}

    def _problems(self) -> list[str]:
        return missing_packages(("pandas", "sqlalchemy"))


class SQLTableDataSet(SQLDataSet):
    """A table of a database.

    Loaded by ``pandas.read_sql_table``, saved by ``DataFrame.to_sql`` in one transaction. A table
    that is there is not overwritten unless ``save_args`` say ``if_exists: replace`` or ``append``.

    Args:
        table_name: The name of the table; its schema is an option of ``load_args`` and
            ``save_args``.
        credentials: ``con``, the address of the database; never shown.
        load_args: Options of ``pandas.read_sql_table``.
        save_args: Options of ``DataFrame.to_sql``.
        metadata: Kept for other tools.
    """

    DEFAULT_SAVE_ARGS: ClassVar[dict[str, Any]] = {"index": False, "if_exists": "fail"}
    # What a failed save was to append is there whole or not at all.
    _APPENDS_WHOLE = True

    def __init__(
        self,
        table_name: str,
        credentials: Mapping[str, Any],
        load_args: Mapping[str, Any] | None = None,
        save_args: Mapping[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        if not isinstance(table_name, str) or not table_name.strip():
            raise DataSetError(f"table_name must be the name of a table, not {table_name!r}.")
        check_mappings(save_args=save_args)
        super().__init__(credentials, load_args, metadata)
        self._table_name = table_name
        self._save_args = {**self.DEFAULT_SAVE_ARGS, **(save_args or {})}
        # What is saved under a schema is loaded from there.
        schema = self._save_args.get("schema")
        if schema is not None:
            self._load_args.setdefault("schema", schema)

    def _read(self, connection: Connection) -> Any:
        import pandas

        return pandas.read_sql_table(self._table_name, connection, **self._load_args)

    def _save(self, data: Any) -> None:
        check_frame(data, self, "to_sql")
        with self._hiding_password(), self._transaction() as connection:
            if self._save_args["if_exists"] == "fail" and self._is_there(connection, "save"):
                raise DataSetError(
                    f"the table {self._table_name} is there already.",
                    hint="Give save_args: {if_exists: replace}, or append.",
                )
            data.to_sql(self._table_name, connection, **self._save_args)
        facts.note(rows=len(data))

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with self._engine.begin() as connection:
            driver: Any = connection.connection.dbapi_connection
            # Python's sqlite3 begins none before a table is dropped or made. One that is to write
            # at once waits for others, where one that has read fails.
            if connection.dialect.driver == "pysqlite" and not driver.in_transaction:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection

    def _exists(self) -> bool:
        with self._hiding_password(), self._connect() as connection:
            return self._is_there(connection, "load")

    def _is_there(self, connection: Connection, what: str) -> bool:
        from sqlalchemy import inspect

        options = self._save_args if what == "save" else self._load_args
        return inspect(connection).has_table(self._table_name, schema=options.get("schema"))

    def _problems(self) -> list[str]:
        problems = super()._problems()
        if not problems and (self._load_args or self._save_args != self.DEFAULT_SAVE_ARGS):
            import pandas

            reader: Any = pandas.read_sql_table
            problems += unknown_options("load_args", self._load_args, reader)
            problems += unknown_options("save_args", self._save_args, pandas.DataFrame.to_sql)
        return problems

    def location(self) -> str:
        """Return the table, with its schema."""
        return self._table

    def save_effect(self) -> SaveEffect:
        """Return what a save does to a table that is there: as ``if_exists`` says."""
        return effect_of_mode(self._save_args["if_exists"])

    def target(self) -> str:
        """Return the table in its database."""
        return table_target(self._table, redacted_text(self._con))

    @property
    def _table(self) -> str:
        schema = self._save_args.get("schema") or self._load_args.get("schema")
        return f"{schema}.{self._table_name}" if schema else self._table_name

    def _describe(self) -> dict[str, Any]:
        return {
            "table_name": self._table_name,
            "load_args": self._load_args or None,
            "save_args": self._save_args,
        }


class SQLQueryDataSet(SQLDataSet):
    """What a query of a database finds, by ``pandas.read_sql_query``. It cannot be saved.

    Args:
        sql: The query; or give ``filepath``.
        credentials: ``con``, the address of the database; never shown.
        load_args: Options of ``pandas.read_sql_query``, such as ``params``.
        fs_args: Arguments of the file system of ``filepath``; ``open_args_load`` go to its
            ``open``.
        filepath: A file that holds the query: a path, or an address that fsspec knows.
        execution_options: Options of the connection, such as ``stream_results``.
        metadata: Kept for other tools.
    """

    def __init__(
        self,
        sql: str | None = None,
        credentials: Mapping[str, Any] | None = None,
        load_args: Mapping[str, Any] | None = None,
        fs_args: Mapping[str, Any] | None = None,
        filepath: str | None = None,
        execution_options: Mapping[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        if bool(sql) == bool(filepath):
            raise DataSetError(
                "it needs 'sql' or 'filepath', and not both.",
                hint="'sql' is the query itself, 'filepath' a file that holds it.",
            )
        check_mappings(fs_args=fs_args, execution_options=execution_options)
        super().__init__(credentials or {}, load_args, metadata)
        self._sql = sql
        self._query_file = str(filepath) if filepath else ""
        self._fs_args = dict(fs_args or {})
        self._execution_options = dict(execution_options or {})

    def _query(self) -> str:
        if self._sql:
            return self._sql
        import fsspec

        protocol, path, of_address = storage_of(self._query_file)
        storage = {**of_address, **self._fs_args}
        options = {"mode": "r", "encoding": "utf-8", **storage.pop("open_args_load", {})}
        address = get_filepath_str(PurePosixPath(path), protocol)
        with fsspec.filesystem(protocol, **storage).open(address, **options) as file:
            return str(file.read())

    def _connect(self) -> Connection:
        return self._engine.connect().execution_options(**self._execution_options)

    def _read(self, connection: Connection) -> Any:
        import pandas

        return pandas.read_sql_query(self._query(), connection, **self._load_args)

    def _save(self, data: Any) -> None:
        raise DataSetError(self.why_unwritable())

    def why_unwritable(self) -> str:
        """Say that a query is for reading only."""
        return "a query cannot be saved to. Use pandas.SQLTableDataSet for what is written."

    def save_effect(self) -> SaveEffect:
        """Return that nothing is touched."""
        return "keep"

    def state(self) -> str | None:
        """Return nothing: the state of its tables only the database knows."""
        return None

    def _problems(self) -> list[str]:
        problems = super()._problems()
        if self._query_file:
            problems += protocol_problems(split_protocol(self._query_file)[0])
        if not problems and self._load_args:
            import pandas

            reader: Any = pandas.read_sql_query
            problems += unknown_options("load_args", self._load_args, reader)
        return problems

    def _missing(self) -> str:
        protocol, path = split_protocol(self._query_file)
        if self._query_file and protocol == "file" and not Path(path).exists():
            return f"the file does not exist: {path}"
        return ""

    def target(self) -> str:
        """Return nothing."""
        return ""  # which tables a query reads, nobody can tell

    def _describe(self) -> dict[str, Any]:
        return {
            "sql": self._sql,
            "filepath": redacted_text(self._query_file) or None,
            "load_args": self._load_args or None,
            "execution_options": self._execution_options or None,
        }


SQLQueryDataset = SQLQueryDataSet
SQLTableDataset = SQLTableDataSet
