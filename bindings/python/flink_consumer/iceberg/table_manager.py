"""The tables of the pipeline."""

from __future__ import annotations

import logging
import tempfile
from typing import Any, Dict

import icesink

from ..config.settings import Settings
from .catalog import IcebergCatalog

_logger = logging.getLogger("flink_consumer")


class IcebergTableManager:
    """Makes the data table and the table of errors in `catalog`: an IcebergCatalog, an icesink catalog, or a PyIceberg
    one.

    Ownership: borrows the catalog.
    """

    def __init__(self, settings: Settings, catalog: Any) -> None:
        self.settings = settings
        self.catalog = catalog.catalog if isinstance(catalog, IcebergCatalog) else catalog

    def initialize_all_tables(self) -> bool:
        """Make the tables that are not there, with their namespaces; those that are there stay as they are.

        Returns True. Errors: TypeError for another kind of catalog; icesink.IcesinkError, or what PyIceberg raises.
        """
        if isinstance(self.catalog, icesink.Catalog):
            self._make(self.catalog)
        elif hasattr(self.catalog, "create_table_if_not_exists"):
            self._copy(self.catalog)
        else:
            raise TypeError(f"{type(self.catalog).__name__} is no catalog of icesink or PyIceberg")
        return True

    def _tables(self) -> Dict[str, str]:
        iceberg = self.settings.iceberg
        return {
            "preset": "health",
            "tables.data": iceberg.full_name(iceberg.table_raw),
            "tables.dead_letters": iceberg.full_name(iceberg.table_errors),
        }

    def _make(self, catalog: icesink.Catalog) -> None:
        with catalog.reopen(self._tables()) as opened:
            made = opened.create_tables()
        _logger.info("Iceberg tables are there, %d of them new", made)

    def _copy(self, catalog: Any) -> None:
        # The one description of the tables is the library's: they are made in a scratch catalog, and read from there.
        from pyiceberg.partitioning import PartitionSpec
        from pyiceberg.schema import Schema

        tables = self._tables()
        with tempfile.TemporaryDirectory(prefix="icesink-") as scratch:
            where = {"catalog.type": "sqlite", "catalog.uri": f"{scratch}/catalog.db", "catalog.warehouse": scratch}
            with icesink.open({**tables, **where}) as model:
                model.create_tables()
                for key in ("tables.data", "tables.dead_letters"):
                    metadata = model.load_table(tables[key]).metadata
                    catalog.create_namespace_if_not_exists(tuple(tables[key].split(".")[:-1]))
                    catalog.create_table_if_not_exists(
                        tables[key],
                        schema=Schema.model_validate(metadata["schemas"][0]),
                        partition_spec=PartitionSpec.model_validate(metadata["partition-specs"][0]),
                        properties=metadata.get("properties", {}),
                    )
