package org.icesink.flink;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.math.BigInteger;
import org.apache.flink.table.api.DataTypes;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.data.TimestampData;
import org.apache.flink.table.types.logical.RowType;
import org.junit.jupiter.api.Test;

final class PartitionKeyTest {
  private static final String METADATA =
      "{\"metadata\": {\"current-schema-id\": 1, \"schemas\": ["
          + "{\"schema-id\": 0, \"fields\": []},"
          + "{\"schema-id\": 1, \"fields\": [{\"id\": 1, \"name\": \"at\"}, {\"id\": 2, \"name\": \"kind\"},"
          + " {\"id\": 3, \"name\": \"absent\"}]}],"
          + "\"default-spec-id\": 5, \"partition-specs\": [{\"spec-id\": 4, \"fields\": []},"
          + "{\"spec-id\": 5, \"fields\": [{\"source-id\": 1, \"name\": \"at_day\", \"transform\": \"day\"},"
          + "{\"source-id\": 2, \"name\": \"kind\", \"transform\": \"%s\"},"
          + "{\"source-id\": 3, \"name\": \"absent\", \"transform\": \"identity\"}]}]}}";
  private static final RowType ROWS =
      (RowType)
          DataTypes.ROW(
                  DataTypes.FIELD("kind", DataTypes.STRING()), DataTypes.FIELD("at", DataTypes.TIMESTAMP(6)))
              .getLogicalType();

  private static int key(String transform, String kind, long millis) throws IOException {
    PartitionKey key = PartitionKey.parse(METADATA.replace("%s", transform), ROWS);
    return key.getKey(
        GenericRowData.of(
            kind == null ? null : StringData.fromString(kind), TimestampData.fromEpochMillis(millis)));
  }

  /** The values of the specification's appendix B. */
  @Test
  void hashesAreTheSpecifications() {
    assertEquals(2017239379, PartitionTransform.hash(34L));
    assertEquals(-500754589, PartitionTransform.hash(BigInteger.valueOf(1420)));
    assertEquals(-653330422, PartitionTransform.hash(17486L), "2017-11-16");
    assertEquals(-662762989, PartitionTransform.hash(81068000000L), "22:31:08");
    assertEquals(-2047944441, PartitionTransform.hash(1510871468000000L), "2017-11-16T22:31:08");
    assertEquals(1210000089, PartitionTransform.hash("iceberg"));
    assertEquals(-188683207, PartitionTransform.hash(new byte[] {0, 1, 2, 3}));
  }

  @Test
  void transformsFloor() throws IcesinkException {
    assertEquals(-1L, PartitionTransform.parse("day").apply(-1L, false));
    assertEquals(-1L, PartitionTransform.parse("hour").apply(-1L, false));
    assertEquals(1969, PartitionTransform.parse("year").apply(-1L, true));
    assertEquals(-10L, PartitionTransform.parse("truncate[10]").apply(-1L, false));
    assertEquals("ice", PartitionTransform.parse("truncate[3]").apply("iceberg", false));
    assertEquals("\uD83D\uDE00", PartitionTransform.parse("truncate[1]").apply("\uD83D\uDE00x", false));
    assertEquals(BigInteger.valueOf(1050), PartitionTransform.parse("truncate[50]").apply(BigInteger.valueOf(1065), false));
  }

  @Test
  void rowsOfAPartitionHaveOneKey() throws IOException {
    long day = 86_400_000;
    assertEquals(key("identity", "a", 0), key("identity", "a", day - 1));
    assertNotEquals(key("identity", "a", 0), key("identity", "a", day));
    assertNotEquals(key("identity", "a", 0), key("identity", "a", -1));
    assertNotEquals(key("identity", "a", 0), key("identity", "b", 0));
    assertEquals(key("truncate[1]", "ab", 0), key("truncate[1]", "ac", 0));
    assertEquals(key("bucket[1]", "ab", 0), key("bucket[1]", "xy", 0));
    assertEquals(key("identity", null, 0), key("identity", null, 5));
    assertEquals(key("void", "a", 0), key("void", "b", 0));
  }

  @Test
  void anUnknownTransformIsRefused() {
    IcesinkException error = assertThrows(IcesinkException.class, () -> key("zorder", "a", 0));
    assertEquals("UNSUPPORTED", error.status());
    assertTrue(error.getMessage().contains("zorder"));
  }
}
