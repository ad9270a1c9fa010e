package org.icesink.flink;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.typeinfo.PrimitiveArrayTypeInfo;
import org.apache.flink.api.connector.source.Source;
import org.apache.flink.api.dag.Transformation;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.DataStreamSink;
import org.apache.flink.streaming.api.datastream.SingleOutputStreamOperator;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.operators.ChainingStrategy;
import org.apache.flink.streaming.api.transformations.PartitionTransformation;
import org.apache.flink.streaming.api.transformations.PhysicalTransformation;
import org.apache.flink.streaming.runtime.partitioner.ForwardPartitioner;
import org.apache.flink.util.TimeUtils;

/**
 * Topics of Kafka into the tables of a pipeline, by the library from the raw bytes on: rows, dead letters and the position in the
 * topic are one commit with each checkpoint, as the program makes them (docs/protocol.md).
 *
 * <pre>{@code
 * IcesinkKafka.builder()
 *     .setting("name", "health")
 *     .setting("preset", "health")
 *     .setting("source.kafka.brokers", "127.0.0.1:9092")
 *     .setting("source.decode.registry", "http://127.0.0.1:8081")
 *     .setting("tables.data", "health_db.health_data_raw")
 *     .setting("tables.dead_letters", "health_db.health_data_errors")
 *     .setting("catalog.type", "rest")
 *     .setting("catalog.uri", "http://127.0.0.1:8181")
 *     .topics("health-data-raw")
 *     .build()
 *     .addTo(environment);
 * }</pre>
 *
 * <p>A job without state begins at the position that the table has. Jobs that are restored go on from Flink's state; where the
 * table's position is not what that state expects, the job fails and names both.
 */
public final class IcesinkKafka {
  private static final String DISCOVERY = "partition.discovery.interval.ms";
  private static final String ISOLATION = "isolation.level";
  private static final String READ_COMMITTED = "read_committed";

  private final SinkSettings settings;
  private final List<String> topics;
  private final Pattern pattern;
  private final Map<String, String> properties;
  private final String start;
  private final boolean bounded;
  private final boolean startsAtPosition;

  private IcesinkKafka(Builder builder) throws IcesinkException {
    properties = new HashMap<>(builder.properties);
    checkProperties();
    settings = new SinkSettings(builder.file, builder.settings);
    try (Session session = settings.open()) {
      List<String> named = builder.topics == null ? list(session.setting("source.kafka.topics")) : builder.topics;
      String expression = session.setting("source.kafka.topic_pattern");
      Pattern wanted =
          builder.pattern == null && !expression.isEmpty() && builder.topics == null
              ? Pattern.compile(expression)
              : builder.pattern;
      topics = named;
      pattern = wanted;
      start = builder.start == null ? session.setting("source.kafka.start") : builder.start.setting();
      complete("bootstrap.servers", session.setting("source.kafka.brokers"));
      complete("group.id", session.setting("source.kafka.group"));
      long interval = TimeUtils.parseDuration(session.setting("source.kafka.discovery_interval")).toMillis();
      complete(DISCOVERY, Long.toString(interval > 0 ? interval : -1));
    }
    // Records of transactions that were aborted are none.
    complete(ISOLATION, READ_COMMITTED);
    bounded = builder.bounded;
    startsAtPosition = builder.startsAtPosition;
  }

  private static List<String> list(String text) {
    return Arrays.stream(text.split(",")).map(String::trim).filter(t -> !t.isEmpty()).collect(Collectors.toList());
  }

  private void checkProperties() {
    if (isTrue(properties.get("enable.auto.commit"))) {
      throw new IllegalArgumentException(
          "enable.auto.commit=true is refused: offsets would be committed before their rows are; Flink commits them with"
              + " its checkpoints");
    }
    String isolation = properties.getOrDefault(ISOLATION, READ_COMMITTED);
    if (!isolation.equals(READ_COMMITTED)) {
      throw new IllegalArgumentException(
          ISOLATION + "=" + isolation + " is refused: records of aborted transactions would become rows");
    }
    if (properties.containsKey("auto.offset.reset")) {
      throw new IllegalArgumentException(
          "auto.offset.reset is refused: the source begins at the table's position, where there is none at start(…), and"
              + " never moves by itself");
    }
  }

  private static boolean isTrue(String value) {
    return value != null && List.of("true", "yes", "1").contains(value.trim().toLowerCase(Locale.ROOT));
  }

  private void complete(String name, String value) {
    if (!value.isEmpty()) {
      properties.putIfAbsent(name, value);
    }
  }

  public static Builder builder() {
    return new Builder();
  }

  /** Adds source, writers and committer to a job, with uids from the sink's name. */
  public DataStreamSink<byte[]> addTo(StreamExecutionEnvironment environment) {
    String uid = "icesink kafka source " + settings.name();
    DataStream<KafkaRecord> records =
        environment.fromSource(source(), WatermarkStrategy.noWatermarks(), uid).uid(uid);
    return attach(records, true);
  }

