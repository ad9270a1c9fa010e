package org.icesink.flink;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.apache.flink.runtime.testutils.InMemoryReporter;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.table.api.DataTypes;
import org.apache.flink.table.api.EnvironmentSettings;
import org.apache.flink.table.api.TableEnvironment;
import org.apache.flink.table.types.logical.RowType;
import org.apache.flink.test.junit5.MiniClusterExtension;
import org.apache.flink.util.ExceptionUtils;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** INSERT INTO, in batch and in streaming, on a cluster that lives through every refusal. */
final class SqlTest {
  @RegisterExtension
  static final MiniClusterExtension CLUSTER = Cluster.extension(InMemoryReporter.create());

  private static final RowType ALL_TYPES =
      (RowType)
          DataTypes.ROW(
                  DataTypes.FIELD("id", DataTypes.BIGINT().notNull()),
                  DataTypes.FIELD("flag", DataTypes.BOOLEAN()),
                  DataTypes.FIELD("whole", DataTypes.INT()),
                  DataTypes.FIELD("single", DataTypes.FLOAT()),
                  DataTypes.FIELD("real", DataTypes.DOUBLE()),
                  DataTypes.FIELD("small_decimal", DataTypes.DECIMAL(9, 2)),
                  DataTypes.FIELD("large_decimal", DataTypes.DECIMAL(38, 10)),
                  DataTypes.FIELD("letters", DataTypes.CHAR(3)),
                  DataTypes.FIELD("text", DataTypes.STRING()),
                  DataTypes.FIELD("fixed", DataTypes.BINARY(4)),
                  DataTypes.FIELD("octets", DataTypes.BYTES()),
                  DataTypes.FIELD("day", DataTypes.DATE()),
                  DataTypes.FIELD("clock", DataTypes.TIME(3)),
                  DataTypes.FIELD("at", DataTypes.TIMESTAMP(6)),
                  DataTypes.FIELD("instant", DataTypes.TIMESTAMP_LTZ(6)),
                  DataTypes.FIELD("list", DataTypes.ARRAY(DataTypes.INT())),
                  DataTypes.FIELD("map", DataTypes.MAP(DataTypes.STRING(), DataTypes.STRING())),
                  DataTypes.FIELD(
                      "row",
                      DataTypes.ROW(
                          DataTypes.FIELD("x", DataTypes.DOUBLE()),
                          DataTypes.FIELD("tags", DataTypes.ARRAY(DataTypes.STRING())))))
              .getLogicalType();

  private static final String ALL_COLUMNS =
      "(id BIGINT NOT NULL, flag BOOLEAN, whole INT, `single` FLOAT, `real` DOUBLE, small_decimal DECIMAL(9, 2),"
          + " large_decimal DECIMAL(38, 10), letters CHAR(3), `text` STRING, `fixed` BINARY(4), octets BYTES, `day` DATE,"
          + " `clock` TIME(3), `at` TIMESTAMP(6), `instant` TIMESTAMP_LTZ(6), `list` ARRAY<INT>,"
          + " `map` MAP<STRING, STRING>, `row` ROW<x DOUBLE, tags ARRAY<STRING>>)";

  @TempDir Path directory;
  private Lake lake;

  @BeforeEach
  void makeLake() {
    lake = new Lake(directory);
  }

  private static TableEnvironment batch() {
    TableEnvironment sql = TableEnvironment.create(EnvironmentSettings.inBatchMode());
    sql.getConfig().set("table.local-time-zone", "UTC");
    sql.getConfig().set("parallelism.default", "2");
    // What is too much for a column is the table's to refuse.
    sql.getConfig().set("table.exec.sink.not-null-enforcer", "ERROR");
    return sql;
  }

  private static void insert(TableEnvironment sql, String statement) throws Exception {
    sql.executeSql(statement).await();
  }

  private static String failure(TableEnvironment sql, String statement) {
    Exception error = assertThrows(Exception.class, () -> insert(sql, statement));
    return ExceptionUtils.stringifyException(error);
  }

