package org.icesink.flink;

import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.connector.sink2.Sink;
import org.apache.flink.streaming.api.connector.sink2.CommittableSummary;

/** What differs between the lines of Flink: this is 2.1. */
final class FlinkLine {
  /** A committable waits for a checkpoint that has it. */
  static final boolean COMMITS_BEFORE_FINAL_CHECKPOINT = false;

  private FlinkLine() {}

  abstract static class BaseSink<T> implements Sink<T> {
    private static final long serialVersionUID = 1L;
  }

  abstract static class BaseType<T> extends TypeInformation<T> {
    private static final long serialVersionUID = 1L;
  }

  /** One committable of the only subtask of the aggregator. */
  static CommittableSummary<IcesinkCommittable> summary(long checkpointId) {
    return new CommittableSummary<>(0, 1, checkpointId, 1, 0);
  }
}
