"""The API of PyFlink pipelines that write health data into Iceberg, on icesink.
 Settings, transformer, validator, catalog, table manager and error records are used as they were; none of them needs
Flink."""