  @Test
  void everyTypeArrives() throws Exception {
    lake.createTable("db.types", ALL_TYPES);
    TableEnvironment sql = batch();
    sql.executeSql("CREATE TABLE types " + ALL_COLUMNS + lake.with("db.types"));
    insert(
        sql,
        "INSERT INTO types VALUES (1, TRUE, -7, CAST(1.5 AS FLOAT), -2.25, 1234567.89,"
            + " CAST('-1234567890123456789012345678.0123456789' AS DECIMAL(38, 10)), 'abc', 'Größe 😀', X'00ff10aa', X'01', DATE '1969-12-31',"
            + " TIME '23:59:58', TIMESTAMP '1969-12-31 23:59:59.999999',"
            + " CAST(TIMESTAMP '2024-02-29 12:00:00.000001' AS TIMESTAMP_LTZ(6)), ARRAY[1, CAST(NULL AS INT), 3],"
            + " MAP['k', 'v', 'leer', CAST(NULL AS STRING)], ROW(0.5, ARRAY['p', 'q']))");
    insert(sql, "INSERT INTO types (id) VALUES (2)");
    JsonNode table = lake.read("db.types");
    assertEquals(2, table.get("rows").size());
    JsonNode first = table.get("rows").get(0);
    JsonNode second = table.get("rows").get(1);
    JsonNode full = first.get("id").asInt() == 1 ? first : second;
    JsonNode empty = full == first ? second : first;
    assertEquals(
        "{\"id\":1,\"flag\":true,\"whole\":-7,\"single\":1.5,\"real\":-2.25,\"small_decimal\":\"1234567.89\","
            + "\"large_decimal\":\"-1234567890123456789012345678.0123456789\",\"letters\":\"abc\","
            + "\"text\":\"Größe 😀\",\"fixed\":\"00ff10aa\",\"octets\":\"01\",\"day\":\"1969-12-31\","
            + "\"clock\":\"23:59:58\",\"at\":\"1969-12-31 23:59:59.999999\","
            + "\"instant\":\"2024-02-29 12:00:00.000001+00:00\",\"list\":[1,null,3],"
            + "\"map\":[[\"k\",\"v\"],[\"leer\",null]],\"row\":{\"x\":0.5,\"tags\":[\"p\",\"q\"]}}",
        full.toString());
    empty.fields().forEachRemaining(
        field -> assertEquals(!field.getKey().equals("id"), field.getValue().isNull(), field.getKey()));
    assertEquals(2, table.get("snapshots").size());
    Lake.assertFlinkSnapshots(table);
  }

  /** Batches of thousands of rows: buffers that grow, begin anew, and mix nulls with values of all sizes. */
  @Test
  void manyRowsArriveAsTheyWere() throws Exception {
    RowType type =
        (RowType)
            DataTypes.ROW(
                    DataTypes.FIELD("id", DataTypes.BIGINT().notNull()),
                    DataTypes.FIELD("even", DataTypes.BOOLEAN()),
                    DataTypes.FIELD("text", DataTypes.STRING()),
                    DataTypes.FIELD("list", DataTypes.ARRAY(DataTypes.BIGINT())),
                    DataTypes.FIELD("map", DataTypes.MAP(DataTypes.STRING(), DataTypes.BIGINT())))
                .getLogicalType();
    lake.createTable("db.many", type);
    TableEnvironment sql = batch();
    sql.executeSql(
        "CREATE TABLE many (id BIGINT NOT NULL, even BOOLEAN, text STRING, list ARRAY<BIGINT>, `map` MAP<STRING, BIGINT>)"
            + lake.with("db.many"));
    sql.executeSql(
        "CREATE TABLE numbers (id BIGINT NOT NULL) WITH ('connector' = 'datagen', 'number-of-rows' = '20000',"
            + " 'fields.id.kind' = 'sequence', 'fields.id.start' = '0', 'fields.id.end' = '19999')");
    insert(
        sql,
        "INSERT INTO many SELECT id, CASE WHEN MOD(id, 7) = 3 THEN CAST(NULL AS BOOLEAN) ELSE MOD(id, 2) = 0 END,"
            + " CASE WHEN MOD(id, 5) = 4 THEN CAST(NULL AS STRING) ELSE REPEAT(CAST(id AS STRING), CAST(MOD(id, 90) AS INT)) END,"
            + " CASE WHEN MOD(id, 3) = 2 THEN CAST(NULL AS ARRAY<BIGINT>) ELSE ARRAY[id, -id] END,"
            + " CASE WHEN MOD(id, 4) = 1 THEN CAST(NULL AS MAP<STRING, BIGINT>) ELSE MAP[CAST(id AS STRING), id] END FROM numbers");
    JsonNode table = lake.read("db.many");
    Lake.assertIdsOnce(table, 20000);
    for (JsonNode row : table.get("rows")) {
      long id = row.get("id").asLong();
      assertEquals(id % 7 == 3 ? "null" : String.valueOf(id % 2 == 0), row.get("even").asText());
      JsonNode text = row.get("text");
      if (id % 5 == 4) {
        assertTrue(text.isNull());
      } else {
        assertEquals(Long.toString(id).repeat((int) (id % 90)), text.asText());
      }
      assertEquals(id % 3 == 2 ? "null" : "[" + id + "," + -id + "]", row.get("list").toString());
      assertEquals(id % 4 == 1 ? "null" : "[[\"" + id + "\"," + id + "]]", row.get("map").toString());
    }
    assertEquals(1, table.get("snapshots").size(), "a bounded job is one commit");
  }

