package org.icesink.flink;

import java.util.List;
import org.apache.flink.core.memory.MemorySegment;

/** Records of Kafka on their way to the library, outside of Java's heap. */
final class RecordBatch implements AutoCloseable {
  private static final int RECORDS_MAX = 4096;
  private static final int BYTES_MAX = 4 << 20;
  /** What {@code jni/icesink_jni.c} reads about each. */
  private static final int LAYOUT_BYTES = 8 * Long.BYTES;

  private static final long NONE = -1;

  private final NativeBuffer layout;
  private final NativeBuffer content;
  private int count;
  private int size;
  private String topic;
  private long topicAt;
  private boolean closed;

  RecordBatch() throws IcesinkException {
    layout = new NativeBuffer("the records' layout");
    try {
      layout.reserve((long) RECORDS_MAX * LAYOUT_BYTES);
      content = new NativeBuffer("the records");
    } catch (IcesinkException e) {
      layout.close();
      throw e;
    }
  }

  /** Adds a record; a full batch takes none. After an exception nothing of it is there. */
  void add(KafkaRecord kafkaRecord) throws IcesinkException {
    if (closed || count == RECORDS_MAX) {
      throw IcesinkException.closed("the batch of records");
    }
    int before = size;
    try {
      // The same object for all records of a partition, so that this is seldom more than a comparison of references.
      if (!kafkaRecord.topic().equals(topic)) {
        topicAt = put(Texts.join(List.of(kafkaRecord.topic())));
        topic = kafkaRecord.topic();
      }
      long key = put(kafkaRecord.key());
      long value = put(kafkaRecord.value());
      MemorySegment out = layout.bytes();
      int at = count * LAYOUT_BYTES;
      out.putLong(at, topicAt);
      out.putLong(at + 8, kafkaRecord.partition());
      out.putLong(at + 16, kafkaRecord.offset());
      out.putLong(at + 24, kafkaRecord.timestamp());
      out.putLong(at + 32, key);
      out.putLong(at + 40, key == NONE ? 0 : kafkaRecord.key().length);
      out.putLong(at + 48, value);
      out.putLong(at + 56, value == NONE ? 0 : kafkaRecord.value().length);
      count++;
    } catch (IcesinkException e) {
      size = before;
      topic = null;
      throw e;
    }
  }

  private long put(byte[] bytes) throws IcesinkException {
    if (bytes == null) {
      return NONE;
    }
    content.reserve((long) size + bytes.length).put(size, bytes);
    int at = size;
    size += bytes.length;
    return at;
  }

  int count() {
    return count;
  }

  /** Whether it is time to hand the records over. One more always has room otherwise. */
  boolean isFull() {
    return count == RECORDS_MAX || size >= BYTES_MAX;
  }

  /** The address of the layout; good until a record is added. */
  long layout() {
    return layout.address();
  }

  /** The address of topics, keys and values; good until a record is added. */
  long bytes() {
    return content.address();
  }

  void clear() throws IcesinkException {
    count = 0;
    size = 0;
    topic = null;
    content.shrink();
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      count = 0;
      layout.close();
      content.close();
    }
  }
}
