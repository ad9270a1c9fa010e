package org.icesink.flink;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.flink.table.types.logical.RowType;

/** A SQLite catalog and a warehouse in a directory. Tables are read by PyIceberg: no part of the reading is icesink's. */
final class Lake {
  private final Path directory;

  Lake(Path directory) {
    this.directory = directory;
  }

  Map<String, String> settings() {
    Map<String, String> settings = new HashMap<>();
    settings.put("catalog.type", "sqlite");
    settings.put("catalog.uri", directory.resolve("catalog.db").toString());
    settings.put("catalog.warehouse", directory.resolve("warehouse").toString());
    settings.put("memory", "32MB");
    return settings;
  }

  /** The options of a SQL table, behind its columns. */
  String with(String table, String... more) {
    Map<String, String> options = new TreeMap<>(settings());
    options.put("connector", "icesink");
    options.put("table", table);
    for (int i = 0; i < more.length; i += 2) {
      options.put(more[i], more[i + 1]);
    }
    List<String> texts = new ArrayList<>();
    options.forEach((key, value) -> texts.add("'" + key + "' = '" + value + "'"));
    return " WITH (" + String.join(", ", texts) + ")";
  }

  Session session() throws IcesinkException {
    return Session.open(settings());
  }

  void createTable(String table, RowType type, String... partition) throws IcesinkException {
    try (Session session = session()) {
      session.createNamespace(table.substring(0, table.indexOf('.')));
      session.createTable(table, type, List.of(partition), Collections.emptyMap());
    }
  }

  JsonNode read(String table) throws IOException, InterruptedException {
    Process reader =
        new ProcessBuilder(
                System.getProperty("icesink.python"),
                System.getProperty("icesink.reader"),
                directory.resolve("catalog.db").toString(),
                directory.resolve("warehouse").toString(),
                table)
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    byte[] output = reader.getInputStream().readAllBytes();
    assertEquals(0, reader.waitFor(), "the reader's exit status");
    return new ObjectMapper().readTree(output);
  }

  /** Every id from 0 on exactly once, whatever the order. */
  static void assertIdsOnce(JsonNode table, int count) {
    int[] seen = new int[count];
    int beyond = 0;
    for (JsonNode row : table.get("rows")) {
      long id = row.get("id").asLong();
      if (id < 0 || id >= count) {
        beyond++;
      } else {
        seen[(int) id]++;
      }
    }
    int lost = 0;
    int repeated = 0;
    for (int times : seen) {
      lost += times == 0 ? 1 : 0;
      repeated += Math.max(0, times - 1);
    }
    assertEquals(List.of(0, 0, 0), List.of(lost, repeated, beyond), "lost, repeated, foreign ids");
  }

  /** No snapshot without rows, and the entries of the community's sink in each. */
  static void assertFlinkSnapshots(JsonNode table) {
    assertTrue(table.get("snapshots").size() > 0, "no snapshot at all");
    Map<String, Long> checkpoints = new HashMap<>();
    for (JsonNode snapshot : table.get("snapshots")) {
      assertTrue(snapshot.path("added-records").asLong() > 0, "a snapshot without rows: " + snapshot);
      String job = snapshot.get("flink.job-id").asText();
      assertEquals(32, job.length(), job);
      assertEquals(32, snapshot.get("flink.operator-id").asText().length());
      long checkpoint = snapshot.get("flink.max-committed-checkpoint-id").asLong();
      assertTrue(checkpoint > checkpoints.getOrDefault(job, 0L), "checkpoints of a job do not grow: " + snapshot);
      assertTrue(checkpoint < 1_000_000, "not a checkpoint's id: " + snapshot);
      checkpoints.put(job, checkpoint);
    }
  }
}
