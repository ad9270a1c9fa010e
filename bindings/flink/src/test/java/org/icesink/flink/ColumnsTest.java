package org.icesink.flink;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.apache.flink.table.api.DataTypes;
import org.apache.flink.table.types.DataType;
import org.apache.flink.table.types.logical.RowType;
import org.junit.jupiter.api.Test;

final class ColumnsTest {
  private static Columns of(DataTypes.Field... fields) {
    return Columns.of((RowType) DataTypes.ROW(fields).getLogicalType());
  }

  private static String format(DataType type) {
    Columns columns = of(DataTypes.FIELD("c", type));
    return Texts.text(columns.names()).split("\0")[2];
  }

  private static String refusal(DataType type) {
    return assertThrows(IllegalArgumentException.class, () -> format(type)).getMessage();
  }

  @Test
  void scalarsHaveTheirArrowFormat() {
    assertEquals("b", format(DataTypes.BOOLEAN()));
    assertEquals("i", format(DataTypes.INT()));
    assertEquals("l", format(DataTypes.BIGINT()));
    assertEquals("f", format(DataTypes.FLOAT()));
    assertEquals("g", format(DataTypes.DOUBLE()));
    assertEquals("d:38,4", format(DataTypes.DECIMAL(38, 4)));
    assertEquals("u", format(DataTypes.CHAR(3)));
    assertEquals("u", format(DataTypes.VARCHAR(30)));
    assertEquals("w:16", format(DataTypes.BINARY(16)));
    assertEquals("z", format(DataTypes.BYTES()));
    assertEquals("tdD", format(DataTypes.DATE()));
    assertEquals("ttu", format(DataTypes.TIME(3)));
    assertEquals("tsu:", format(DataTypes.TIMESTAMP(6)));
    assertEquals("tsu:", format(DataTypes.TIMESTAMP(3)));
    assertEquals("tsu:UTC", format(DataTypes.TIMESTAMP_LTZ(6)));
  }

  @Test
  void nestedTypesAreTreesInPreorder() {
    Columns columns =
        of(
            DataTypes.FIELD("id", DataTypes.BIGINT().notNull()),
            DataTypes.FIELD("m", DataTypes.MAP(DataTypes.STRING(), DataTypes.INT())),
            DataTypes.FIELD("a", DataTypes.ARRAY(DataTypes.ROW(DataTypes.FIELD("x", DataTypes.DOUBLE())))));
    assertEquals(
        "+s,,l,id,+m,m,+s,entries,u,key,i,value,+l,a,+s,element,g,x",
        String.join(",", Texts.text(columns.names()).split("\0")));
    assertArrayEquals(
        new int[] {3, 0, 0, 0, 1, 1, 2, 0, 0, 0, 0, 1, 1, 1, 1, 1, 0, 1}, columns.shape(), "children and nullable");
  }

  @Test
  void whatIcebergLacksIsRefusedByColumn() {
    assertTrue(refusal(DataTypes.TINYINT()).startsWith("column \"c\": Iceberg tables have no type for TINYINT"));
    assertTrue(refusal(DataTypes.SMALLINT()).endsWith("cast it to INT"));
    assertTrue(refusal(DataTypes.MULTISET(DataTypes.INT())).contains("column \"c\""));
    assertTrue(refusal(DataTypes.INTERVAL(DataTypes.MONTH())).contains("column \"c\""));
    assertTrue(refusal(DataTypes.TIMESTAMP_WITH_TIME_ZONE(6)).contains("TIMESTAMP_LTZ(6)"));
    assertTrue(refusal(DataTypes.TIMESTAMP(9)).contains("TIMESTAMP(9) exceeds"));
    assertTrue(
        refusal(DataTypes.ROW(DataTypes.FIELD("x", DataTypes.ARRAY(DataTypes.SMALLINT()))))
            .contains("column \"c.x.element\""));
  }
}
