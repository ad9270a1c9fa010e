package org.icesink.flink;

import org.apache.flink.api.common.typeinfo.TypeInformation;

/**
 * A record as Kafka has it. Nothing of it changes, so Flink hands it on without a copy; who reads key or value must not write
 * into the arrays.
 */
public final class KafkaRecord {
  /** The type of streams of records. */
  public static final TypeInformation<KafkaRecord> TYPE = new KafkaRecordType();

  private final String topic;
  private final int partition;
  private final long offset;
  private final long timestamp;
  private final byte[] key;
  private final byte[] value;

  /**
   * @param timestamp milliseconds since 1970
   * @param key null: none; not copied
   * @param value null: a tombstone; not copied
   */
  public KafkaRecord(String topic, int partition, long offset, long timestamp, byte[] key, byte[] value) {
    this.topic = topic;
    this.partition = partition;
    this.offset = offset;
    this.timestamp = timestamp;
    this.key = key;
    this.value = value;
  }

  public String topic() {
    return topic;
  }

  public int partition() {
    return partition;
  }

  public long offset() {
    return offset;
  }

  /** Milliseconds since 1970. */
  public long timestamp() {
    return timestamp;
  }

  /** Null: none. */
  public byte[] key() {
    return key;
  }

  /** Null: a tombstone. */
  public byte[] value() {
    return value;
  }

  @Override
  public String toString() {
    return "topic " + topic + ", partition " + partition + ", offset " + offset;
  }
}
