package org.icesink.flink;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Records through the off-heap batch into parts, and parts into tables, without Flink. */
final class PartWriterTest {
  private static final int LARGE = 9 << 20;

  @TempDir Path directory;

  private Session open() throws IcesinkException {
    Map<String, String> settings = new Lake(directory).settings();
    settings.put("name", "parts");
    settings.put("preset", "health");
    settings.put("source.decode.format", "json");
    settings.put("tables.data", "db.raw");
    settings.put("tables.dead_letters", "db.errors");
    Session session = Session.open(settings);
    session.createTables();
    return session;
  }

  private static byte[] message(String id) {
    return ("{\"deviceId\":\"d\",\"userId\":\"u\",\"timestamp\":\"2026-01-02T03:04:05Z\",\"appVersion\":\"1\",\"samples\":[{"
            + "\"id\":\"" + id + "\",\"type\":\"steps\",\"value\":1,\"unit\":\"count\",\"startDate\":\"2026-01-01T03:04:05Z\","
            + "\"endDate\":\"2026-01-09T03:04:05Z\",\"isSynced\":true,\"createdAt\":\"2026-01-02T03:04:05Z\",\"metadata\":{}}]}")
        .getBytes(StandardCharsets.UTF_8);
  }

  @Test
  void recordsOfEveryKindReachTheTables() throws Exception {
    try (Session session = open();
        PartWriter writer = session.openPartWriter();
        RecordBatch batch = new RecordBatch()) {
      // Topics that take turns, a key, a tombstone, nothing at all, and one that is larger than a batch.
      batch.add(new KafkaRecord("a", 0, 0, 1, null, message("a0")));
      batch.add(new KafkaRecord("größer", 7, 0, 2, new byte[] {1, 2}, message("b0")));
      batch.add(new KafkaRecord("a", 0, 3, 3, null, null));
      batch.add(new KafkaRecord("a", 0, 4, 4, new byte[0], new byte[0]));
      assertFalse(batch.isFull());
      batch.add(new KafkaRecord("größer", 7, 1, 5, null, new byte[LARGE]));
      assertTrue(batch.isFull());
      writer.add(batch);
      batch.clear();
      assertFalse(batch.isFull());
      batch.add(new KafkaRecord("a", 0, 5, 6, null, message("a5")));
      writer.add(batch);
      PartWriter.Counts counts = writer.counts();
      assertEquals(List.of(6L, 2L, 3L, 3L), List.of(counts.records, counts.gaps, counts.rows, counts.deadLetters));
      byte[] part = writer.finish();
      assertEquals(0, writer.finish().length, "nothing was added since");
      IcesinkCommittable committable =
          new IcesinkCommittable("parts", "job", "operator", 1, 1, false, List.of(part), 2);
      session.commit(committable);
      session.commit(committable);
      assertEquals(
          Map.of(new KafkaPartition("a", 0), 6L, new KafkaPartition("größer", 7), 2L), session.position());
    }
    JsonNode table = new Lake(directory).read("db.raw");
    assertEquals(3, table.get("rows").size());
    JsonNode errors = new Lake(directory).read("db.errors").get("rows");
    assertEquals(3, errors.size());
    int large = 0;
    for (JsonNode error : errors) {
      // Bytes are read as hexadecimal.
      large += error.path("raw_bytes").asText().length() == 2 * LARGE ? 1 : 0;
    }
    assertEquals(1, large, "the large message is kept whole");
  }

  @Test
  void aFullBatchTakesNothingAndAClosedOneNeither() throws Exception {
    RecordBatch batch = new RecordBatch();
    int count = 0;
    while (!batch.isFull()) {
      batch.add(new KafkaRecord("t", 0, count++, 0, null, new byte[] {1}));
    }
    assertEquals(4096, count);
    assertThrows(IcesinkException.class, () -> batch.add(new KafkaRecord("t", 0, 4096, 0, null, null)));
    batch.close();
    batch.close();
    assertThrows(IcesinkException.class, () -> batch.add(new KafkaRecord("t", 0, 0, 0, null, null)));
  }

  @Test
  void aWriterIsClosedWithItsSession() throws Exception {
    Session session = open();
    PartWriter writer = session.openPartWriter();
    writer.resume(new KafkaPartition("t", 0), 5);
    try (RecordBatch batch = new RecordBatch()) {
      batch.add(new KafkaRecord("t", 0, 4, 0, null, message("x")));
      IcesinkException error = assertThrows(IcesinkException.class, () -> writer.add(batch));
      assertTrue(error.getMessage().contains("offset 4 was given where 5 or a later one comes next"), error.getMessage());
      assertFalse(error.isFatal());
      session.close();
      assertEquals("INVALID_STATE", assertThrows(IcesinkException.class, () -> writer.add(batch)).status());
    }
    assertThrows(IcesinkException.class, writer::finish);
    assertThrows(IcesinkException.class, session::position);
    writer.close();
  }
}
