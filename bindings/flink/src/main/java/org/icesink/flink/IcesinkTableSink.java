package org.icesink.flink;

import java.io.IOException;
import java.io.UncheckedIOException;
import org.apache.flink.streaming.api.datastream.DataStreamSink;
import org.apache.flink.table.connector.ChangelogMode;
import org.apache.flink.table.connector.sink.DataStreamSinkProvider;
import org.apache.flink.table.connector.sink.DynamicTableSink;
import org.apache.flink.table.connector.ProviderContext;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.table.data.RowData;

/** The sink as a table of SQL. */
final class IcesinkTableSink implements DynamicTableSink {
  private final IcesinkSink sink;
  private final Integer parallelism;

  /** @param parallelism null: that of the job */
  IcesinkTableSink(IcesinkSink sink, Integer parallelism) {
    this.sink = sink;
    this.parallelism = parallelism;
  }

  @Override
  public ChangelogMode getChangelogMode(ChangelogMode requested) {
    return ChangelogMode.insertOnly();
  }

  @Override
  public SinkRuntimeProvider getSinkRuntimeProvider(Context context) {
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
    return new IcesinkTableSink(sink, parallelism);
  }

  @Override
  public String asSummaryString() {
    return IcesinkTableFactory.IDENTIFIER;
  }
}
