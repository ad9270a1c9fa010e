"""Catalogs, and opening one."""

from __future__ import annotations

import ctypes
import os
from typing import Any, List, Mapping, Optional, Sequence, Union

from . import _arrow, _library, _session, _table
from ._library import native


class Catalog:
    """A session with the catalog that its settings name. A context manager; closing it closes what was opened from it.

    Threads: any; one call at a time goes through, the others wait. Not across fork.
    """

    def __init__(self, session: _session.Session) -> None:
        self._session = session

    def setting(self, key: str) -> str:
        """The value of a setting as it was given or is by default; empty where it is not set, and for secrets."""
        return self._session.text(native.ice_session_setting, _library.encode(key))

    def reopen(self, settings: Mapping[str, Any]) -> "Catalog":
        """Open the same catalog once more, with further settings. Ownership: the caller's to close."""
        return Catalog(_session.Session(self._session.settings.extended(settings)))

    def connect(self) -> None:
        """Reach the catalog now. Every other method does it by itself. Errors: "Failed to register Iceberg catalog"."""
        self._session.call(native.ice_session_connect)

    def create_namespace(self, name: str) -> None:
        """Make a namespace; one that is there is fine."""
        self._session.call(native.ice_session_create_namespace, _library.encode(name))

    def list_namespaces(self) -> List[str]:
        return self._session.text(native.ice_session_list, None).splitlines()

    def list_tables(self, namespace: str) -> List[str]:
        """The names of a namespace's tables, without it. Errors: NotFound."""
        return self._session.text(native.ice_session_list, _library.encode(namespace)).splitlines()

    def create_table(
        self, name: str, schema: Any, partition: Sequence[str] = (), properties: Mapping[str, Any] = {}
    ) -> _table.Table:
        """Make a table "namespace.table" (format v2); the namespace has to be there.

        `schema` is anything with `__arrow_c_schema__`; `partition` as configurations spell it: "days(ts)", "bucket(16,
        id)". Errors: AlreadyExists, NotFound (the namespace), InvalidArgument, Unsupported (a type or transform: names
        the column)."""
        pairs = [f"{key}={value}" for key, value in properties.items()]

        def create(content: Any) -> None:
            definition = _library.TableDefinition(
                schema=content,
                partition=_library.text_array(list(partition)),
                partition_count=len(partition),
                properties=_library.text_array(pairs),
                property_count=len(pairs),
            )
            self._session.call(native.ice_session_create_table, _library.encode(name), ctypes.byref(definition))

        _arrow.borrow_schema(schema, create)
        return _table.Table(self._session, name)

    def create_tables(self) -> int:
        """Make the tables that the settings name (`tables.*`, with the columns of `pipeline`), where they are not
        there, with their namespaces. Returns how many were made."""
        created = ctypes.c_uint32()
        self._session.call(native.ice_session_create_tables, ctypes.byref(created))
        return created.value

    def load_table(self, name: str) -> _table.Table:
        """A table that is there. Errors: NotFound ("Table does not exist: db.table")."""
        table = _table.Table(self._session, name)
        table.metadata_location
        return table

    def drop_table(self, name: str) -> None:
        """Forget a table; its files stay. Errors: NotFound."""
        self._session.call(native.ice_session_drop_table, _library.encode(name))

    def stop(self) -> None:
        """Have calls that wait for a server end soon with Cancelled. Threads: any; only close is allowed then."""
        self._session.stop()

    def close(self) -> None:
        """Close. May be called again."""
        self._session.close()

    def __enter__(self) -> "Catalog":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()


def open_session(
    settings: Optional[Mapping[str, Any]],
    config: "Union[str, os.PathLike[str], None]",
    environment: bool,
    further: Mapping[str, Any],
) -> _session.Session:
    merged = {**(settings or {}), **further}
    return _session.Session(_session.Settings(merged, None if config is None else os.fspath(config), environment))


def open(
    settings: Optional[Mapping[str, Any]] = None,
    /,
    *,
    config: "Union[str, os.PathLike[str], None]" = None,
    environment: bool = False,
    **further: Any,
) -> Catalog:
    """Open a catalog by the settings of docs/configuration.md, e.g. open(catalog={"uri": "lake.db", "warehouse":
    "lake"}).

    `settings` and further arguments are nested ({"catalog": {"uri": …}}) or flat ({"catalog.uri": …}) and win over
    everything; `config` is a configuration file in YAML; with `environment` the environment's variables and
    `.env.local` count as they do for the program. The catalog is reached when it is first needed. Errors:
    InvalidArgument (names the key, variable or line), NotFound (the file)."""
    return Catalog(open_session(settings, config, environment, further))
