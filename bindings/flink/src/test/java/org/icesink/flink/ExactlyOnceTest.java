package org.icesink.flink;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.stream.LongStream;
import org.apache.flink.api.common.JobID;
import org.apache.flink.api.common.JobStatus;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.MapFunction;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.connector.source.Boundedness;
import org.apache.flink.api.connector.source.lib.NumberSequenceSource;
import org.apache.flink.api.connector.source.util.ratelimit.RateLimiterStrategy;
import org.apache.flink.connector.datagen.source.DataGeneratorSource;
import org.apache.flink.core.execution.JobClient;
import org.apache.flink.core.execution.SavepointFormatType;
import org.apache.flink.runtime.testutils.InMemoryReporter;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.table.api.DataTypes;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.runtime.typeutils.ExternalTypeInfo;
import org.apache.flink.table.runtime.typeutils.InternalTypeInfo;
import org.apache.flink.table.types.DataType;
import org.apache.flink.table.types.logical.RowType;
import org.apache.flink.test.junit5.MiniClusterExtension;
import org.apache.flink.types.Row;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Rows numbered by a source that replays, through failures of every part of a job: none may be lost or come twice. */
final class ExactlyOnceTest {
  private static final InMemoryReporter METRICS = InMemoryReporter.createWithRetainedMetrics();

  @RegisterExtension static final MiniClusterExtension CLUSTER = Cluster.extension(METRICS);

  private static final String TABLE = "db.numbers";
  private static final RowType ROWS =
      (RowType)
          DataTypes.ROW(
                  DataTypes.FIELD("id", DataTypes.BIGINT().notNull()),
                  DataTypes.FIELD("text", DataTypes.STRING()))
              .getLogicalType();

  private static volatile Trouble trouble;

  @TempDir Path directory;
  private Lake lake;

  @BeforeEach
  void makeTable() throws IcesinkException {
    trouble = new Trouble(0, 0, 1000);
    ForgetfulSink.reset();
    lake = new Lake(directory);
    lake.createTable(TABLE, ROWS);
  }

  private static final class ToRow implements MapFunction<Long, RowData> {
    private static final long serialVersionUID = 1L;

    @Override
    public RowData map(Long id) {
      trouble.row();
      return GenericRowData.of(id, StringData.fromString("row " + id));
    }
  }

  private static DataStream<RowData> rows(StreamExecutionEnvironment environment, int count, double perSecond) {
    RateLimiterStrategy rate =
        perSecond > 0 ? RateLimiterStrategy.perSecond(perSecond) : RateLimiterStrategy.noOp();
    DataGeneratorSource<Long> source = new DataGeneratorSource<>(i -> i, count, rate, Types.LONG);
    return environment
        .fromSource(source, WatermarkStrategy.noWatermarks(), "numbers")
        .uid("numbers")
        .rebalance()
        .map(new ToRow())
        .uid("rows")
        .returns(InternalTypeInfo.of(ROWS));
  }

  private IcesinkSink sink() {
    return IcesinkSink.builder().table(TABLE).name("test").rowType(ROWS).settings(lake.settings()).build();
  }

  private static LongStream seeds() {
    return LongStream.rangeClosed(1, "1".equals(System.getenv("ICESINK_TEST_ALL")) ? 30 : 3);
  }

  @ParameterizedTest
  @MethodSource("seeds")
  void failuresLoseAndRepeatNothing(long seed) throws Exception {
    trouble = new Trouble(seed, 12, 1000);
    StreamExecutionEnvironment environment =
        Cluster.streaming(
            3, c -> c.setString("execution.checkpointing.unaligned.enabled", Boolean.toString(seed % 2 == 0)));
    sink().sinkTo(rows(environment, 60_000, 15_000));
    environment.execute("failures " + seed);
    assertEquals(12, trouble.failures(), "injected failures");
    JsonNode table = lake.read(TABLE);
    Lake.assertIdsOnce(table, 60_000);
    Lake.assertFlinkSnapshots(table);
    assertTrue(table.get("snapshots").size() > 2, "checkpoints were committed: " + table.get("snapshots").size());
  }

