"""The API of PyFlink pipelines that write health data into Iceberg, on icesink.

Settings, transformer, validator, catalog, table manager and error records are used as they were; none of them needs
Flink. Where PyFlink is installed, importing the package lets PyFlink's environments and streams take its parts
(`_flink`).
"""

from ._flink import HAS_FLINK, extend

if HAS_FLINK:
    extend()
