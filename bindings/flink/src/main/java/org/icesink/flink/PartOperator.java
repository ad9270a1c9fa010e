package org.icesink.flink;

import java.io.IOException;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeMap;
import org.apache.flink.api.common.state.ListState;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.api.common.typeutils.base.array.BytePrimitiveArraySerializer;
import org.apache.flink.core.io.SimpleVersionedSerialization;
import org.apache.flink.metrics.Counter;
import org.apache.flink.metrics.MetricGroup;
import org.apache.flink.runtime.execution.SuppressRestartsException;
import org.apache.flink.runtime.state.StateInitializationContext;
import org.apache.flink.runtime.state.StateSnapshotContext;
import org.apache.flink.streaming.api.operators.AbstractStreamOperator;
import org.apache.flink.streaming.api.operators.BoundedOneInput;
import org.apache.flink.streaming.api.operators.OneInputStreamOperator;
import org.apache.flink.streaming.api.operators.util.SimpleVersionedListState;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;

/**
 * Hands the records of a source to the library, a batch per call, and emits with each checkpoint the part that came of them.
 *
 * <p>Its state is where each partition goes on. A partition may come back to another subtask, which Flink's source decides by
 * itself: so every subtask is given the state of all, and the highest offset of a partition is the one of who had it last.
 */