  @Test
  void hashGivesEachPartitionToOneWriter() throws Exception {
    RowType type =
        (RowType)
            DataTypes.ROW(
                    DataTypes.FIELD("id", DataTypes.BIGINT().notNull()),
                    DataTypes.FIELD("kind", DataTypes.STRING().notNull()))
                .getLogicalType();
    lake.createTable("db.hashed", type, "kind");
    TableEnvironment sql = batch();
    sql.getConfig().set("parallelism.default", "4");
    sql.executeSql(
        "CREATE TABLE hashed (id BIGINT NOT NULL, kind STRING NOT NULL)"
            + lake.with("db.hashed", "write.distribution-mode", "hash"));
    sql.executeSql(
        "CREATE TABLE numbers (id BIGINT NOT NULL) WITH ('connector' = 'datagen', 'number-of-rows' = '4000',"
            + " 'fields.id.kind' = 'sequence', 'fields.id.start' = '0', 'fields.id.end' = '3999')");
    insert(sql, "INSERT INTO hashed SELECT id, CONCAT('kind', CAST(MOD(id, 8) AS STRING)) FROM numbers");
    JsonNode table = lake.read("db.hashed");
    Lake.assertIdsOnce(table, 4000);
    Set<String> partitions = new HashSet<>();
    for (JsonNode file : table.get("files")) {
      assertTrue(partitions.add(file.get("partition").asText()), "two files of " + file);
    }
    assertEquals(8, partitions.size());
  }

  @Test
  void partitionedByAndPartitionValuesAreTaken() throws Exception {
    RowType type =
        (RowType)
            DataTypes.ROW(DataTypes.FIELD("id", DataTypes.BIGINT()), DataTypes.FIELD("kind", DataTypes.STRING()))
                .getLogicalType();
    lake.createTable("db.parted", type, "kind");
    TableEnvironment sql = batch();
    sql.executeSql(
        "CREATE TABLE parted (id BIGINT, kind STRING) PARTITIONED BY (kind)" + lake.with("db.parted"));
    insert(sql, "INSERT INTO parted VALUES (0, 'a'), (1, 'b')");
    insert(sql, "INSERT INTO parted PARTITION (kind = 'c') VALUES (2), (3)");
    JsonNode table = lake.read("db.parted");
    Lake.assertIdsOnce(table, 4);
    Map<Long, String> kinds = new TreeMap<>();
    table.get("rows").forEach(row -> kinds.put(row.get("id").asLong(), row.get("kind").asText()));
    assertEquals(Map.of(0L, "a", 1L, "b", 2L, "c", 3L, "c"), kinds);
    assertTrue(
        failure(sql, "INSERT OVERWRITE parted PARTITION (kind = 'a') VALUES (9)")
            .contains("INSERT OVERWRITE replaces the whole table, not PARTITION {kind=a} alone"));
    Lake.assertIdsOnce(lake.read("db.parted"), 4);
  }

