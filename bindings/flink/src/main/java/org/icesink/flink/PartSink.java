package org.icesink.flink;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import org.apache.flink.api.connector.sink2.Committer;
import org.apache.flink.api.connector.sink2.CommitterInitContext;
import org.apache.flink.api.connector.sink2.CommittingSinkWriter;
import org.apache.flink.api.connector.sink2.SupportsCommitter;
import org.apache.flink.api.connector.sink2.WriterInitContext;
import org.apache.flink.core.io.SimpleVersionedSerialization;
import org.apache.flink.core.io.SimpleVersionedSerializer;
import org.apache.flink.streaming.api.connector.sink2.CommittableMessage;
import org.apache.flink.streaming.api.connector.sink2.SupportsPreCommitTopology;
import org.apache.flink.streaming.api.datastream.DataStream;

/** Takes the parts that {@link PartOperator} finished to the one committer, by the checkpoints that they are of. */
final class PartSink extends FlinkLine.BaseSink<byte[]>
    implements SupportsCommitter<IcesinkCommittable>, SupportsPreCommitTopology<WriteResult, IcesinkCommittable> {
  private static final long serialVersionUID = 1L;

  /** Holds the parts of a checkpoint, of which one subtask has one, from the operator's barrier to its own. */
  private static final class Writer implements CommittingSinkWriter<byte[], WriteResult> {
    private final List<WriteResult> parts = new ArrayList<>();

    @Override
    public void write(byte[] part, Context context) throws IOException {
      parts.add(SimpleVersionedSerialization.readVersionAndDeSerialize(WriteResultSerializer.INSTANCE, part));
    }

    @Override
    public void flush(boolean endOfInput) {
      // The operator has.
    }

    @Override
    public Collection<WriteResult> prepareCommit() {
      List<WriteResult> taken = new ArrayList<>(parts);
      parts.clear();
      return taken;
    }

    @Override
    public void close() {
      // Parts that were not taken are of a checkpoint that never was.
    }
  }

  private final SinkSettings settings;

  PartSink(SinkSettings settings) {
    this.settings = settings;
  }

  @Override
  public CommittingSinkWriter<byte[], WriteResult> createWriter(WriterInitContext context) {
    return new Writer();
  }

  @Override
  public Committer<IcesinkCommittable> createCommitter(CommitterInitContext context) {
    return new IcesinkCommitter(new PartAppender(settings), context.metricGroup());
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
    return CommittableAggregator.attach(results, settings, "icesink kafka aggregator " + settings.name());
  }
}
