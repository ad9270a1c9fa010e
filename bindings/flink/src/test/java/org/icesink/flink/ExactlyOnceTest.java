package org.icesink.flink;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashSet;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.apache.flink.api.common.JobID;
import org.apache.flink.api.common.JobStatus;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.MapFunction;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.connector.sink2.Committer;
import org.apache.flink.api.connector.sink2.CommitterInitContext;
import org.apache.flink.api.connector.sink2.SupportsCommitter;
import org.apache.flink.api.connector.sink2.WriterInitContext;
import org.apache.flink.api.connector.source.Boundedness;
import org.apache.flink.api.connector.source.lib.NumberSequenceSource;
import org.apache.flink.api.connector.source.util.ratelimit.RateLimiterStrategy;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.connector.datagen.source.DataGeneratorSource;
import org.apache.flink.core.execution.JobClient;
import org.apache.flink.core.execution.SavepointFormatType;
import org.apache.flink.core.io.SimpleVersionedSerializer;
import org.apache.flink.metrics.Counter;
import org.apache.flink.metrics.Gauge;
import org.apache.flink.metrics.Metric;
import org.apache.flink.metrics.MetricGroup;
import org.apache.flink.runtime.testutils.InMemoryReporter;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.flink.streaming.api.connector.sink2.CommittableMessage;
import org.apache.flink.streaming.api.connector.sink2.SupportsPreCommitTopology;
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
import org.apache.flink.util.IOUtils;
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

  /** What the parts of the job that runs, all in this JVM, agree on. */
  private static final class Trouble {
    private static final int ROWS_BETWEEN_MIN = 1000;
    private final Random random;
    private final int failuresMax;
    private int failures;
    private int rowsToNext;

    Trouble(long seed, int failuresMax) {
      this.random = new Random(seed);
      this.failuresMax = failuresMax;
      this.rowsToNext = next();
    }

    private int next() {
      return ROWS_BETWEEN_MIN + random.nextInt(5000);
    }

    synchronized void row() {
      if (failures < failuresMax && --rowsToNext == 0) {
        failures++;
        rowsToNext = next();
        throw new IllegalStateException("injected failure " + failures);
      }
    }
  }

  private static volatile Trouble trouble;
  private static final AtomicInteger COMMITS_TO_FAIL = new AtomicInteger();
  private static final AtomicInteger COMMITS = new AtomicInteger();
  private static volatile boolean refuseCommits;

  @TempDir Path directory;
  private Lake lake;

  @BeforeEach
  void makeTable() throws IcesinkException {
    trouble = new Trouble(0, 0);
    COMMITS_TO_FAIL.set(0);
    COMMITS.set(0);
    refuseCommits = false;
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

  private static StreamExecutionEnvironment streaming(int parallelism, Consumer<Configuration> more) {
    return Cluster.environment(
        parallelism,
        configuration -> {
          Cluster.checkpoints(configuration, Duration.ofMillis(50));
          Cluster.restarts(configuration);
          more.accept(configuration);
        });
  }

  private static LongStream seeds() {
    return LongStream.rangeClosed(1, "1".equals(System.getenv("ICESINK_TEST_ALL")) ? 30 : 3);
  }

  @ParameterizedTest
  @MethodSource("seeds")
  void failuresLoseAndRepeatNothing(long seed) throws Exception {
    trouble = new Trouble(seed, 12);
    StreamExecutionEnvironment environment =
        streaming(
            3, c -> c.setString("execution.checkpointing.unaligned.enabled", Boolean.toString(seed % 2 == 0)));
    sink().sinkTo(rows(environment, 60_000, 15_000));
    environment.execute("failures " + seed);
    assertEquals(12, trouble.failures, "injected failures");
    JsonNode table = lake.read(TABLE);
    Lake.assertIdsOnce(table, 60_000);
    Lake.assertFlinkSnapshots(table);
    assertTrue(table.get("snapshots").size() > 2, "checkpoints were committed: " + table.get("snapshots").size());
  }

  /** The same sink with a committer that fails after it has committed, as a process may that dies before it says so. */
  private static final class ForgetfulSink extends FlinkLine.BaseSink<RowData>
      implements SupportsCommitter<IcesinkCommittable>, SupportsPreCommitTopology<WriteResult, IcesinkCommittable> {
    private static final long serialVersionUID = 1L;
    private final IcesinkSink sink;

    ForgetfulSink(IcesinkSink sink) {
      this.sink = sink;
    }

    @Override
    public IcesinkSinkWriter createWriter(WriterInitContext context) throws IOException {
      return sink.createWriter(context);
    }

    @Override
    public Committer<IcesinkCommittable> createCommitter(CommitterInitContext context) {
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

  @Test
  void aCommitThatIsNotRememberedIsNotRepeated() throws Exception {
    COMMITS_TO_FAIL.set(5);
    StreamExecutionEnvironment environment = streaming(2, c -> {});
    rows(environment, 20_000, 10_000).sinkTo(new ForgetfulSink(sink())).uid("sink");
    environment.execute("forgetful committer");
    assertTrue(COMMITS_TO_FAIL.get() <= 0, "every failure took place");
    JsonNode table = lake.read(TABLE);
    Lake.assertIdsOnce(table, 20_000);
    Lake.assertFlinkSnapshots(table);
    assertTrue(
        table.get("snapshots").size() <= COMMITS.get() - 5,
        table.get("snapshots").size() + " snapshots of " + COMMITS.get() + " commits, 5 of them repeated");
  }

  @Test
  void aSavepointGoesOnWithOtherParallelism() throws Exception {
    int count = 100_000;
    String savepoint;
    StreamExecutionEnvironment first = streaming(2, c -> {});
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
      StreamExecutionEnvironment next = restored(parallelism, savepoint);
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
    refuseCommits = true;
    StreamExecutionEnvironment first =
        streaming(
            2,
            c -> {
              c.setString("restart-strategy.type", "none");
              c.setString("execution.checkpointing.dir", checkpoints.toUri().toString());
              c.setString("execution.checkpointing.storage", "filesystem");
              c.setString("execution.checkpointing.externalized-checkpoint-retention", "RETAIN_ON_CANCELLATION");
            });
    rows(first, count, 8_000).sinkTo(new ForgetfulSink(sink())).uid("sink");
    JobClient job = first.executeAsync("never commits");
    assertThrows(ExecutionException.class, () -> job.getJobExecutionResult().get(60, TimeUnit.SECONDS));
    assertEquals(0, snapshots());

    refuseCommits = false;
    StreamExecutionEnvironment next = restored(3, newestCheckpoint(checkpoints));
    rows(next, count, 0).sinkTo(new ForgetfulSink(sink())).uid("sink");
    JobID nextJob = next.execute("commits").getJobID();
    JsonNode table = lake.read(TABLE);
    Lake.assertIdsOnce(table, count);
    Lake.assertFlinkSnapshots(table);
    assertEquals(job.getJobID().toString(), table.get("snapshots").get(0).get("flink.job-id").asText());
    int last = table.get("snapshots").size() - 1;
    assertEquals(nextJob.toString(), table.get("snapshots").get(last).get("flink.job-id").asText());
  }

  private static String newestCheckpoint(Path checkpoints) throws IOException {
    try (Stream<Path> files = Files.walk(checkpoints)) {
      return files
          .filter(file -> file.endsWith("_metadata"))
          .map(Path::getParent)
          .max(Comparator.comparingInt(d -> Integer.parseInt(d.getFileName().toString().substring("chk-".length()))))
          .orElseThrow()
          .toUri()
          .toString();
    }
  }

  @Test
  void anOverwriteIsOneCommitThroughFailures() throws Exception {
    StreamExecutionEnvironment before = streaming(1, c -> {});
    sink().sinkTo(rows(before, 100, 0));
    before.execute("what is replaced");
    int snapshots = snapshots();

    trouble = new Trouble(5, 3);
    StreamExecutionEnvironment environment = streaming(2, c -> {});
    IcesinkSink overwriting = overwriting();
    overwriting.sinkTo(rows(environment, 20_000, 10_000));
    environment.execute("overwrite");
    assertEquals(3, trouble.failures, "injected failures");
    JsonNode table = lake.read(TABLE);
    Lake.assertIdsOnce(table, 20_000);
    assertEquals(snapshots + 1, table.get("snapshots").size());

    StreamExecutionEnvironment unbounded = streaming(1, c -> {});
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

  private static StreamExecutionEnvironment restored(int parallelism, String savepoint) {
    return streaming(parallelism, c -> c.setString("execution.state-recovery.path", savepoint));
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
    COMMITS_TO_FAIL.set(1);
    StreamExecutionEnvironment environment = streaming(2, c -> {});
    rows(environment, 5_000, 10_000).sinkTo(new ForgetfulSink(overwriting())).uid("sink");
    environment.execute("forgetful overwrite");
    assertEquals(2, COMMITS.get(), "the commit, and its repetition");
    JsonNode table = lake.read(TABLE);
    Lake.assertIdsOnce(table, 5_000);
    assertEquals(1, table.get("snapshots").size());
  }

  @Test
  void rowsOfTheDataStreamApiAreTaken() throws Exception {
    DataType type =
        DataTypes.ROW(
            DataTypes.FIELD("id", DataTypes.BIGINT().notNull()), DataTypes.FIELD("text", DataTypes.STRING()));
    StreamExecutionEnvironment environment = streaming(2, c -> {});
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
      StreamExecutionEnvironment environment = streaming(2, c -> {});
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
    StreamExecutionEnvironment environment = streaming(2, c -> {});
    // 20 rows a second, checkpoints every 50 ms: most have nothing.
    sink().sinkTo(rows(environment, 20, 20));
    JobID job = environment.execute("slow").getJobID();
    JsonNode table = lake.read(TABLE);
    Lake.assertIdsOnce(table, 20);
    Lake.assertFlinkSnapshots(table);

    assertEquals(20, sum(job, "Writer", "numRecordsSend"));
    assertTrue(sum(job, "Writer", "numRecordsOut") >= 20);
    assertEquals(0, sum(job, "Writer", "numRecordsSendErrors"));
    assertEquals(0, sum(job, "Writer", "numRecordsOutErrors"));
    assertEquals(0, sum(job, "Writer", "numRecordsFailed"));
    assertTrue(sum(job, "Writer", "numBytesSend") > 20);
    assertTrue(sum(job, "Committer", "commitDuration") > 0);
    assertEquals(0, sum(job, "Committer", "pendingFiles"), "everything was committed");
    assertEquals(0, sum(job, "aggregator", "pendingFiles"), "everything went on");
    assertTrue(sum(job, "aggregator", "lastCheckpointSize") >= 0);
  }

  /** What all subtasks of an operator have in a metric. */
  private static long sum(JobID job, String operator, String name) {
    long sum = 0;
    int found = 0;
    for (Map.Entry<MetricGroup, Map<String, Metric>> group : METRICS.getMetricsByGroup().entrySet()) {
      Map<String, String> variables = group.getKey().getAllVariables();
      Metric metric = group.getValue().get(name);
      if (metric != null
          && job.toString().equals(variables.get("<job_id>"))
          && variables.getOrDefault("<operator_name>", "").endsWith(operator)) {
        found++;
        sum +=
            metric instanceof Counter
                ? ((Counter) metric).getCount()
                : ((Number) ((Gauge<?>) metric).getValue()).longValue();
      }
    }
    assertTrue(found > 0, "no metric " + name + " of " + operator);
    return sum;
  }
}
