package org.icesink.flink;

import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.apache.flink.api.connector.source.Source;

/**
 * Flink's Kafka connector, by name: the job brings it, in a jar that this class's own loader may not see, and with Kafka's
 * classes under one of two names.
 */
final class KafkaConnector {
  private static final String PACKAGE = "org.apache.flink.connector.kafka.source.";

  private KafkaConnector() {}

  private static Class<?> find(String name) throws ClassNotFoundException {
    return Class.forName(PACKAGE + name, true, Thread.currentThread().getContextClassLoader());
  }

  /** An object of one of the connector's interfaces. */
  static Object proxy(String name, InvocationHandler handler) throws ClassNotFoundException {
    Class<?> type = find(name);
    return Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, handler);
  }

  /** What a proxy answers as an object. */
  static Object invokeObject(InvocationHandler self, Object proxy, Method method, Object[] arguments) {
    switch (method.getName()) {
      case "equals":
        return proxy == arguments[0];
      case "hashCode":
        return System.identityHashCode(proxy);
      case "toString":
        return self.getClass().getSimpleName();
      default:
        throw new UnsupportedOperationException(method.toString());
    }
  }

  /** A public method of an object whose class may not be public, by that of a public type of it. */
  static Object call(Class<?> type, Object self, String name, Class<?>[] types, Object... arguments) {
    try {
      return type.getMethod(name, types).invoke(self, arguments);
    } catch (InvocationTargetException e) {
      if (e.getCause() instanceof RuntimeException) {
        throw (RuntimeException) e.getCause();
      }
      throw new IllegalStateException(name + " of " + type.getName() + " failed", e.getCause());
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException("this Kafka connector is not known: " + e.getMessage(), e);
    }
  }

  /**
   * A KafkaSource.
   *
   * @param pattern null: the topics are named
   */
  @SuppressWarnings("unchecked")
  static Source<KafkaRecord, ?, ?> source(
      List<String> topics, Pattern pattern, Map<String, String> properties, InvocationHandler start, boolean bounded) {
    try {
      Class<?> offsets = find("enumerator.initializer.OffsetsInitializer");
      Class<?> type = find("KafkaSourceBuilder");
      Object builder = call(find("KafkaSource"), null, "builder", new Class<?>[0]);
      if (pattern == null) {
        call(type, builder, "setTopics", new Class<?>[] {List.class}, topics);
      } else {
        call(type, builder, "setTopicPattern", new Class<?>[] {Pattern.class}, pattern);
      }
      Class<?> deserializer = find("reader.deserializer.KafkaRecordDeserializationSchema");
      call(type, builder, "setDeserializer", new Class<?>[] {deserializer}, KafkaRecords.deserializer());
      Object initializer = proxy("enumerator.initializer.OffsetsInitializer", start);
      call(type, builder, "setStartingOffsets", new Class<?>[] {offsets}, initializer);
      if (bounded) {
        Object end = call(offsets, null, "latest", new Class<?>[0]);
        call(type, builder, "setBounded", new Class<?>[] {offsets}, end);
      }
      properties.forEach(
          (name, value) ->
              call(type, builder, "setProperty", new Class<?>[] {String.class, String.class}, name, value));
      return (Source<KafkaRecord, ?, ?>) call(type, builder, "build", new Class<?>[0]);
    } catch (ClassNotFoundException e) {
      throw new IllegalStateException(
          "the job has no Kafka connector (" + e.getMessage() + "): add flink-connector-kafka or"
              + " flink-sql-connector-kafka",
          e);
    }
  }

  /** Offsets that the connector asks the broker for: "beginningOffsets", "endOffsets", "committedOffsets". */
  @SuppressWarnings("unchecked")
  static Map<Object, Long> offsets(Class<?> retrieverType, Object retriever, String which, Collection<?> partitions) {
    return (Map<Object, Long>)
        call(retrieverType, retriever, which, new Class<?>[] {Collection.class}, partitions);
  }

  /** Of Kafka's TopicPartition, by whichever name. */
  static KafkaPartition partition(Object topicPartition) {
    Class<?> type = topicPartition.getClass();
    return new KafkaPartition(
        (String) call(type, topicPartition, "topic", new Class<?>[0]),
        (Integer) call(type, topicPartition, "partition", new Class<?>[0]));
  }
}
