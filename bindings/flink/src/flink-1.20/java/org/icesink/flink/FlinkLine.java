package org.icesink.flink;

import org.apache.flink.api.common.ExecutionConfig;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeutils.TypeSerializer;
import org.apache.flink.api.connector.sink2.Sink;
import org.apache.flink.api.connector.sink2.SinkWriter;
import org.apache.flink.streaming.api.connector.sink2.CommittableSummary;

/** What differs between the lines of Flink: this is 1.20. */
final class FlinkLine {
  /**
   * After the end of its input Flink's committer commits all that it has whenever any checkpoint is complete: an earlier one too,
   * whose restore would write the same rows again. So the aggregator ends only when no earlier checkpoint is under way.
   */
  static final boolean COMMITS_BEFORE_FINAL_CHECKPOINT = true;

  private FlinkLine() {}

  /** The interface still asks for the older way to make a writer, which Flink takes only where there is no newer one. */
  abstract static class BaseSink<T> implements Sink<T> {
    private static final long serialVersionUID = 1L;

    @Override
    @Deprecated
    public final SinkWriter<T> createWriter(InitContext context) {
      throw new UnsupportedOperationException("a writer is made from a WriterInitContext");
    }
  }

  /** The class still asks for the older way to make a serializer. */
  abstract static class BaseType<T> extends TypeInformation<T> {
    private static final long serialVersionUID = 1L;

    @Override
    @Deprecated
    public final TypeSerializer<T> createSerializer(ExecutionConfig config) {
      return createSerializer(config.getSerializerConfig());
    }
  }

  /** One committable of the only subtask of the aggregator. */
  static CommittableSummary<IcesinkCommittable> summary(long checkpointId) {
    return new CommittableSummary<>(0, 1, checkpointId, 1, 1, 0);
  }
}
