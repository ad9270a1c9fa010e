package org.icesink.flink;

import org.apache.flink.api.common.typeinfo.PrimitiveArrayTypeInfo;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.types.Row;

/**
 * Makes records of KafkaSource rows of topic, partition, offset, timestamp, key and value; key and value are bytes as
 * they came.
 */
public final class KafkaRows extends KafkaDeserializer<Row> {
  private static final long serialVersionUID = 1L;

  public static final TypeInformation<Row> TYPE =
      Types.ROW_NAMED(
          new String[] {"topic", "partition", "offset", "timestamp", "key", "value"},
          Types.STRING,
          Types.INT,
          Types.LONG,
          Types.LONG,
          PrimitiveArrayTypeInfo.BYTE_PRIMITIVE_ARRAY_TYPE_INFO,
          PrimitiveArrayTypeInfo.BYTE_PRIMITIVE_ARRAY_TYPE_INFO);

  private KafkaRows() {}

  /**
   * A KafkaRecordDeserializationSchema for {@code KafkaSourceBuilder.setDeserializer}.
   *
   * @throws ClassNotFoundException if the thread's class loader has no Kafka connector
   */
  public static Object deserializer() throws ClassNotFoundException {
    return new KafkaRows().proxy();
  }

  @Override
  Row make(String topic, int partition, long offset, long timestamp, Object key, Object value) {
    return Row.of(topic, partition, offset, timestamp, key, value);
  }

  @Override
  TypeInformation<Row> type() {
    return TYPE;
  }
}
