#!/usr/bin/env python3
"""Writes the files of this folder with pyarrow: layouts that icesink reads but does not write.

    python make_foreign.py            (pyarrow 21)
"""
import datetime
import decimal
import os

import pyarrow as pa
import pyarrow.parquet as pq

HERE = os.path.dirname(os.path.abspath(__file__))


def table():
    rows = range(50)
    schema = pa.schema([
        pa.field("id", pa.int64(), False),
        pa.field("flag", pa.bool_()),
        pa.field("small", pa.int16()),
        pa.field("real", pa.float32()),
        pa.field("money", pa.decimal128(12, 2)),
        pa.field("millis", pa.timestamp("ms")),
        pa.field("clock", pa.time32("ms")),
        pa.field("word", pa.string()),
        pa.field("texts", pa.list_(pa.string())),
        pa.field("pairs", pa.map_(pa.string(), pa.int32())),
    ])
    return pa.table({
        "id": [i * i for i in rows],
        "flag": [None if i % 9 == 0 else i % 3 == 0 for i in rows],
        "small": [None if i % 4 == 0 else i - 25 for i in rows],
        "real": [i / 4 for i in rows],
        "money": [decimal.Decimal(i * 101 - 2000) / 100 for i in rows],
        "millis": [datetime.datetime(1969, 12, 31, 23, 59, 59) + datetime.timedelta(milliseconds=i * 250) for i in rows],
        "clock": [datetime.time(0, 0, i % 60, 5000) for i in rows],
        "word": [None if i % 5 == 0 else f"word-{i % 3}" for i in rows],
        "texts": [None if i % 6 == 0 else [f"t{k}" if k % 2 else None for k in range(i % 4)] for i in rows],
        "pairs": [[(f"k{k}", k) for k in range(i % 3)] for i in rows],
    }, schema=schema)


def write(name, **options):
    pq.write_table(table(), os.path.join(HERE, name), **options)


write("foreign_v2_zstd.parquet", data_page_version="2.0", compression="zstd", use_dictionary=["word"],
      row_group_size=20, data_page_size=64, write_page_checksum=True)
write("foreign_v2_gzip.parquet", data_page_version="2.0", compression="gzip")
write("foreign_v1_dictionary.parquet", version="1.0", compression="snappy", write_page_checksum=True)
write("foreign_v1_plain.parquet", use_dictionary=False, compression="none", store_decimal_as_integer=True)
write("foreign_delta.parquet", use_dictionary=False, compression="none",
      column_encoding={"id": "DELTA_BINARY_PACKED"})
write("foreign_brotli.parquet", compression="brotli")
