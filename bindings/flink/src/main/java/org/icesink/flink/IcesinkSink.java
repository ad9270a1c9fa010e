package org.icesink.flink;

import java.io.IOException;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalLong;
import org.apache.flink.api.connector.sink2.Committer;
import org.apache.flink.api.connector.sink2.CommitterInitContext;
import org.apache.flink.api.connector.sink2.SupportsCommitter;
import org.apache.flink.api.connector.sink2.WriterInitContext;
import org.apache.flink.api.connector.source.Boundedness;
import org.apache.flink.core.io.SimpleVersionedSerializer;
import org.apache.flink.streaming.api.connector.sink2.CommittableMessage;
import org.apache.flink.streaming.api.connector.sink2.SupportsPreCommitTopology;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.DataStreamSink;
import org.apache.flink.streaming.api.transformations.WithBoundedness;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.runtime.typeutils.InternalTypeInfo;
import org.apache.flink.table.types.DataType;
import org.apache.flink.table.types.logical.RowType;
import org.apache.flink.types.Row;

/**
 * Appends rows to an Iceberg table, exactly once with Flink's checkpoints: parallel writers make data files, and one committer
 * puts all files of a checkpoint into the table in one snapshot.
 *
 * <pre>{@code
 * IcesinkSink.builder()
 *     .table("health_db.health_data_raw")
 *     .rowType(rowType)
 *     .setting("catalog.type", "rest")
 *     .setting("catalog.uri", "http://127.0.0.1:8181")
 *     .build()
 *     .sinkTo(rows);
 * }</pre>
 */
public final class IcesinkSink extends FlinkLine.BaseSink<RowData>
    implements SupportsCommitter<IcesinkCommittable>, SupportsPreCommitTopology<WriteResult, IcesinkCommittable> {
  private static final long serialVersionUID = 1L;

  /** What all parts of the sink are made from. */
  static final class Settings implements CommitTarget {
    private static final long serialVersionUID = 1L;

    private final String table;
    private final String name;
    private final RowType rowType;
    private final boolean overwrite;
    private final HashMap<String, String> session;

    private Settings(Builder builder) {
      table = Objects.requireNonNull(builder.table, "a sink needs a table");
      name = builder.name == null ? builder.table : builder.name;
      rowType = Objects.requireNonNull(builder.rowType, "a sink needs the type of its rows");
      overwrite = builder.overwrite;
      session = new HashMap<>(builder.settings);
    }

    @Override
    public String table() {
      return table;
    }

    @Override
    public String name() {
      return name;
    }

    RowType rowType() {
      return rowType;
    }

    @Override
    public boolean overwrites() {
      return overwrite;
    }

    @Override
    public boolean hasPosition() {
      return false;
    }

    @Override
    public OptionalLong number(String writer) throws IcesinkException {
      try (Session opened = Session.open(session)) {
        return opened.token(table, writer);
      }
    }

    Map<String, String> session() {
      return session;
    }
  }

  private final Settings settings;
  private final Distribution distribution;

  private IcesinkSink(Builder builder) {
    settings = new Settings(builder);
    distribution = builder.distribution;
    Columns.of(settings.rowType);
  }

  public static Builder builder() {
    return new Builder();
  }

  /**
   * Attaches the sink, with uids from its name and, where it is asked for, the rows distributed by partition. (A plain {@code
   * stream.sinkTo(sink)} distributes nothing, and needs a uid.)
   */
  public DataStreamSink<RowData> sinkTo(DataStream<RowData> rows) throws IOException {
    if (settings.overwrite && isUnbounded(rows)) {
      throw new IllegalStateException(
          "an overwrite replaces the table in one commit at the end of its input, and the input of sink "
              + settings.name
              + " has no end; append, or read a bounded source");
    }
    DataStream<RowData> distributed = rows;
    if (distribution == Distribution.HASH) {
      PartitionKey key = PartitionKey.load(settings);
      distributed = key.isConstant() ? rows : rows.keyBy(key);
    }
    String uid = "icesink " + settings.name;
    return distributed.sinkTo(this).name(uid).uid(uid);
  }

  /** The same for {@code Row}, with fields of the types that {@code type} names and converts from. */
  public DataStreamSink<RowData> sinkTo(DataStream<Row> rows, DataType type) throws IOException {
    if (!type.getLogicalType().copy(true).equals(settings.rowType.copy(true))) {
      throw new IllegalArgumentException(
          "rows of " + type.getLogicalType() + " are not those of the sink, " + settings.rowType);
    }
    return sinkTo(
        rows.map(new RowConverter(type))
            .name("icesink rows " + settings.name)
            .uid("icesink rows " + settings.name)
            .returns(InternalTypeInfo.of(settings.rowType)));
  }

  private static boolean isUnbounded(DataStream<?> rows) {
    return rows.getTransformation().getTransitivePredecessors().stream()
        .anyMatch(
            transformation ->
                transformation instanceof WithBoundedness
                    && ((WithBoundedness) transformation).getBoundedness() != Boundedness.BOUNDED);
  }

  @Override
  public IcesinkSinkWriter createWriter(WriterInitContext context) throws IOException {
    return IcesinkSinkWriter.open(settings, context.metricGroup());
  }

  @Override
  public Committer<IcesinkCommittable> createCommitter(CommitterInitContext context) {
    return new IcesinkCommitter(new TableAppender(settings), context.metricGroup());
  }

  @Override
  public SimpleVersionedSerializer<IcesinkCommittable> getCommittableSerializer() {
    return IcesinkCommittableSerializer.INSTANCE;
  }

  @Override
  public SimpleVersionedSerializer<WriteResult> getWriteResultSerializer() {
    return WriteResultSerializer.INSTANCE;
  }

  @Override
  public DataStream<CommittableMessage<IcesinkCommittable>> addPreCommitTopology(
      DataStream<CommittableMessage<WriteResult>> results) {
    return CommittableAggregator.attach(results, settings, "icesink aggregator " + settings.name);
  }

  /** How rows reach the writers. */
  public enum Distribution {
    /** As they come. */
    NONE,
    /** Rows of one partition to one writer: fewer files, and no more balance than the partitions have. */
    HASH
  }

  public static final class Builder {
    private final Map<String, String> settings = new HashMap<>();
    private String table;
    private String name;
    private RowType rowType;
    private Distribution distribution = Distribution.NONE;
    private boolean overwrite;

    private Builder() {}

    /** "namespace.table"; it must be there. */
    public Builder table(String value) {
      table = value;
      return this;
    }

    /** Names the sink in the job, in savepoints and in the table's tokens; by default as the table. Never change it. */
    public Builder name(String value) {
      name = value;
      return this;
    }

    /** Columns are found in the table by their names. */
    public Builder rowType(RowType value) {
      rowType = value;
      return this;
    }

    public Builder distribution(Distribution value) {
      distribution = value;
      return this;
    }

    /** In a bounded job: replace everything that the table has, in the one commit at its end. */
    public Builder overwrite(boolean value) {
      overwrite = value;
      return this;
    }

    /** Any key of docs/configuration.md. */
    public Builder setting(String key, String value) {
      settings.put(key, value);
      return this;
    }

    public Builder settings(Map<String, String> values) {
      settings.putAll(values);
      return this;
    }

    /** @throws IllegalArgumentException for a column of a type that Iceberg tables do not have */
    public IcesinkSink build() {
      return new IcesinkSink(this);
    }
  }
}
