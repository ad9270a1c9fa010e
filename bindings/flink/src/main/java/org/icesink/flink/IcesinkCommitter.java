package org.icesink.flink;

import java.io.IOException;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.apache.flink.api.connector.sink2.Committer;
import org.apache.flink.metrics.MetricGroup;
import org.apache.flink.runtime.execution.SuppressRestartsException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Makes a snapshot of each committable, in the order of their numbers. The token makes a repeated commit do nothing, so whatever
 * may have failed halfway is tried again as it is, here or after a restart.
 */
final class IcesinkCommitter implements Committer<IcesinkCommittable> {
  private static final Logger LOG = LoggerFactory.getLogger(IcesinkCommitter.class);
  private static final long NANOS_PER_MILLI = 1_000_000;

  /** Makes the snapshot; false where it was made before. */
  interface Appender extends AutoCloseable {
    boolean append(IcesinkCommittable committable) throws IcesinkException;

    @Override
    void close();
  }

  private final Appender appender;
  /** By the token's name, the lowest number that is to be tried again. */
  private final Map<String, Long> unresolved = new HashMap<>();

  private volatile long commitMillis;
  private volatile long pendingFiles;

  IcesinkCommitter(Appender appender, MetricGroup metrics) {
    this.appender = appender;
    metrics.gauge("commitDuration", () -> commitMillis);
    metrics.gauge("pendingFiles", () -> pendingFiles);
  }

  @Override
  public void commit(Collection<CommitRequest<IcesinkCommittable>> requests) throws IOException {
    List<CommitRequest<IcesinkCommittable>> ordered =
        requests.stream()
            .sorted(Comparator.comparingLong(request -> request.getCommittable().number()))
            .collect(Collectors.toList());
    pendingFiles = ordered.stream().mapToLong(request -> request.getCommittable().fileCount()).sum();
    for (CommitRequest<IcesinkCommittable> request : ordered) {
      commit(request);
    }
  }

  private void commit(CommitRequest<IcesinkCommittable> request) throws IOException {
    IcesinkCommittable committable = request.getCommittable();
    Long waiting = unresolved.get(committable.writer());
    if (waiting != null && waiting < committable.number()) {
      // A higher number would let the table take the lower one for done.
      request.retryLater();
      return;
    }
    long start = System.nanoTime();
    try {
      boolean appended = appender.append(committable);
      LOG.info("{} {}", committable, appended ? "is in the table" : "was in the table before");
      if (!appended) {
        request.signalAlreadyCommitted();
      }
    } catch (IcesinkException e) {
      if (e.isPolicy()) {
        // Another attempt of the job would end the same.
        throw new SuppressRestartsException(e);
      }
      if (!e.isRetryable() && !e.isCommitUnknown()) {
        throw e;
      }
      LOG.warn("{} is tried again: {}", committable, e.getMessage());
      unresolved.put(committable.writer(), committable.number());
      request.retryLater();
      return;
    } finally {
      commitMillis = (System.nanoTime() - start) / NANOS_PER_MILLI;
    }
    unresolved.remove(committable.writer());
    pendingFiles -= committable.fileCount();
  }

  @Override
  public void close() {
    appender.close();
  }
}
