package org.icesink.flink;

import java.io.Serializable;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import org.apache.flink.api.common.typeinfo.PrimitiveArrayTypeInfo;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.types.Row;
import org.apache.flink.util.Collector;

/**
 * Makes records of KafkaSource rows of topic, partition, offset, timestamp, key and value; key and value are bytes as
 * they came.
 *
 * <p>A proxy, because the class of the records has two names: that of Kafka's client, and the one that
 * flink-sql-connector-kafka gives to its own copy. A class with both in its methods cannot be serialized where one is
 * missing.
 */
public final class KafkaRows implements InvocationHandler, Serializable {
  private static final long serialVersionUID = 1L;
  private static final String INTERFACE =
      "org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema";

  public static final TypeInformation<Row> TYPE =
      Types.ROW_NAMED(
          new String[] {"topic", "partition", "offset", "timestamp", "key", "value"},
          Types.STRING,
          Types.INT,
          Types.LONG,
          Types.LONG,
          PrimitiveArrayTypeInfo.BYTE_PRIMITIVE_ARRAY_TYPE_INFO,
          PrimitiveArrayTypeInfo.BYTE_PRIMITIVE_ARRAY_TYPE_INFO);

  private transient MethodHandle topic;
  private transient MethodHandle partition;
  private transient MethodHandle offset;
  private transient MethodHandle timestamp;
  private transient MethodHandle key;
  private transient MethodHandle value;

  private KafkaRows() {}

  /**
   * A KafkaRecordDeserializationSchema for {@code KafkaSourceBuilder.setDeserializer}.
   *
   * @throws ClassNotFoundException if the thread's class loader has no Kafka connector
   */
  public static Object deserializer() throws ClassNotFoundException {
    ClassLoader loader = Thread.currentThread().getContextClassLoader();
    Class<?> schema = Class.forName(INTERFACE, false, loader);
    return Proxy.newProxyInstance(schema.getClassLoader(), new Class<?>[] {schema}, new KafkaRows());
  }

  @Override
  @SuppressWarnings("unchecked")
  public Object invoke(Object proxy, Method method, Object[] arguments) throws Throwable {
    switch (method.getName()) {
      case "deserialize":
        ((Collector<Row>) arguments[1]).collect(row(arguments[0]));
        return null;
      case "getProducedType":
        return TYPE;
      case "open":
        return null;
      case "equals":
        return proxy == arguments[0];
      case "hashCode":
        return System.identityHashCode(proxy);
      case "toString":
        return "KafkaRows";
      default:
        throw new UnsupportedOperationException(method.toString());
    }
  }

  private Row row(Object kafkaRecord) throws Throwable {
    if (topic == null) {
      bind(kafkaRecord.getClass());
    }
    return Row.of(
        (String) topic.invokeExact(kafkaRecord),
        (int) partition.invokeExact(kafkaRecord),
        (long) offset.invokeExact(kafkaRecord),
        (long) timestamp.invokeExact(kafkaRecord),
        (Object) key.invokeExact(kafkaRecord),
        (Object) value.invokeExact(kafkaRecord));
  }

  private void bind(Class<?> type) throws ReflectiveOperationException {
    partition = accessor(type, "partition", int.class);
    offset = accessor(type, "offset", long.class);
    timestamp = accessor(type, "timestamp", long.class);
    key = accessor(type, "key", Object.class);
    value = accessor(type, "value", Object.class);
    topic = accessor(type, "topic", String.class);
  }

  private static MethodHandle accessor(Class<?> type, String name, Class<?> result)
      throws ReflectiveOperationException {
    return MethodHandles.publicLookup()
        .findVirtual(type, name, MethodType.methodType(result))
        .asType(MethodType.methodType(result, Object.class));
  }
}
