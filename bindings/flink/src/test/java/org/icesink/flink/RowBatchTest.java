package org.icesink.flink;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.math.BigDecimal;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.table.api.DataTypes;
import org.apache.flink.table.data.DecimalData;
import org.apache.flink.table.data.GenericArrayData;
import org.apache.flink.table.data.GenericMapData;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.data.TimestampData;
import org.apache.flink.table.types.DataType;
import org.apache.flink.table.types.logical.RowType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Rows through the column buffers into a table, one by one where SQL has no way to make them. */
final class RowBatchTest {
  private static final String TABLE = "db.t";

  @TempDir Path directory;

  private static RowType type(DataTypes.Field... fields) {
    return (RowType) DataTypes.ROW(fields).getLogicalType();
  }

  private JsonNode write(RowType type, GenericRowData... rows) throws Exception {
    Lake lake = new Lake(directory);
    lake.createTable(TABLE, type);
    Columns columns = Columns.of(type);
    try (Session session = lake.session();
        TableWriter writer = session.openWriter(TABLE, columns);
        RowBatch batch = new RowBatch(columns)) {
      for (GenericRowData row : rows) {
        batch.add(row);
      }
      writer.append(batch);
      session.append(
          TABLE, new IcesinkCommittable("test", "job", "operator", 1, 1, false, List.of(writer.finish()), 1));
    }
    return lake.read(TABLE).get("rows");
  }

  private static DataTypes.Field list(String name, DataType element) {
    return DataTypes.FIELD(name, DataTypes.ARRAY(element));
  }

  private static GenericArrayData array(Object... elements) {
    return new GenericArrayData(elements);
  }

  @Test
  void listsOfEveryType() throws Exception {
    RowType type =
        type(
            list("flags", DataTypes.BOOLEAN()),
            list("ints", DataTypes.INT()),
            list("longs", DataTypes.BIGINT()),
            list("floats", DataTypes.FLOAT()),
            list("doubles", DataTypes.DOUBLE()),
            list("decimals", DataTypes.DECIMAL(5, 1)),
            list("texts", DataTypes.STRING()),
            list("fixed", DataTypes.BINARY(2)),
            list("octets", DataTypes.BYTES()),
            list("days", DataTypes.DATE()),
            list("times", DataTypes.TIME(3)),
            list("stamps", DataTypes.TIMESTAMP(6)),
            list("lists", DataTypes.ARRAY(DataTypes.INT())),
            list("rows", DataTypes.ROW(DataTypes.FIELD("x", DataTypes.INT()))),
            list("maps", DataTypes.MAP(DataTypes.INT(), DataTypes.BIGINT())));
    JsonNode rows =
        write(
            type,
            GenericRowData.of(
                array(true, null, false),
                array(1, null, -1),
                array(1L << 40, null),
                array(0.5f, null),
                array(-0.25, null),
                array(DecimalData.fromBigDecimal(new BigDecimal("-12.5"), 5, 1), null),
                array(StringData.fromString("ä"), null, StringData.fromString("")),
                array(new byte[] {1, 2}, null),
                array(new byte[] {3}, null, new byte[0]),
                array(0, null),
                array(86_398_123, null),
                array(TimestampData.fromEpochMillis(-1, 999_999), null),
                array(array(1), null, array()),
                array(GenericRowData.of(7), null, GenericRowData.of((Object) null)),
                array(new GenericMapData(Map.of(1, 2L)), null)),
            GenericRowData.of(
                array(), array(), array(), array(), array(), array(), array(), array(), array(), array(), array(),
                array(), array(), array(), array()));
    assertEquals(
        "{\"flags\":[true,null,false],\"ints\":[1,null,-1],\"longs\":[1099511627776,null],\"floats\":[0.5,null],"
            + "\"doubles\":[-0.25,null],\"decimals\":[\"-12.5\",null],\"texts\":[\"ä\",null,\"\"],"
            + "\"fixed\":[\"0102\",null],\"octets\":[\"03\",null,\"\"],\"days\":[\"1970-01-01\",null],"
            + "\"times\":[\"23:59:58.123000\",null],\"stamps\":[\"1969-12-31 23:59:59.999999\",null],"
            + "\"lists\":[[1],null,[]],\"rows\":[{\"x\":7},null,{\"x\":null}],\"maps\":[[[1,2]],null]}",
        rows.get(0).toString());
    rows.get(1).forEach(value -> assertEquals("[]", value.toString()));
  }

  @Test
  void aNullStructHasRequiredFieldsBelowIt() throws Exception {
    RowType type =
        type(
            DataTypes.FIELD("id", DataTypes.BIGINT().notNull()),
            DataTypes.FIELD(
                "s",
                DataTypes.ROW(
                    DataTypes.FIELD("text", DataTypes.STRING().notNull()),
                    DataTypes.FIELD("number", DataTypes.INT().notNull()),
                    DataTypes.FIELD("flag", DataTypes.BOOLEAN().notNull()),
                    DataTypes.FIELD("list", DataTypes.ARRAY(DataTypes.INT()).notNull()))));
    JsonNode rows =
        write(
            type,
            GenericRowData.of(0L, null),
            GenericRowData.of(1L, GenericRowData.of(StringData.fromString("a"), 5, true, array(1, 2))),
            GenericRowData.of(2L, null));
    assertTrue(rows.get(0).get("s").isNull());
    assertEquals("{\"text\":\"a\",\"number\":5,\"flag\":true,\"list\":[1,2]}", rows.get(1).get("s").toString());
    assertTrue(rows.get(2).get("s").isNull());
  }

  @Test
  void aBatchIsFullByRowsOrByBytes() throws Exception {
    NativeLibrary.load();
    try (RowBatch batch = new RowBatch(Columns.of(type(DataTypes.FIELD("text", DataTypes.STRING()))))) {
      int rows = 0;
      while (!batch.isFull()) {
        batch.add(GenericRowData.of(StringData.fromString("short")));
        rows++;
      }
      assertEquals(4096, rows);
      batch.clear();
      assertFalse(batch.isFull());
      batch.add(GenericRowData.of(StringData.fromString("long ".repeat(1_000_000))));
      assertTrue(batch.isFull());
      batch.clear();
      assertFalse(batch.isFull());
    }
  }

  @Test
  void aValueThatDoesNotFitIsAnException() throws Exception {
    NativeLibrary.load();
    Columns columns =
        Columns.of(
            type(
                DataTypes.FIELD("at", DataTypes.TIMESTAMP(6)), DataTypes.FIELD("fixed", DataTypes.BINARY(2))));
    try (RowBatch batch = new RowBatch(columns)) {
      IcesinkException far =
          assertThrows(
              IcesinkException.class,
              () -> batch.add(GenericRowData.of(TimestampData.fromEpochMillis(Long.MAX_VALUE), new byte[2])));
      assertTrue(far.getMessage().contains("\"at\""), far.getMessage());
      // Half a row is in the buffers: they are not handed over.
      assertEquals("INVALID_STATE", assertThrows(IcesinkException.class, batch::layout).status());
    }
    try (RowBatch batch = new RowBatch(columns)) {
      IcesinkException wide =
          assertThrows(IcesinkException.class, () -> batch.add(GenericRowData.of(null, new byte[3])));
      assertTrue(wide.getMessage().contains("\"fixed\""), wide.getMessage());
    }
  }
}