  @Test
  void aCommitThatIsNotRememberedIsNotRepeated() throws Exception {
    ForgetfulSink.COMMITS_TO_FAIL.set(5);
    StreamExecutionEnvironment environment = Cluster.streaming(2, c -> {});
    rows(environment, 20_000, 10_000).sinkTo(new ForgetfulSink<>(sink())).uid("sink");
    environment.execute("forgetful committer");
    assertTrue(ForgetfulSink.COMMITS_TO_FAIL.get() <= 0, "every failure took place");
    JsonNode table = lake.read(TABLE);
    Lake.assertIdsOnce(table, 20_000);
    Lake.assertFlinkSnapshots(table);
    assertTrue(
        table.get("snapshots").size() <= ForgetfulSink.COMMITS.get() - 5,
        table.get("snapshots").size() + " snapshots of " + ForgetfulSink.COMMITS.get() + " commits, 5 of them repeated");
  }

  @Test
  void aSavepointGoesOnWithOtherParallelism() throws Exception {
    int count = 100_000;
    String savepoint;
    StreamExecutionEnvironment first = Cluster.streaming(2, c -> {});
    sink().sinkTo(rows(first, count, 8_000));
    JobClient job = first.executeAsync("before the savepoint");
    waitForSnapshots(3);
    savepoint =
        job.stopWithSavepoint(false, directory.resolve("savepoints").toUri().toString(), SavepointFormatType.CANONICAL)
            .get(60, TimeUnit.SECONDS);
    job.getJobExecutionResult().get(60, TimeUnit.SECONDS);
    int half = lake.read(TABLE).get("rows").size();
    assertTrue(half > 0 && half < count, "stopped in the middle, at " + half);

    for (int parallelism : new int[] {4, 1}) {
      // A restore of its own for each would append twice: the second starts where the first stopped.
      StreamExecutionEnvironment next = Cluster.restored(parallelism, savepoint);
      sink().sinkTo(rows(next, count, parallelism == 4 ? 8_000 : 0));
      JobClient restored = next.executeAsync("after the savepoint");
      if (parallelism == 4) {
        waitForSnapshots(snapshots() + 3);
        savepoint =
            restored
                .stopWithSavepoint(
                    false, directory.resolve("savepoints").toUri().toString(), SavepointFormatType.CANONICAL)
                .get(60, TimeUnit.SECONDS);
      }
      restored.getJobExecutionResult().get(60, TimeUnit.SECONDS);
    }
    JsonNode table = lake.read(TABLE);
    Lake.assertIdsOnce(table, count);
    Lake.assertFlinkSnapshots(table);
    Set<String> jobs = new HashSet<>();
    Set<String> operators = new HashSet<>();
    for (JsonNode snapshot : table.get("snapshots")) {
      jobs.add(snapshot.get("flink.job-id").asText());
      operators.add(snapshot.get("flink.operator-id").asText());
    }
    assertEquals(3, jobs.size(), "jobs that committed");
    assertEquals(1, operators.size(), "the operator's id is the name's");
  }

  /** A checkpoint that is complete, and a job that ends before it has committed it: the next job commits it for the first. */
  @Test
  void whatAnEarlierJobLeftIsCommittedUnderItsId() throws Exception {
    int count = 20_000;
    Path checkpoints = directory.resolve("checkpoints");
    ForgetfulSink.refuseCommits = true;
    StreamExecutionEnvironment first =
        Cluster.streaming(
            2,
            c -> {
              c.setString("restart-strategy.type", "none");
              c.setString("execution.checkpointing.dir", checkpoints.toUri().toString());
              c.setString("execution.checkpointing.storage", "filesystem");
              c.setString("execution.checkpointing.externalized-checkpoint-retention", "RETAIN_ON_CANCELLATION");
            });
    rows(first, count, 8_000).sinkTo(new ForgetfulSink<>(sink())).uid("sink");
    JobClient job = first.executeAsync("never commits");
    assertThrows(ExecutionException.class, () -> job.getJobExecutionResult().get(60, TimeUnit.SECONDS));
    assertEquals(0, snapshots());

    ForgetfulSink.refuseCommits = false;
    StreamExecutionEnvironment next = Cluster.restored(3, Cluster.newestCheckpoint(checkpoints));
    rows(next, count, 0).sinkTo(new ForgetfulSink<>(sink())).uid("sink");
    JobID nextJob = next.execute("commits").getJobID();
    JsonNode table = lake.read(TABLE);
    Lake.assertIdsOnce(table, count);
    Lake.assertFlinkSnapshots(table);
    assertEquals(job.getJobID().toString(), table.get("snapshots").get(0).get("flink.job-id").asText());
    int last = table.get("snapshots").size() - 1;
    assertEquals(nextJob.toString(), table.get("snapshots").get(last).get("flink.job-id").asText());
  }

