package org.icesink.flink;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.apache.flink.api.common.operators.MailboxExecutor;
import org.apache.flink.api.common.state.ListState;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.api.common.typeutils.base.BooleanSerializer;
import org.apache.flink.api.common.typeutils.base.LongSerializer;
import org.apache.flink.api.common.typeutils.base.StringSerializer;
import org.apache.flink.api.common.typeutils.base.array.BytePrimitiveArraySerializer;
import org.apache.flink.runtime.execution.SuppressRestartsException;
import org.apache.flink.runtime.state.StateInitializationContext;
import org.apache.flink.runtime.state.StateSnapshotContext;
import org.apache.flink.streaming.api.connector.sink2.CommittableMessage;
import org.apache.flink.streaming.api.connector.sink2.CommittableMessageTypeInfo;
import org.apache.flink.streaming.api.connector.sink2.CommittableWithLineage;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.operators.AbstractStreamOperator;
import org.apache.flink.streaming.api.operators.BoundedOneInput;
import org.apache.flink.streaming.api.operators.OneInputStreamOperator;
import org.apache.flink.streaming.api.operators.util.SimpleVersionedListState;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;

/**
 * Collects what all writers closed for a checkpoint into one committable, so that a checkpoint is one snapshot. Runs with
 * parallelism 1. Of an append nothing waits here across a checkpoint: what came before its barrier goes on before it.
 *
 * <p>Where the sink overwrites, files are kept here, in state, until the input ends, and make the job's only commit.
 *
 * <p>The token's number is the checkpoint's id above a base. The base is 0 until Flink counts checkpoints anew under the id of
 * a job that the table knows already (a cluster that gives each of its jobs the same id; a savepoint from before the last
 * commits): numbers that the table has seen would silence commits. Files of the end of the input have the id after the last
 * checkpoint that was seen here. No other commit has it: of the checkpoints that follow, the first that completes takes these
 * files along and has no others.
 *
 * <p>State has the name of the writer too: a job that is started from it, under an id of its own, looks for commits that its
 * predecessor made after that state.
 */
