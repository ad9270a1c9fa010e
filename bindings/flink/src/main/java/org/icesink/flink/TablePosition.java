package org.icesink.flink;

import java.io.Serializable;
import java.io.UncheckedIOException;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Method;
import java.util.Collection;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.apache.flink.runtime.execution.SuppressRestartsException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Where a job without state begins: at the position that the sink's table has, when the source asks. An OffsetsInitializer
 * behind a proxy, for the reasons of {@link KafkaDeserializer}; it runs on the JobManager.
 */
final class TablePosition implements InvocationHandler, Serializable {
  private static final Logger LOG = LoggerFactory.getLogger(TablePosition.class);
  private static final long serialVersionUID = 1L;

  private final SinkSettings settings;
  private final String start;

  /** @param start where a sink without a position begins: earliest, latest or committed */
  TablePosition(SinkSettings settings, String start) {
    this.settings = settings;
    this.start = start;
  }

  @Override
  @SuppressWarnings({"unchecked", "rawtypes"})
  public Object invoke(Object proxy, Method method, Object[] arguments) throws Throwable {
    switch (method.getName()) {
      case "getPartitionOffsets":
        return offsets((Collection<?>) arguments[0], method.getParameterTypes()[1], arguments[1]);
      case "getAutoOffsetResetStrategy":
        // An offset that is gone has to be seen: Kafka never moves by itself.
        return Enum.valueOf((Class) method.getReturnType(), "NONE");
      default:
        return KafkaConnector.invokeObject(this, proxy, method, arguments);
    }
  }

  /** By Kafka's TopicPartition, where each of the partitions begins. */
  private Map<Object, Long> offsets(Collection<?> partitions, Class<?> retrieverType, Object retriever) {
    try {
      return find(partitions, retrieverType, retriever);
    } catch (IcesinkException e) {
      // Of a policy another attempt would end the same; the connector's method declares no exception that is checked.
      throw e.isPolicy() ? new SuppressRestartsException(e) : new UncheckedIOException(e);
    }
  }

  private Map<Object, Long> find(Collection<?> partitions, Class<?> retrieverType, Object retriever)
      throws IcesinkException {
    Map<KafkaPartition, Long> position;
    boolean skipsGaps;
    try (Session session = settings.open()) {
      position = session.position();
      skipsGaps = session.setting("on_gap").equals("skip");
    }
    Map<Object, Long> begins = KafkaConnector.offsets(retrieverType, retriever, "beginningOffsets", partitions);
    Map<Object, Long> ends = KafkaConnector.offsets(retrieverType, retriever, "endOffsets", partitions);
    Map<KafkaPartition, Long> known =
        checkTopics(position, partitions.stream().map(KafkaConnector::partition).collect(Collectors.toSet()));
    // Beside partitions that have a position, one that has none is new.
    Map<Object, Long> others =
        known.isEmpty() ? fallback(retrieverType, retriever, partitions, begins, ends) : begins;
    Map<Object, Long> offsets = new HashMap<>();
    Map<KafkaPartition, Long> told = new TreeMap<>();
    for (Object each : partitions) {
      KafkaPartition partition = KafkaConnector.partition(each);
      Long next = known.get(partition);
      long offset =
          next == null ? others.get(each) : within(partition, next, begins.get(each), ends.get(each), skipsGaps);
      offsets.put(each, offset);
      told.put(partition, offset);
    }
    LOG.info("Sink {} starts without state, by its table's position: {}", settings.name(), told);
    return offsets;
  }

  /** The position in the topics that are read. One whose partitions have become fewer was recreated. */
  private static Map<KafkaPartition, Long> checkTopics(
      Map<KafkaPartition, Long> position, Collection<KafkaPartition> partitions) throws IcesinkException {
    Map<KafkaPartition, Long> known = new HashMap<>();
    for (Map.Entry<KafkaPartition, Long> entry : position.entrySet()) {
      KafkaPartition partition = entry.getKey();
      if (partitions.contains(partition)) {
        known.put(partition, entry.getValue());
      } else if (partitions.stream().anyMatch(each -> each.topic().equals(partition.topic()))) {
        throw IcesinkException.policy(
            "topic " + partition.topic() + " has no partition " + partition.partition()
                + ", in which the table's position is " + entry.getValue() + "; the topic was recreated; "
                + BY_PROGRAM);
      }
    }
    return known;
  }

  // A correction of the position is an epoch of its own (docs/protocol.md), which parts of writers cannot say.
  private static final String BY_PROGRAM =
      "on_reset: earliest is not done from Flink: icesink run --until-end with it, once, and start the job again";

  private static long within(KafkaPartition partition, long next, long begin, long end, boolean skipsGaps)
      throws IcesinkException {
    if (next > end) {
      throw IcesinkException.policy(
          partition + ": the table's position is " + next + ", the log ends at " + end
              + "; the topic was recreated or truncated; " + BY_PROGRAM);
    }
    if (next >= begin) {
      return next;
    }
    if (!skipsGaps) {
      throw IcesinkException.policy(
          partition + ": the table's position is " + next + ", the log begins at " + begin + "; " + (begin - next)
              + " records were removed before they were read; set on_gap: skip to go on behind them");
    }
    LOG.warn(
        "{}: the table's position is {}, the log begins at {}: {} records were removed before they were read, and count as"
            + " gaps of the log (on_gap: skip)",
        partition,
        next,
        begin,
        begin - next);
    return begin;
  }

  private Map<Object, Long> fallback(
      Class<?> retrieverType,
      Object retriever,
      Collection<?> partitions,
      Map<Object, Long> begins,
      Map<Object, Long> ends) {
    switch (start.toLowerCase(Locale.ROOT)) {
      case "latest":
        return ends;
      case "committed":
        Map<Object, Long> committed = new HashMap<>(begins);
        KafkaConnector.offsets(retrieverType, retriever, "committedOffsets", partitions)
            .forEach(
                (partition, offset) -> {
                  if (offset != null && offset >= 0) {
                    committed.put(partition, offset);
                  }
                });
        return committed;
      default:
        return begins;
    }
  }
}