  @Test
  void anOverwriteIsOneCommitThroughFailures() throws Exception {
    StreamExecutionEnvironment before = Cluster.streaming(1, c -> {});
    sink().sinkTo(rows(before, 100, 0));
    before.execute("what is replaced");
    int snapshots = snapshots();

    trouble = new Trouble(5, 3, 1000);
    StreamExecutionEnvironment environment = Cluster.streaming(2, c -> {});
    IcesinkSink overwriting = overwriting();
    overwriting.sinkTo(rows(environment, 20_000, 10_000));
    environment.execute("overwrite");
    assertEquals(3, trouble.failures(), "injected failures");
    JsonNode table = lake.read(TABLE);
    Lake.assertIdsOnce(table, 20_000);
    assertEquals(snapshots + 1, table.get("snapshots").size());

    StreamExecutionEnvironment unbounded = Cluster.streaming(1, c -> {});
    DataStream<RowData> endless =
        unbounded
            .fromSource(new NumberSequenceSource(0, 1) {
                  private static final long serialVersionUID = 1L;

                  @Override
                  public Boundedness getBoundedness() {
                    return Boundedness.CONTINUOUS_UNBOUNDED;
                  }
                }, WatermarkStrategy.noWatermarks(), "endless")
            .map(new ToRow())
            .returns(InternalTypeInfo.of(ROWS));
    IllegalStateException error = assertThrows(IllegalStateException.class, () -> overwriting.sinkTo(endless));
    assertTrue(error.getMessage().contains("has no end"), error.getMessage());
  }

  private int snapshots() throws IOException {
    try (Session session = lake.session()) {
      return new ObjectMapper().readTree(session.loadTable(TABLE)).get("metadata").path("snapshots").size();
    }
  }

  private void waitForSnapshots(int count) throws Exception {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
    while (snapshots() < count) {
      assertTrue(System.nanoTime() < deadline, "no " + count + " snapshots in a minute");
      Thread.sleep(50);
    }
  }

  private IcesinkSink overwriting() {
    return IcesinkSink.builder()
        .table(TABLE)
        .name("test")
        .rowType(ROWS)
        .settings(lake.settings())
        .overwrite(true)
        .build();
  }

  /** The job goes back to its last checkpoint, after which the input ends a second time, with nothing in it. */
  @Test
  void anOverwriteThatIsNotRememberedDoesNotEmptyTheTable() throws Exception {
    ForgetfulSink.COMMITS_TO_FAIL.set(1);
    StreamExecutionEnvironment environment = Cluster.streaming(2, c -> {});
    rows(environment, 5_000, 10_000).sinkTo(new ForgetfulSink<>(overwriting())).uid("sink");
    environment.execute("forgetful overwrite");
    assertEquals(2, ForgetfulSink.COMMITS.get(), "the commit, and its repetition");
    JsonNode table = lake.read(TABLE);
    Lake.assertIdsOnce(table, 5_000);
    assertEquals(1, table.get("snapshots").size());
  }

  @Test
  void rowsOfTheDataStreamApiAreTaken() throws Exception {
    DataType type =
        DataTypes.ROW(
            DataTypes.FIELD("id", DataTypes.BIGINT().notNull()), DataTypes.FIELD("text", DataTypes.STRING()));
    StreamExecutionEnvironment environment = Cluster.streaming(2, c -> {});
    DataStream<Row> rows =
        environment
            .fromSource(new NumberSequenceSource(0, 999), WatermarkStrategy.noWatermarks(), "numbers")
            .map(ExactlyOnceTest::row)
            .returns(ExternalTypeInfo.<Row>of(type));
    sink().sinkTo(rows, type);
    environment.execute("rows");
    JsonNode table = lake.read(TABLE);
    Lake.assertIdsOnce(table, 1000);
    for (JsonNode row : table.get("rows")) {
      assertEquals("row " + row.get("id").asLong(), row.get("text").asText());
    }
  }

