package org.icesink.flink;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;

import java.util.ArrayList;
import java.util.List;
import org.apache.flink.api.common.functions.util.ListCollector;
import org.apache.flink.api.common.typeutils.TypeSerializer;
import org.apache.flink.api.common.serialization.SerializerConfigImpl;
import org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema;
import org.apache.flink.types.Row;
import org.apache.flink.util.InstantiationUtil;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.junit.jupiter.api.Test;

/** With the connector that has Kafka's own names; the tests of the Python package have the one with its own copy. */
final class KafkaRowsTest {
  @SuppressWarnings("unchecked")
  private static <T> KafkaRecordDeserializationSchema<T> transported(Object made) throws Exception {
    // As it reaches the tasks.
    return (KafkaRecordDeserializationSchema<T>)
        InstantiationUtil.deserializeObject(
            InstantiationUtil.serializeObject(made), Thread.currentThread().getContextClassLoader());
  }

  @Test
  void aRowHasCoordinatesAndBytes() throws Exception {
    KafkaRecordDeserializationSchema<Row> schema = transported(KafkaRows.deserializer());
    List<Row> rows = new ArrayList<>();
    schema.open(null);
    ConsumerRecord<byte[], byte[]> full = new ConsumerRecord<>("t", 3, 1L << 40, new byte[] {7}, new byte[] {0, 1});
    schema.deserialize(full, new ListCollector<>(rows));
    schema.deserialize(new ConsumerRecord<>("t", 0, 5, null, null), new ListCollector<>(rows));

    TypeSerializer<Row> serializer = schema.getProducedType().createSerializer(new SerializerConfigImpl());
    Row row = serializer.copy(rows.get(0));
    assertEquals(Row.of("t", 3, 1L << 40, -1L), Row.project(row, new int[] {0, 1, 2, 3}));
    assertArrayEquals(new byte[] {7}, (byte[]) row.getField("key"));
    assertArrayEquals(new byte[] {0, 1}, (byte[]) row.getField("value"));
    // A tombstone.
    assertNull(serializer.copy(rows.get(1)).getField("value"));
  }

  @Test
  void aRecordIsThatOfKafka() throws Exception {
    KafkaRecordDeserializationSchema<KafkaRecord> schema = transported(KafkaRecords.deserializer());
    List<KafkaRecord> records = new ArrayList<>();
    byte[] value = {0, 1};
    schema.deserialize(new ConsumerRecord<>("t", 3, 9, null, value), new ListCollector<>(records));
    KafkaRecord made = records.get(0);
    assertEquals("topic t, partition 3, offset 9", made.toString());
    assertEquals(-1, made.timestamp());
    assertNull(made.key());
    assertSame(value, made.value(), "nothing is copied");
    assertEquals(KafkaRecord.TYPE, schema.getProducedType());
  }
}