  @Test
  void overwriteReplacesTheWholeTable() throws Exception {
    RowType type = (RowType) DataTypes.ROW(DataTypes.FIELD("id", DataTypes.BIGINT())).getLogicalType();
    lake.createTable("db.whole", type);
    TableEnvironment sql = batch();
    sql.executeSql("CREATE TABLE whole (id BIGINT)" + lake.with("db.whole"));
    insert(sql, "INSERT INTO whole VALUES (7), (8), (9)");
    insert(sql, "INSERT OVERWRITE whole VALUES (0), (1)");
    JsonNode table = lake.read("db.whole");
    Lake.assertIdsOnce(table, 2);
    assertEquals("overwrite", table.get("snapshots").get(1).get("operation").asText());
    insert(sql, "INSERT INTO whole VALUES (2)");
    Lake.assertIdsOnce(lake.read("db.whole"), 3);
    insert(sql, "INSERT OVERWRITE whole SELECT id FROM (VALUES (1)) AS t (id) WHERE id > 1");
    assertEquals(0, lake.read("db.whole").get("rows").size());

    TableEnvironment streaming = TableEnvironment.create(EnvironmentSettings.inStreamingMode());
    streaming.executeSql("CREATE TABLE whole (id BIGINT)" + lake.with("db.whole"));
    assertTrue(failure(streaming, "INSERT OVERWRITE whole VALUES (5)").contains("needs batch mode"));
  }

  @Test
  void wrongOptionsAreRefusedByName() {
    TableEnvironment sql = batch();
    sql.executeSql("CREATE TABLE upserted (id BIGINT)" + lake.with("db.t", "write.upsert.enabled", "true"));
    assertTrue(failure(sql, "INSERT INTO upserted VALUES (1)").contains("an upsert writes delete files"));
    sql.executeSql("CREATE TABLE typo (id BIGINT)" + lake.with("db.t", "write.compresion", "zstd"));
    assertTrue(failure(sql, "INSERT INTO typo VALUES (1)").contains("write.compression"));
    sql.executeSql("CREATE TABLE ranged (id BIGINT)" + lake.with("db.t", "write.distribution-mode", "range"));
    assertTrue(failure(sql, "INSERT INTO ranged VALUES (1)").contains("write.distribution-mode"));
    sql.executeSql("CREATE TABLE small (id SMALLINT)" + lake.with("db.t"));
    assertTrue(failure(sql, "INSERT INTO small VALUES (CAST(1 AS SMALLINT))").contains("column \"id\""));
    sql.executeSql("CREATE TABLE untabled (id BIGINT) WITH ('connector' = 'icesink')");
    assertTrue(failure(sql, "INSERT INTO untabled VALUES (1)").contains("table"));
  }

  @Test
  void nativeErrorsFailTheJobAndNotTheCluster() throws Exception {
    RowType required =
        (RowType) DataTypes.ROW(DataTypes.FIELD("id", DataTypes.BIGINT().notNull())).getLogicalType();
    lake.createTable("db.required", required);
    TableEnvironment sql = batch();

    sql.executeSql("CREATE TABLE missing (id BIGINT)" + lake.with("db.missing"));
    assertTrue(failure(sql, "INSERT INTO missing VALUES (1)").contains("Table does not exist: db.missing"));

    sql.executeSql("CREATE TABLE nulls (id BIGINT)" + lake.with("db.required"));
    String nulls = failure(sql, "INSERT INTO nulls VALUES (1), (CAST(NULL AS BIGINT))");
    assertTrue(nulls.contains("INVALID_ARGUMENT") && nulls.contains("\"id\""), nulls);

    sql.executeSql("CREATE TABLE typed (id STRING)" + lake.with("db.required"));
    String typed = failure(sql, "INSERT INTO typed VALUES ('1')");
    assertTrue(typed.contains("INVALID_ARGUMENT") && typed.contains("\"id\""), typed);

    sql.executeSql("CREATE TABLE foreign_column (id BIGINT, other INT)" + lake.with("db.required"));
    String foreign = failure(sql, "INSERT INTO foreign_column VALUES (1, 2)");
    assertTrue(foreign.contains("INVALID_ARGUMENT") && foreign.contains("other"), foreign);

    // The same JVM goes on, and nothing of the refused is in the table.
    insert(sql, "INSERT INTO nulls VALUES (0)");
    JsonNode table = lake.read("db.required");
    Lake.assertIdsOnce(table, 1);
    assertFalse(table.get("snapshots").isEmpty());
  }
}