  private static Row row(Long id) {
    return Row.of(id, "row " + id);
  }

  /** A catalog that takes the connection and says nothing: the tasks wait in native calls, and must not keep the job. */
  @Test
  void aJobThatWaitsForTheCatalogIsCancelled() throws Exception {
    try (ServerSocket silent = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
      StreamExecutionEnvironment environment = Cluster.streaming(2, c -> {});
      IcesinkSink.builder()
          .table(TABLE)
          .rowType(ROWS)
          .setting("catalog.type", "rest")
          .setting("catalog.uri", "http://127.0.0.1:" + silent.getLocalPort())
          .build()
          .sinkTo(rows(environment, 1000, 0));
      JobClient job = environment.executeAsync("waits");
      silent.accept();
      Thread.sleep(500);
      long start = System.nanoTime();
      job.cancel().get(30, TimeUnit.SECONDS);
      while (!job.getJobStatus().get(30, TimeUnit.SECONDS).isGloballyTerminalState()) {
        assertTrue(System.nanoTime() - start < TimeUnit.SECONDS.toNanos(10), "not cancelled in 10 s");
        Thread.sleep(20);
      }
      assertEquals(JobStatus.CANCELED, job.getJobStatus().get(30, TimeUnit.SECONDS));
    }
  }

  @Test
  void aBoundedJobWithoutCheckpointsIsOneCommit() throws Exception {
    for (String mode : new String[] {"BATCH", "STREAMING"}) {
      StreamExecutionEnvironment environment =
          Cluster.environment(2, c -> c.setString("execution.runtime-mode", mode));
      int from = mode.equals("BATCH") ? 0 : 5000;
      DataGeneratorSource<Long> source = new DataGeneratorSource<>(i -> i + from, 5000, Types.LONG);
      sink()
          .sinkTo(
              environment
                  .fromSource(source, WatermarkStrategy.noWatermarks(), "numbers")
                  .map(new ToRow())
                  .returns(InternalTypeInfo.of(ROWS)));
      environment.execute(mode);
    }
    JsonNode table = lake.read(TABLE);
    Lake.assertIdsOnce(table, 10_000);
    assertEquals(2, table.get("snapshots").size());
    Lake.assertFlinkSnapshots(table);
  }

  @Test
  void checkpointsWithoutRowsMakeNoSnapshot() throws Exception {
    StreamExecutionEnvironment environment = Cluster.streaming(2, c -> {});
    // 20 rows a second, checkpoints every 50 ms: most have nothing.
    sink().sinkTo(rows(environment, 20, 20));
    JobID job = environment.execute("slow").getJobID();
    JsonNode table = lake.read(TABLE);
    Lake.assertIdsOnce(table, 20);
    Lake.assertFlinkSnapshots(table);

    assertEquals(20, Cluster.sum(METRICS, job, "Writer", "numRecordsSend"));
    assertTrue(Cluster.sum(METRICS, job, "Writer", "numRecordsOut") >= 20);
    assertEquals(0, Cluster.sum(METRICS, job, "Writer", "numRecordsSendErrors"));
    assertEquals(0, Cluster.sum(METRICS, job, "Writer", "numRecordsOutErrors"));
    assertEquals(0, Cluster.sum(METRICS, job, "Writer", "numRecordsFailed"));
    assertTrue(Cluster.sum(METRICS, job, "Writer", "numBytesSend") > 20);
    assertTrue(Cluster.sum(METRICS, job, "Committer", "commitDuration") > 0);
    assertEquals(0, Cluster.sum(METRICS, job, "Committer", "pendingFiles"), "everything was committed");
    assertEquals(0, Cluster.sum(METRICS, job, "aggregator", "pendingFiles"), "everything went on");
    assertTrue(Cluster.sum(METRICS, job, "aggregator", "lastCheckpointSize") >= 0);
  }
}