  /**
   * The source alone: a KafkaSource that begins at the table's position.
   *
   * @throws IllegalArgumentException where no topics or brokers are named
   */
  public Source<KafkaRecord, ?, ?> source() {
    if (topics.isEmpty() == (pattern == null)) {
      throw new IllegalArgumentException(
          "a source needs topics or a topic pattern, and has " + (pattern == null ? "none" : "both"));
    }
    if (!properties.containsKey("bootstrap.servers")) {
      throw new IllegalArgumentException("a source needs source.kafka.brokers, or Kafka's bootstrap.servers");
    }
    return KafkaConnector.source(topics, pattern, properties, new TablePosition(settings, start), bounded);
  }

  /**
   * Attaches writers and committer to records that another source read ({@link KafkaRecords} is a deserializer for KafkaSource).
   * Between the two every record of a partition has to stay, in order: offsets that do not come are taken for gaps of the log.
   *
   * @throws IllegalArgumentException where the records are redistributed on their way
   */
  public DataStreamSink<byte[]> sinkTo(DataStream<KafkaRecord> records) {
    return attach(records, startsAtPosition);
  }

  private DataStreamSink<byte[]> attach(DataStream<KafkaRecord> records, boolean atPosition) {
    String uid = "icesink kafka " + settings.name();
    return parts(records, atPosition)
        .sinkTo(sink())
        .name(uid)
        .uid(uid)
        .setParallelism(records.getParallelism());
  }

  /** The parts that are committed with each checkpoint, as {@link WriteResult}s. */
  DataStream<byte[]> parts(DataStream<KafkaRecord> records, boolean atPosition) {
    checkOrder(records);
    SingleOutputStreamOperator<byte[]> parts =
        records
            // Said, and not left to chance: Flink refuses another parallelism that somebody sets later.
            .forward()
            .transform(
                "icesink kafka writer",
                PrimitiveArrayTypeInfo.BYTE_PRIMITIVE_ARRAY_TYPE_INFO,
                new PartOperator(settings, atPosition))
            .uid("icesink kafka writer " + settings.name())
            .setParallelism(records.getParallelism());
    ((PhysicalTransformation<byte[]>) parts.getTransformation()).setChainingStrategy(ChainingStrategy.ALWAYS);
    return parts;
  }

  PartSink sink() {
    return new PartSink(settings);
  }

  private void checkOrder(DataStream<KafkaRecord> records) {
    for (Transformation<?> each : records.getTransformation().getTransitivePredecessors()) {
      boolean redistributes =
          each instanceof PartitionTransformation
              && !(((PartitionTransformation<?>) each).getPartitioner() instanceof ForwardPartitioner);
      if (redistributes || each.getInputs().size() > 1 || each.getParallelism() != records.getParallelism()) {
        throw new IllegalArgumentException(
            "sink " + settings.name() + " needs the records of each partition in order, from one source straight to the"
                + " writers, and \"" + each.getName() + "\" redistributes them (a partitioning, a union or another"
                + " parallelism than " + records.getParallelism() + ")");
      }
    }
  }

  /** Where a sink begins whose table has no position. */
  public enum Start {
    /** At the first record that the log has. */
    EARLIEST,
    /** Behind the last one. */
    LATEST,
    /** At the offsets of the consumer group; at the first record where it has none. */
    COMMITTED;

    private String setting() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /** What a job says of its topics and its sink. */
  public static final class Builder {
    private final Map<String, String> settings = new HashMap<>();
    private final Map<String, String> properties = new HashMap<>();
    private String file = "";
    private List<String> topics;
    private Pattern pattern;
    private Start start;
    private boolean bounded;
    private boolean startsAtPosition;

    private Builder() {}

    /** Any key of docs/configuration.md; {@code name} names the sink, owner of the position: never change it. */
    public Builder setting(String key, String value) {
      settings.put(key, value);
      return this;
    }

    public Builder settings(Map<String, String> values) {
      settings.putAll(values);
      return this;
    }

    /** A configuration in YAML, at this path on every machine of the job and where it is built. Settings win over it. */
    public Builder file(String path) {
      file = path;
      return this;
    }

    /** Topics to read; by default {@code source.kafka.topics}. */
    public Builder topics(String... names) {
      topics = List.of(names);
      return this;
    }

    /** Topics to read, those that appear later too. */
    public Builder topicPattern(Pattern value) {
      pattern = value;
      topics = List.of();
      return this;
    }

    /** A property of Kafka's consumer or of Flink's source. */
    public Builder kafkaProperty(String name, String value) {
      properties.put(name, value);
      return this;
    }

    public Builder kafkaProperties(Map<String, String> values) {
      properties.putAll(values);
      return this;
    }

    /** Where a sink begins whose table has no position; by default {@code source.kafka.start}. */
    public Builder start(Start value) {
      start = value;
      return this;
    }

    /** Read up to where the log ends when the job starts, and end. */
    public Builder bounded(boolean value) {
      bounded = value;
      return this;
    }

    /**
     * Say that a source of the job's own begins at the table's position where it has no state. Without this its first record has to
     * be the one at the position; with it offsets before that record are taken for gaps of the log.
     */
    public Builder sourceStartsAtPosition(boolean value) {
      startsAtPosition = value;
      return this;
    }

    /**
     * @throws IcesinkException for settings that the library refuses
     * @throws IllegalArgumentException for properties of Kafka that exactly-once does not go with
     */
    public IcesinkKafka build() throws IcesinkException {
      return new IcesinkKafka(this);
    }
  }
}
