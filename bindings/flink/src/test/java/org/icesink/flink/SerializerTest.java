package org.icesink.flink;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import org.apache.flink.api.common.serialization.SerializerConfigImpl;
import org.apache.flink.api.common.typeutils.TypeSerializer;
import org.apache.flink.core.memory.DataInputDeserializer;
import org.apache.flink.core.memory.DataOutputSerializer;
import org.junit.jupiter.api.Test;

final class SerializerTest {
  private static final IcesinkCommittable COMMITTABLE =
      new IcesinkCommittable(
          "sïnk", "a1", "b2", 7, 1007, true, List.of(new byte[] {1, 2, 3}, new byte[0], new byte[] {-1}), 4);

  @Test
  void committableComesBackWhole() throws IOException {
    IcesinkCommittableSerializer serializer = IcesinkCommittableSerializer.INSTANCE;
    IcesinkCommittable back = serializer.deserialize(serializer.getVersion(), serializer.serialize(COMMITTABLE));
    assertEquals("sïnk", back.sink());
    assertEquals("a1", back.jobId());
    assertEquals("b2", back.operatorId());
    assertEquals(7, back.checkpointId());
    assertEquals(1007, back.number());
    assertTrue(back.overwrites());
    assertEquals(4, back.fileCount());
    assertEquals("sïnk.a1.b2", back.writer());
    assertEquals(3, back.files().size());
    for (int i = 0; i < 3; i++) {
      assertArrayEquals(COMMITTABLE.files().get(i), back.files().get(i));
    }
    assertEquals("7", back.summary().get("flink.max-committed-checkpoint-id"));
    assertEquals("a1", back.summary().get("flink.job-id"));
    assertEquals("b2", back.summary().get("flink.operator-id"));
  }

  @Test
  void writeResultComesBackWhole() throws IOException {
    WriteResultSerializer serializer = WriteResultSerializer.INSTANCE;
    WriteResult back =
        serializer.deserialize(
            serializer.getVersion(), serializer.serialize(new WriteResult(new byte[] {9, 8}, 10, 2000, 3)));
    assertArrayEquals(new byte[] {9, 8}, back.files);
    assertEquals(10, back.rows);
    assertEquals(2000, back.bytes);
    assertEquals(3, back.fileCount);
  }

  /** A savepoint of version 1, byte by byte: what a later version must still read. */
  @Test
  void versionOneIsRead() throws IOException {
    byte[] stored = {
      0, 1, 's', 0, 1, 'j', 0, 1, 'o', // sink, job, operator
      0, 0, 0, 0, 0, 0, 0, 5, // checkpoint
      0, 0, 0, 0, 0, 0, 0, 6, 0, // number, no overwrite
      0, 0, 0, 0, 0, 0, 0, 1, // files
      0, 0, 0, 1, 0, 0, 0, 2, 42, 43 // one description
    };
    IcesinkCommittable read = IcesinkCommittableSerializer.INSTANCE.deserialize(1, stored);
    assertEquals("s.j.o", read.writer());
    assertEquals(5, read.checkpointId());
    assertEquals(6, read.number());
    assertArrayEquals(new byte[] {42, 43}, read.files().get(0));
    assertArrayEquals(stored, IcesinkCommittableSerializer.INSTANCE.serialize(read));
  }

  @Test
  void aNewerVersionIsRefused() throws IOException {
    byte[] bytes = IcesinkCommittableSerializer.INSTANCE.serialize(COMMITTABLE);
    IOException error =
        assertThrows(IOException.class, () -> IcesinkCommittableSerializer.INSTANCE.deserialize(2, bytes));
    assertTrue(error.getMessage().contains("newer icesink"), error.getMessage());
  }

  @Test
  void damageIsAnException() throws IOException {
    byte[] bytes = IcesinkCommittableSerializer.INSTANCE.serialize(COMMITTABLE);
    for (int length = 0; length < bytes.length; length++) {
      byte[] cut = Arrays.copyOf(bytes, length);
      assertThrows(IOException.class, () -> IcesinkCommittableSerializer.INSTANCE.deserialize(1, cut), "cut at " + length);
    }
    byte[] longer = Arrays.copyOf(bytes, bytes.length + 1);
    assertThrows(IOException.class, () -> IcesinkCommittableSerializer.INSTANCE.deserialize(1, longer));
    byte[] hugeCount = bytes.clone();
    int countAt = bytes.length - (4 + 3 + 4 + 4 + 1) - 4;
    hugeCount[countAt] = 0x7f;
    assertThrows(IOException.class, () -> IcesinkCommittableSerializer.INSTANCE.deserialize(1, hugeCount));
  }

  /** A savepoint of version 1, byte by byte. */
  @Test
  void offsetsOfVersionOneAreRead() throws IOException {
    byte[] stored = {0, 1, 't', 0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 9};
    PartitionOffset read = PartitionOffset.SERIALIZER.deserialize(1, stored);
    assertEquals(new KafkaPartition("t", 3), read.partition());
    assertEquals((1L << 32) + 9, read.next());
    assertArrayEquals(stored, PartitionOffset.SERIALIZER.serialize(read));
    for (int length = 0; length < stored.length; length++) {
      byte[] cut = Arrays.copyOf(stored, length);
      assertThrows(IOException.class, () -> PartitionOffset.SERIALIZER.deserialize(1, cut), "cut at " + length);
    }
    assertThrows(IOException.class, () -> PartitionOffset.SERIALIZER.deserialize(1, Arrays.copyOf(stored, 99)));
    assertThrows(IOException.class, () -> PartitionOffset.SERIALIZER.deserialize(2, stored));
  }

  @Test
  void recordsCrossTasksWhole() throws IOException {
    TypeSerializer<KafkaRecord> serializer = KafkaRecord.TYPE.createSerializer(new SerializerConfigImpl());
    for (KafkaRecord kafkaRecord :
        new KafkaRecord[] {
          new KafkaRecord("t", 1, 1L << 40, 7, new byte[] {1}, new byte[] {}), new KafkaRecord("ü", 0, 0, -1, null, null)
        }) {
      DataOutputSerializer out = new DataOutputSerializer(64);
      serializer.serialize(kafkaRecord, out);
      KafkaRecord back = serializer.deserialize(new DataInputDeserializer(out.getCopyOfBuffer()));
      assertEquals(kafkaRecord.toString(), back.toString());
      assertEquals(kafkaRecord.timestamp(), back.timestamp());
      assertArrayEquals(kafkaRecord.key(), back.key());
      assertArrayEquals(kafkaRecord.value(), back.value());
      assertSame(kafkaRecord, serializer.copy(kafkaRecord), "nothing is copied within a task");
    }
  }
}
