package org.icesink.flink;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Map;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.DataStreamSink;
import org.apache.flink.table.api.ValidationException;
import org.apache.flink.table.connector.ChangelogMode;
import org.apache.flink.table.connector.ProviderContext;
import org.apache.flink.table.connector.sink.DataStreamSinkProvider;
import org.apache.flink.table.connector.sink.DynamicTableSink;
import org.apache.flink.table.connector.sink.abilities.SupportsOverwrite;
import org.apache.flink.table.connector.sink.abilities.SupportsPartitioning;
import org.apache.flink.table.data.RowData;

/** The sink as a table of SQL. */
final class IcesinkTableSink implements DynamicTableSink, SupportsOverwrite, SupportsPartitioning {
  private final IcesinkSink.Builder builder;
  private final Integer parallelism;
  private boolean overwrite;
  private Map<String, String> partition = Map.of();

  /** @param parallelism null: that of the job */
  IcesinkTableSink(IcesinkSink.Builder builder, Integer parallelism) {
    this.builder = builder;
    this.parallelism = parallelism;
  }

  @Override
  public ChangelogMode getChangelogMode(ChangelogMode requested) {
    return ChangelogMode.insertOnly();
  }

  @Override
  public void applyOverwrite(boolean value) {
    overwrite = value;
  }

  /** The planner puts the values into the rows; how files are partitioned, the Iceberg table says. */
  @Override
  public void applyStaticPartition(Map<String, String> values) {
    partition = values;
  }

  @Override
  public SinkRuntimeProvider getSinkRuntimeProvider(Context context) {
    if (overwrite && !partition.isEmpty()) {
      throw new ValidationException(
          "INSERT OVERWRITE replaces the whole table, not PARTITION " + partition + " alone: leave PARTITION out, or INSERT INTO");
    }
    if (overwrite && !context.isBounded()) {
      throw new ValidationException(
          "INSERT OVERWRITE replaces the table in one commit at the end of its input: it needs batch mode"
              + " (SET 'execution.runtime-mode' = 'batch')");
    }
    IcesinkSink sink = builder.overwrite(overwrite).build();
    // Not a SinkV2Provider: uids come from the sink's name, whatever the planner calls its nodes.
    return new DataStreamSinkProvider() {
      @Override
      public DataStreamSink<?> consumeDataStream(ProviderContext provider, DataStream<RowData> rows) {
        try {
          DataStreamSink<RowData> attached = sink.sinkTo(rows);
          return parallelism == null ? attached : attached.setParallelism(parallelism);
        } catch (IOException e) {
          throw new UncheckedIOException(e.getMessage(), e);
        }
      }
    };
  }

  @Override
  public DynamicTableSink copy() {
    IcesinkTableSink copy = new IcesinkTableSink(builder, parallelism);
    copy.overwrite = overwrite;
    copy.partition = partition;
    return copy;
  }

  @Override
  public String asSummaryString() {
    return IcesinkTableFactory.IDENTIFIER;
  }
}
