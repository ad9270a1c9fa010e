package org.icesink.flink;

import org.apache.flink.api.common.typeinfo.TypeInformation;

/** Makes records of KafkaSource {@link KafkaRecord}s. */
public final class KafkaRecords extends KafkaDeserializer<KafkaRecord> {
  private static final long serialVersionUID = 1L;

  private KafkaRecords() {}

  /**
   * A KafkaRecordDeserializationSchema for {@code KafkaSourceBuilder.setDeserializer}, for jobs that make their source
   * themselves.
   *
   * @throws ClassNotFoundException if the thread's class loader has no Kafka connector
   */
  public static Object deserializer() throws ClassNotFoundException {
    return new KafkaRecords().proxy();
  }

  @Override
  KafkaRecord make(String topic, int partition, long offset, long timestamp, Object key, Object value) {
    return new KafkaRecord(topic, partition, offset, timestamp, (byte[]) key, (byte[]) value);
  }

  @Override
  TypeInformation<KafkaRecord> type() {
    return KafkaRecord.TYPE;
  }
}
