package org.icesink.flink;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.math.BigDecimal;
import java.util.Map;
import org.apache.flink.api.common.functions.DefaultOpenContext;
import org.apache.flink.table.data.ArrayData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.StringData;
import org.apache.flink.types.Row;
import org.apache.flink.types.RowKind;
import org.junit.jupiter.api.Test;

final class PhysicalRowsTest {
  private static RowData convert(String type, Row row) {
    PhysicalRows rows = new PhysicalRows(PhysicalRows.type(type));
    rows.open(DefaultOpenContext.INSTANCE);
    return rows.map(row);
  }

  @Test
  void timesAreNumbers() {
    RowData row =
        convert(
            "ROW<d DATE, t TIMESTAMP(6) NOT NULL, z TIMESTAMP_LTZ(6), n TIMESTAMP(6)>",
            Row.of(-1, -1L, 1_700_000_000_123_456L, null));
    assertEquals(-1, row.getInt(0));
    assertEquals("1969-12-31T23:59:59.999999", row.getTimestamp(1, 6).toLocalDateTime().toString());
    assertEquals("2023-11-14T22:13:20.123456Z", row.getTimestamp(2, 6).toInstant().toString());
    assertTrue(row.isNullAt(3));
  }

  @Test
  void nestedValuesAndNullsInThem() {
    Row inner = Row.of("x", new BigDecimal("1.5"));
    RowData row =
        convert(
            "ROW<l ARRAY<STRING>, m MAP<STRING, BIGINT>, r ROW<s STRING, d DECIMAL(5, 2)>, b BYTES>",
            Row.of(new Object[] {"a", null}, Map.of("k", 7L), inner, new byte[] {1}));
    ArrayData list = row.getArray(0);
    assertEquals("a", list.getString(0).toString());
    assertTrue(list.isNullAt(1));
    assertEquals(7L, row.getMap(1).valueArray().getLong(0));
    assertEquals(StringData.fromString("k"), row.getMap(1).keyArray().getString(0));
    assertEquals(new BigDecimal("1.50"), row.getRow(2, 2).getDecimal(1, 5, 2).toBigDecimal());
    assertArrayEquals(new byte[] {1}, row.getBinary(3));
  }

  @Test
  void decimalsAreNotRounded() {
    String type = "ROW<r ROW<d DECIMAL(4, 2)>>";
    for (String value : new String[] {"1.005", "100.00"}) {
      Exception error =
          assertThrows(
              IllegalArgumentException.class, () -> convert(type, Row.of(Row.of(new BigDecimal(value)))));
      assertEquals("column \"r.d\": " + value + " does not fit DECIMAL(4, 2)", error.getMessage());
    }
  }

  /** The writer refuses what is no insert: so its kind must reach it. */
  @Test
  void theKindOfARowStays() {
    Row row = Row.ofKind(RowKind.DELETE, 1L);
    assertEquals(RowKind.DELETE, convert("ROW<i BIGINT>", row).getRowKind());
  }
}
