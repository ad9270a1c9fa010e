package org.icesink.flink;

import java.io.Serializable;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Method;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.util.Collector;

/**
 * Makes what a job reads of the records of KafkaSource.
 *
 * <p>Behind a proxy, because the class of the records has two names: that of Kafka's client, and the one that
 * flink-sql-connector-kafka gives to its own copy. A class with both in its methods cannot be serialized where one is
 * missing.
 */
abstract class KafkaDeserializer<T> implements InvocationHandler, Serializable {
  private static final long serialVersionUID = 1L;
  private static final String INTERFACE = "reader.deserializer.KafkaRecordDeserializationSchema";

  private transient MethodHandle topic;
  private transient MethodHandle partition;
  private transient MethodHandle offset;
  private transient MethodHandle timestamp;
  private transient MethodHandle key;
  private transient MethodHandle value;

  /** Key and value are bytes as they came, or null. */
  abstract T make(String topic, int partition, long offset, long timestamp, Object key, Object value);

  abstract TypeInformation<T> type();

  /** The KafkaRecordDeserializationSchema. */
  final Object proxy() throws ClassNotFoundException {
    return KafkaConnector.proxy(INTERFACE, this);
  }

  @Override
  @SuppressWarnings("unchecked")
  public final Object invoke(Object proxy, Method method, Object[] arguments) throws Throwable {
    switch (method.getName()) {
      case "deserialize":
        ((Collector<T>) arguments[1]).collect(read(arguments[0]));
        return null;
      case "getProducedType":
        return type();
      case "open":
        return null;
      default:
        return KafkaConnector.invokeObject(this, proxy, method, arguments);
    }
  }

  private T read(Object kafkaRecord) throws Throwable {
    if (topic == null) {
      bind(kafkaRecord.getClass());
    }
    return make(
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