final class CommittableAggregator extends AbstractStreamOperator<CommittableMessage<IcesinkCommittable>>
    implements OneInputStreamOperator<CommittableMessage<WriteResult>, CommittableMessage<IcesinkCommittable>>,
        BoundedOneInput {
  private static final long serialVersionUID = 1L;

  private final CommitTarget target;

  private transient ListState<Long> baseState;
  private transient ListState<String> writerState;
  private transient ListState<WriteResult> keptState;
  private transient ListState<Boolean> endedState;
  private transient boolean endedBefore;
  private transient long base;
  private transient long lastCheckpointId;
  private transient long lastDecidedId;
  private transient boolean inputEnded;
  private transient List<WriteResult> results;
  private transient long fileCount;
  private transient long bytes;
  private transient long lastCheckpointBytes;
  private transient Map<Long, Long> pendingFiles;

  private CommittableAggregator(CommitTarget target) {
    this.target = target;
  }

  /** The stream of committables of a sink, all to the first subtask of its committer: one commits, in order. */
  static DataStream<CommittableMessage<IcesinkCommittable>> attach(
      DataStream<CommittableMessage<WriteResult>> results, CommitTarget target, String uid) {
    return results
        .global()
        .transform(
            "aggregator",
            CommittableMessageTypeInfo.of(() -> IcesinkCommittableSerializer.INSTANCE),
            new CommittableAggregator(target))
        .uid(uid)
        .setParallelism(1)
        .setMaxParallelism(1)
        .global();
  }

  @Override
  public void initializeState(StateInitializationContext context) throws Exception {
    super.initializeState(context);
    results = new ArrayList<>();
    pendingFiles = new TreeMap<>();
    baseState =
        context
            .getOperatorStateStore()
            .getListState(new ListStateDescriptor<>("icesink-number-base", LongSerializer.INSTANCE));
    Iterator<Long> restored = baseState.get().iterator();
    base = restored.hasNext() ? restored.next() : 0;
    keptState =
        new SimpleVersionedListState<>(
            context
                .getOperatorStateStore()
                .getListState(
                    new ListStateDescriptor<>("icesink-kept-files", BytePrimitiveArraySerializer.INSTANCE)),
            WriteResultSerializer.INSTANCE);
    keptState.get().forEach(this::add);
    endedState =
        context
            .getOperatorStateStore()
            .getListState(new ListStateDescriptor<>("icesink-input-ended", BooleanSerializer.INSTANCE));
    endedState.get().forEach(ended -> endedBefore |= ended);
    lastCheckpointId = context.getRestoredCheckpointId().orElse(0);
    lastDecidedId = lastCheckpointId;
    writerState =
        context
            .getOperatorStateStore()
            .getListState(new ListStateDescriptor<>("icesink-writer", StringSerializer.INSTANCE));
    Set<String> writersBefore = new TreeSet<>();
    writerState.get().forEach(writersBefore::add);
    startAboveTable(writersBefore);
    getMetricGroup().gauge("lastCheckpointSize", () -> lastCheckpointBytes);
    getMetricGroup().gauge("pendingFiles", this::countPendingFiles);
  }

  private void startAboveTable(Set<String> writersBefore) throws IOException {
    for (String before : writersBefore) {
      if (!before.equals(writer()) && target.number(before).orElse(0) > base + lastCheckpointId) {
        warnOfLaterPast(before);
      }
    }
    OptionalLong known = target.number(writer());
    if (known.isEmpty() || known.getAsLong() <= base + lastCheckpointId) {
      return;
    }
    // With a position nothing rests on the number of a commit that this attempt may repeat.
    if (!isCheckpointingEnabled() && !target.hasPosition()) {
      // Without checkpoints an attempt of the job cannot tell its own earlier commit from that of another run.
      if (getRuntimeContext().getTaskInfo().getAttemptNumber() > 0) {
        return;
      }
      // A further attempt would take that run's commit for its own.
      throw new SuppressRestartsException(
          new IcesinkException(
              "ALREADY_EXISTS",
              "table " + target.table() + " has the rows of sink " + target.name() + " of a job with the id "
                  + jobId() + " already; start the job with another id, or give the sink another name"));
    }
    base = known.getAsLong() - lastCheckpointId;
    warnOfLaterPast(writer());
  }

  // Where the table has a position, that decides, and a commit from an older state is refused.
  private void warnOfLaterPast(String writer) {
    if (target.hasPosition()) {
      return;
    }
    LOG.warn(
        "Table {} knows commits of {} after checkpoint {}, from which this job starts: if these are of a savepoint's later"
            + " past, their rows stay and may come again",
        target.table(),
        writer,
        lastCheckpointId);
  }

  @Override
  public void snapshotState(StateSnapshotContext context) throws Exception {
    super.snapshotState(context);
    baseState.update(List.of(base));
    writerState.update(List.of(writer()));
    keptState.update(results);
    endedState.update(List.of(endedBefore || inputEnded));
  }

  @Override
  public void processElement(StreamRecord<CommittableMessage<WriteResult>> element) {
    // Summaries are for Flink's committer; the barrier says as well that all of a checkpoint came.
    if (element.getValue() instanceof CommittableWithLineage) {
      add(((CommittableWithLineage<WriteResult>) element.getValue()).getCommittable());
    }
  }

  private void add(WriteResult result) {
    results.add(result);
    fileCount += result.fileCount;
    bytes += result.bytes;
  }

  @Override
  public void prepareSnapshotPreBarrier(long checkpointId) {
    lastCheckpointId = Math.max(lastCheckpointId, checkpointId);
    if (!inputEnded && !target.overwrites()) {
      emit(checkpointId);
    }
  }

  @Override
  public void endInput() throws Exception {
    if (FlinkLine.COMMITS_BEFORE_FINAL_CHECKPOINT && isCheckpointingEnabled()) {
      // Notifications are mails; barriers are not, so that no further checkpoint passes meanwhile.
      MailboxExecutor mails =
          getContainingTask().getMailboxExecutorFactory().createExecutor(getOperatorConfig().getChainIndex());
      while (lastDecidedId < lastCheckpointId) {
        mails.yield();
      }
    }
    inputEnded = true;
    emit(lastCheckpointId + 1);
  }

  private void emit(long checkpointId) {
    lastCheckpointBytes = bytes;
    // An overwrite without rows empties the table; but an input that is restored after its end ends again, with nothing in it.
    if (results.isEmpty() && (!target.overwrites() || endedBefore)) {
      return;
    }
    IcesinkCommittable committable =
        new IcesinkCommittable(
            target.name(),
            jobId(),
            getOperatorID().toString(),
            checkpointId,
            base + checkpointId,
            target.overwrites(),
            results.stream().map(result -> result.files).collect(Collectors.toList()),
            fileCount);
    output.collect(new StreamRecord<>(FlinkLine.summary(checkpointId)));
    output.collect(new StreamRecord<>(new CommittableWithLineage<>(committable, checkpointId, 0)));
    pendingFiles.put(checkpointId, fileCount);
    results.clear();
    fileCount = 0;
    bytes = 0;
  }

  @Override
  public void notifyCheckpointComplete(long checkpointId) throws Exception {
    super.notifyCheckpointComplete(checkpointId);
    lastDecidedId = Math.max(lastDecidedId, checkpointId);
    pendingFiles.keySet().removeIf(id -> id <= checkpointId);
  }

  @Override
  public void notifyCheckpointAborted(long checkpointId) throws Exception {
    super.notifyCheckpointAborted(checkpointId);
    lastDecidedId = Math.max(lastDecidedId, checkpointId);
  }

  private boolean isCheckpointingEnabled() {
    return getContainingTask().getConfiguration().isCheckpointingEnabled();
  }

  private long countPendingFiles() {
    return pendingFiles.values().stream().mapToLong(Long::longValue).sum();
  }

  private String writer() {
    return IcesinkCommittable.writer(target.name(), jobId(), getOperatorID().toString());
  }

  private String jobId() {
    return getRuntimeContext().getJobInfo().getJobId().toString();
  }
}
