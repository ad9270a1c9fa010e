"""The catalog that the settings name."""

from __future__ import annotations

from typing import Any, Optional

import icesink

from ..config.settings import DEFAULTS, Settings

_REFUSED = "Failed to register Iceberg catalog"


class IcebergCatalog:
    """A catalog by Settings; `initialize` opens it. Ownership: owns the icesink catalog, closed with it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._catalog: Optional[icesink.Catalog] = None

    @property
    def name(self) -> str:
        return self.settings.iceberg.catalog_name

    @property
    def catalog(self) -> icesink.Catalog:
        """The icesink catalog; the first use opens it."""
        if self._catalog is None:
            self.initialize()
        assert self._catalog is not None
        return self._catalog

    def initialize(self) -> bool:
        """Reach the catalog, and make the namespace of `settings.iceberg.database` where it is not there; tables are
        not made.

        Returns True. Errors: icesink.IcesinkError with a text that starts "Failed to register Iceberg catalog".
        """
        if self._catalog is not None:
            return True
        catalog = None
        try:
            catalog = icesink.open(self.settings.for_icesink(), config=DEFAULTS, environment=True)
            catalog.create_namespace(self.settings.iceberg.database)
        except icesink.IcesinkError as error:
            if catalog is not None:
                catalog.close()
            if not str(error).startswith(_REFUSED):
                error.args = (f"{_REFUSED}: {error}",)
            raise
        self._catalog = catalog
        return True

    def close(self) -> None:
        if self._catalog is not None:
            self._catalog.close()
            self._catalog = None

    def __enter__(self) -> "IcebergCatalog":
        self.initialize()
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()