final class PartOperator extends AbstractStreamOperator<byte[]>
    implements OneInputStreamOperator<KafkaRecord, byte[]>, BoundedOneInput {
  private static final long serialVersionUID = 1L;
  /** Of a part's description, which travels as one record of Flink and lies in its state. */
  private static final int PART_BYTES_MAX = 64 << 20;

  private static final long RETRY_DELAY_MIN_MS = 100;
  private static final long RETRY_DELAY_MAX_MS = 5_000;
  private static final long RETRY_MS = 60_000;
  private static final long NANOS_PER_MILLI = 1_000_000;

  /** A partition that this subtask answers for. */
  private static final class Progress {
    private final KafkaPartition partition;
    private long next;

    private Progress(KafkaPartition partition, long next) {
      this.partition = partition;
      this.next = next;
    }
  }

  private final SinkSettings settings;
  private final boolean startsAtPosition;

  private transient ListState<PartitionOffset> state;
  private transient Session session;
  private transient PartWriter writer;
  private transient RecordBatch batch;
  private transient Map<KafkaPartition, Long> restored;
  private transient Map<KafkaPartition, Long> position;
  private transient Map<KafkaPartition, Progress> progress;
  private transient Progress current;
  private transient PartWriter.Counts finished;
  private transient volatile PartWriter.Counts counts;
  private transient volatile long lastCheckpointBytes;
  private transient Counter recordsOut;
  private transient Counter recordsSend;
  private transient Counter bytesSend;
  private transient Counter recordErrors;

  /** @param startsAtPosition whether a source without state begins where the table's position is */
  PartOperator(SinkSettings settings, boolean startsAtPosition) {
    this.settings = settings;
    this.startsAtPosition = startsAtPosition;
  }

  // Beginning ---------------------------------------------------------------------------------------------------------

  @Override
  public void initializeState(StateInitializationContext context) throws Exception {
    super.initializeState(context);
    state =
        new SimpleVersionedListState<>(
            context
                .getOperatorStateStore()
                .getUnionListState(
                    new ListStateDescriptor<>("icesink-offsets", BytePrimitiveArraySerializer.INSTANCE)),
            PartitionOffset.SERIALIZER);
    restored = new TreeMap<>();
    for (PartitionOffset offset : state.get()) {
      restored.merge(offset.partition(), offset.next(), Math::max);
    }
    progress = new HashMap<>();
    if (getRuntimeContext().getTaskInfo().getIndexOfThisSubtask() == 0) {
      // Somebody has to keep those that no record comes of.
      restored.forEach((partition, next) -> progress.put(partition, new Progress(partition, next)));
    }
    registerMetrics();
    openWriter();
  }

  private void registerMetrics() {
    finished = PartWriter.Counts.NONE;
    counts = PartWriter.Counts.NONE;
    // Names of Flink's sinks. Its own numRecordsOut counts the parts, too.
    MetricGroup group = getMetricGroup();
    recordsOut = getMetricGroup().getIOMetricGroup().getNumRecordsOutCounter();
    recordsSend = group.counter("numRecordsSend");
    bytesSend = group.counter("numBytesSend");
    recordErrors = group.counter("numRecordsOutErrors");
    group.gauge("lastCheckpointSize", () -> lastCheckpointBytes);
    group.gauge("records", () -> counts.records);
    group.gauge("rows", () -> counts.rows);
    group.gauge("deadLetters", () -> counts.deadLetters);
    group.gauge("filtered", () -> counts.filtered);
    group.gauge("gaps", () -> counts.gaps);
  }

  private void openWriter() throws IcesinkException {
    batch = new RecordBatch();
    session = settings.open();
    position = startsAtPosition ? Map.of() : session.position();
    writer = session.openPartWriter();
    for (Map.Entry<KafkaPartition, Long> entry : restored.entrySet()) {
      writer.resume(entry.getKey(), entry.getValue());
    }
  }

  // Records -----------------------------------------------------------------------------------------------------------

  @Override
  public void processElement(StreamRecord<KafkaRecord> element) throws Exception {
    KafkaRecord kafkaRecord = element.getValue();
    if (current == null
        || current.partition.partition() != kafkaRecord.partition()
        || !current.partition.topic().equals(kafkaRecord.topic())) {
      current = find(kafkaRecord);
    }
    batch.add(kafkaRecord);
    current.next = kafkaRecord.offset() + 1;
    if (batch.isFull()) {
      handOver();
    }
  }

  private Progress find(KafkaRecord kafkaRecord) {
    KafkaPartition partition = new KafkaPartition(kafkaRecord.topic(), kafkaRecord.partition());
    Progress found = progress.get(partition);
    if (found == null) {
      checkStart(partition, kafkaRecord.offset());
      found = new Progress(partition, kafkaRecord.offset());
      progress.put(partition, found);
    }
    return found;
  }

  /**
   * A source that begins elsewhere than the table's position would skip records or repeat them: the library can only take what it
   * is not given for gaps of the log.
   */
  private void checkStart(KafkaPartition partition, long offset) {
    Long next = restored.containsKey(partition) ? null : position.get(partition);
    if (next != null && next != offset) {
      throw new SuppressRestartsException(
          IcesinkException.policy(
              partition + ": the source begins at offset " + offset + ", and the position of sink " + settings.name()
                  + " in table " + settings.table() + " is " + next
                  + "; start the source there (IcesinkKafka.source() does), and say so by sourceStartsAtPosition(true)"));
    }
  }

  private void handOver() throws Exception {
    if (batch.count() == 0) {
      return;
    }
    addWithRetries();
    batch.clear();
    PartWriter.Counts before = counts;
    counts = writer.counts();
    recordsOut.inc(counts.rows - before.rows);
    recordsSend.inc(counts.rows - before.rows);
    recordErrors.inc(counts.deadLetters - before.deadLetters);
  }

  // What cannot be asked for a while (a schema registry) holds the source back; after that Flink's restart strategy decides.
  private void addWithRetries() throws IOException, InterruptedException {
    long begin = System.nanoTime();
    for (long delay = RETRY_DELAY_MIN_MS; ; delay = Math.min(2 * delay, RETRY_DELAY_MAX_MS)) {
      try {
        writer.add(batch);
        return;
      } catch (IcesinkException e) {
        boolean over = System.nanoTime() - begin >= RETRY_MS * NANOS_PER_MILLI;
        if (!e.isRetryable() || e.isFatal() || over) {
          throw e;
        }
        LOG.warn("Sink {} tries again to decode {} records: {}", settings.name(), batch.count(), e.getMessage());
        Thread.sleep(delay);
      }
    }
  }

  // Checkpoints -------------------------------------------------------------------------------------------------------

  @Override
  public void prepareSnapshotPreBarrier(long checkpointId) throws Exception {
    finishPart();
  }

  @Override
  public void endInput() throws Exception {
    finishPart();
  }

  private void finishPart() throws Exception {
    handOver();
    byte[] part = writer.finish();
    counts = writer.counts();
    lastCheckpointBytes = counts.bytes - finished.bytes;
    bytesSend.inc(lastCheckpointBytes);
    if (part.length > PART_BYTES_MAX) {
      throw new IcesinkException(
          "LIMIT",
          "the files of a checkpoint of sink " + settings.name() + " take " + part.length + " bytes to describe, more than "
              + PART_BYTES_MAX + ": fewer files (write.target_file_size, the tables' partition spec) or more frequent"
              + " checkpoints make that less");
    }
    if (part.length > 0) {
      WriteResult result =
          new WriteResult(part, counts.rows - finished.rows, lastCheckpointBytes, counts.files - finished.files);
      output.collect(
          new StreamRecord<>(
              SimpleVersionedSerialization.writeVersionAndSerialize(WriteResultSerializer.INSTANCE, result)));
    }
    finished = counts;
  }

  @Override
  public void snapshotState(StateSnapshotContext context) throws Exception {
    super.snapshotState(context);
    state.clear();
    for (Progress each : progress.values()) {
      state.add(new PartitionOffset(each.partition, each.next));
    }
  }

  @Override
  public void close() throws Exception {
    try {
      super.close();
    } finally {
      if (session != null) {
        session.close();
      }
      if (batch != null) {
        batch.close();
      }
    }
  }
}
