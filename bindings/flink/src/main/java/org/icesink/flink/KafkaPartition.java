package org.icesink.flink;

import java.io.IOException;
import java.util.Comparator;
import java.util.Iterator;
import java.util.Map;
import java.util.TreeMap;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.ObjectMapper;

/** A partition of a topic. Kafka's own class has two names, of which a job has one. */
final class KafkaPartition implements Comparable<KafkaPartition> {
  private static final Comparator<KafkaPartition> ORDER =
      Comparator.comparing(KafkaPartition::topic).thenComparingInt(KafkaPartition::partition);

  private final String topic;
  private final int partition;

  KafkaPartition(String topic, int partition) {
    this.topic = topic;
    this.partition = partition;
  }

  /** Offsets as the library writes them: {"topic": {"0": offset}}. */
  static Map<KafkaPartition, Long> parse(byte[] json) throws IcesinkException {
    Map<KafkaPartition, Long> offsets = new TreeMap<>();
    JsonNode topics;
    try {
      topics = new ObjectMapper().readTree(json);
    } catch (IOException e) {
      throw new IcesinkException("INTERNAL", "a position that is no JSON: " + Texts.text(json));
    }
    for (Iterator<Map.Entry<String, JsonNode>> each = topics.fields(); each.hasNext(); ) {
      Map.Entry<String, JsonNode> topic = each.next();
      topic
          .getValue()
          .fields()
          .forEachRemaining(
              entry ->
                  offsets.put(
                      new KafkaPartition(topic.getKey(), Integer.parseInt(entry.getKey())),
                      entry.getValue().asLong()));
    }
    return offsets;
  }

  String topic() {
    return topic;
  }

  int partition() {
    return partition;
  }

  @Override
  public int compareTo(KafkaPartition other) {
    return ORDER.compare(this, other);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof KafkaPartition && compareTo((KafkaPartition) other) == 0;
  }

  @Override
  public int hashCode() {
    return 31 * topic.hashCode() + partition;
  }

  @Override
  public String toString() {
    return "topic " + topic + ", partition " + partition;
  }
}
