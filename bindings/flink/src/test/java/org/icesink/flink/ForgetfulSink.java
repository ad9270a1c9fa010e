package org.icesink.flink;

import java.io.IOException;
import java.util.Collection;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.flink.api.connector.sink2.Committer;
import org.apache.flink.api.connector.sink2.CommitterInitContext;
import org.apache.flink.api.connector.sink2.Sink;
import org.apache.flink.api.connector.sink2.SinkWriter;
import org.apache.flink.api.connector.sink2.SupportsCommitter;
import org.apache.flink.api.connector.sink2.WriterInitContext;
import org.apache.flink.core.io.SimpleVersionedSerializer;
import org.apache.flink.streaming.api.connector.sink2.CommittableMessage;
import org.apache.flink.streaming.api.connector.sink2.SupportsPreCommitTopology;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.util.IOUtils;

/** A sink whose committer fails after it has committed, as a process may that dies before it says so. */
final class ForgetfulSink<
        T,
        S extends
            Sink<T> & SupportsCommitter<IcesinkCommittable> & SupportsPreCommitTopology<WriteResult, IcesinkCommittable>>
    extends FlinkLine.BaseSink<T>
    implements SupportsCommitter<IcesinkCommittable>, SupportsPreCommitTopology<WriteResult, IcesinkCommittable> {
  private static final long serialVersionUID = 1L;

  static final AtomicInteger COMMITS_TO_FAIL = new AtomicInteger();
  static final AtomicInteger COMMITS = new AtomicInteger();
  static volatile boolean refuseCommits;

  private final S sink;

  ForgetfulSink(S sink) {
    this.sink = sink;
  }

  static void reset() {
    COMMITS_TO_FAIL.set(0);
    COMMITS.set(0);
    refuseCommits = false;
  }

  @Override
  public SinkWriter<T> createWriter(WriterInitContext context) throws IOException {
    return sink.createWriter(context);
  }

  @Override
  public Committer<IcesinkCommittable> createCommitter(CommitterInitContext context) throws IOException {
    Committer<IcesinkCommittable> committer = sink.createCommitter(context);
    return new Committer<IcesinkCommittable>() {
      @Override
      public void commit(Collection<CommitRequest<IcesinkCommittable>> requests)
          throws IOException, InterruptedException {
        if (refuseCommits) {
          throw new IOException("injected failure before a commit");
        }
        committer.commit(requests);
        COMMITS.addAndGet(requests.size());
        if (!requests.isEmpty() && COMMITS_TO_FAIL.getAndDecrement() > 0) {
          throw new IOException("injected failure after a commit");
        }
      }

      @Override
      public void close() throws IOException {
        IOUtils.closeQuietly(committer);
      }
    };
  }

  @Override
  public SimpleVersionedSerializer<IcesinkCommittable> getCommittableSerializer() {
    return sink.getCommittableSerializer();
  }

  @Override
  public DataStream<CommittableMessage<IcesinkCommittable>> addPreCommitTopology(
      DataStream<CommittableMessage<WriteResult>> results) {
    return sink.addPreCommitTopology(results);
  }

  @Override
  public SimpleVersionedSerializer<WriteResult> getWriteResultSerializer() {
    return sink.getWriteResultSerializer();
  }
}
