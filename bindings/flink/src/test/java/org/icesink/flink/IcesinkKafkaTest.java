package org.icesink.flink;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.net.httpserver.HttpServer;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.LongStream;
import org.apache.flink.api.common.JobID;
import org.apache.flink.api.common.JobStatus;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.MapFunction;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema;
import org.apache.flink.core.execution.JobClient;
import org.apache.flink.core.execution.SavepointFormatType;
import org.apache.flink.runtime.testutils.InMemoryReporter;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.SingleOutputStreamOperator;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.test.junit5.MiniClusterExtension;
import org.apache.flink.util.ExceptionUtils;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Topics of a real broker, with bad messages, through the native operator: rows and dead letters are those of the ledger. */
final class IcesinkKafkaTest {
  private static final InMemoryReporter METRICS = InMemoryReporter.createWithRetainedMetrics();

  @RegisterExtension static final MiniClusterExtension CLUSTER = Cluster.extension(METRICS);

  @TempDir static Path directory;
  private static final List<JobClient> JOBS = new ArrayList<>();
  private static HealthTopics topics;
  private static volatile Trouble trouble;

  @BeforeAll
  static void start() throws Exception {
    topics = new HealthTopics(directory);
  }

  @AfterAll
  static void stop() throws Exception {
    topics.close();
  }

  @BeforeEach
  void noTrouble() {
    trouble = new Trouble(0, 0, 1);
    ForgetfulSink.reset();
  }

  /** A job that a test leaves would keep the cluster's slots. */
  @AfterEach
  void endJobs() throws Exception {
    for (JobClient job : JOBS) {
      if (!job.getJobStatus().get(30, TimeUnit.SECONDS).isGloballyTerminalState()) {
        cancel(job);
      }
    }
    JOBS.clear();
  }

  private static JobClient submit(StreamExecutionEnvironment environment) throws Exception {
    JobClient job = environment.executeAsync();
    JOBS.add(job);
    return job;
  }

  private static void cancel(JobClient job) throws Exception {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
    job.cancel().get(30, TimeUnit.SECONDS);
    while (!job.getJobStatus().get(30, TimeUnit.SECONDS).isGloballyTerminalState()) {
      assertTrue(System.nanoTime() < deadline, "not cancelled in 10 s");
      Thread.sleep(20);
    }
    assertEquals(JobStatus.CANCELED, job.getJobStatus().get(30, TimeUnit.SECONDS));
  }

  private static String stopWithSavepoint(JobClient job) throws Exception {
    String savepoint =
        job.stopWithSavepoint(false, directory.resolve("savepoints").toUri().toString(), SavepointFormatType.CANONICAL)
            .get(60, TimeUnit.SECONDS);
    job.getJobExecutionResult().get(60, TimeUnit.SECONDS);
    return savepoint;
  }

  /** Why a job failed that its restart strategy would restart for ever. */
  private static String failure(JobClient job) {
    ExecutionException error =
        assertThrows(ExecutionException.class, () -> job.getJobExecutionResult().get(60, TimeUnit.SECONDS));
    return ExceptionUtils.stringifyException(error);
  }

  private static void assertStops(StreamExecutionEnvironment environment, String... texts) throws Exception {
    String said = failure(submit(environment));
    for (String text : texts) {
      assertTrue(said.contains(text), () -> "\"" + text + "\" is not in: " + said);
    }
  }

  // The ends of a job -------------------------------------------------------------------------------------------------

  @Test
  void aBoundedJobEndsWithTheTopicInTheTables() throws Exception {
    for (String mode : new String[] {"STREAMING", "BATCH"}) {
      HealthTopics.Topic topic = topics.create("bounded-" + mode.toLowerCase(Locale.ROOT), 3, 2000, 1);
      topic.call("produce", 0, 2000);
      StreamExecutionEnvironment environment =
          mode.equals("BATCH")
              ? Cluster.environment(2, c -> c.setString("execution.runtime-mode", "BATCH"))
              : Cluster.streaming(2, c -> {});
      topic.sink().bounded(true).build().addTo(environment);
      JobID job = environment.execute(mode).getJobID();
      topic.call("check");
      assertEquals(2000, topic.position());

      JsonNode expected = topic.call("expect");
      String writer = "icesink kafka writer";
      assertEquals(2000, Cluster.sum(METRICS, job, writer, "records"));
      assertEquals(0, Cluster.sum(METRICS, job, writer, "gaps"));
      assertEquals(expected.get("rows").asLong(), Cluster.sum(METRICS, job, writer, "rows"));
      assertEquals(expected.get("rows").asLong(), Cluster.sum(METRICS, job, writer, "numRecordsSend"));
      assertEquals(expected.get("dead_letters").asLong(), Cluster.sum(METRICS, job, writer, "deadLetters"));
      assertEquals(expected.get("dead_letters").asLong(), Cluster.sum(METRICS, job, writer, "numRecordsOutErrors"));
      assertTrue(Cluster.sum(METRICS, job, writer, "numRecordsOut") >= expected.get("rows").asLong());
      assertTrue(Cluster.sum(METRICS, job, writer, "numBytesSend") > 10_000);
      assertTrue(Cluster.sum(METRICS, job, writer, "lastCheckpointSize") >= 0);
      assertTrue(Cluster.sum(METRICS, job, "Committer", "commitDuration") > 0);
      assertEquals(0, Cluster.sum(METRICS, job, "Committer", "pendingFiles"), "everything was committed");
    }
  }

  /** A second run of a bounded job, with or without checkpoints, has what came after the first and nothing else. */
  @Test
  void runsOfABoundedJobFollowEachOther() throws Exception {
    HealthTopics.Topic topic = topics.create("runs", 2, 900, 2);
    for (int run = 0; run < 3; run++) {
      topic.call("produce", 300 * run, 300 * (run + 1));
      StreamExecutionEnvironment environment = run == 1 ? Cluster.streaming(1, c -> {}) : Cluster.environment(2, c -> {});
      topic.sink().bounded(true).build().addTo(environment);
      environment.execute();
      assertEquals(300 * (run + 1), topic.position());
    }
    // Nothing new: no commit.
    int snapshots = topic.call("snapshots").size();
    StreamExecutionEnvironment environment = Cluster.streaming(1, c -> {});
    topic.sink().bounded(true).build().addTo(environment);
    environment.execute();
    assertEquals(snapshots, topic.call("snapshots").size());
    topic.call("check");
  }

  // Failures ----------------------------------------------------------------------------------------------------------

  private static LongStream seeds() {
    return LongStream.rangeClosed(1, "1".equals(System.getenv("ICESINK_TEST_ALL")) ? 20 : 3);
  }

  private static final class Fail implements MapFunction<KafkaRecord, KafkaRecord> {
    private static final long serialVersionUID = 1L;

    @Override
    public KafkaRecord map(KafkaRecord value) {
      trouble.row();
      return value;
    }
  }

  /** The stream of a sink's source, with what fails in the middle of it. */
  private static DataStream<KafkaRecord> failing(StreamExecutionEnvironment environment, IcesinkKafka sink) {
    return environment
        .fromSource(sink.source(), WatermarkStrategy.noWatermarks(), "source")
        .uid("source")
        .map(new Fail())
        .uid("fails")
        .returns(KafkaRecord.TYPE);
  }

  @ParameterizedTest
  @MethodSource("seeds")
  void failuresLoseAndRepeatNothing(long seed) throws Exception {
    HealthTopics.Topic topic = topics.create("failures-" + seed, 5, 4000, (int) seed);
    trouble = new Trouble(seed, 8, 80);
    ForgetfulSink.COMMITS_TO_FAIL.set(3);
    StreamExecutionEnvironment environment =
        Cluster.streaming(
            3, c -> c.setString("execution.checkpointing.unaligned.enabled", Boolean.toString(seed % 2 == 0)));
    IcesinkKafka sink = topic.sink().kafkaProperty("max.poll.records", "20").build();
    sink.parts(failing(environment, sink), true).sinkTo(new ForgetfulSink<>(sink.sink())).uid("sink");
    JobClient job = submit(environment);
    for (int from = 0; from < 4000; from += 200) {
      topic.call("produce", from, from + 200);
      Thread.sleep(60);
    }
    topic.waitFor(4000);
    cancel(job);
    assertEquals(8, trouble.failures(), "injected failures");
    assertTrue(ForgetfulSink.COMMITS_TO_FAIL.get() <= 0, "commits that were not remembered");
    assertTrue(topic.call("check").get("epochs").asInt() > 5);
  }

  @Test
  void stateTheTableAndOlderState() throws Exception {
    HealthTopics.Topic topic = topics.create("stories", 4, 4000, 3);
    StreamExecutionEnvironment first = Cluster.streaming(2, c -> {});
    topic.sink().build().addTo(first);
    JobClient job = submit(first);
    topic.call("produce", 0, 1000);
    topic.waitFor(1000);
    topic.call("produce", 1000, 1300);
    String savepoint = stopWithSavepoint(job);

    // Another parallelism, so that partitions change hands.
    StreamExecutionEnvironment second = Cluster.restored(4, savepoint);
    topic.sink().build().addTo(second);
    job = submit(second);
    topic.call("produce", 1300, 2000);
    topic.waitFor(2000);
    String later = stopWithSavepoint(job);
    StreamExecutionEnvironment third = Cluster.restored(1, later);
    topic.sink().build().addTo(third);
    job = submit(third);
    topic.call("produce", 2000, 2500);
    topic.waitFor(2500);
    cancel(job);

    // Without state: where the table is.
    StreamExecutionEnvironment anew = Cluster.streaming(3, c -> {});
    topic.sink().build().addTo(anew);
    job = submit(anew);
    topic.call("produce", 2500, 3200);
    topic.waitFor(3200);
    cancel(job);

    // A state that is older than the table has nothing to say, but where it happens to come to the same place.
    topic.call("produce", 3200, 3600);
    StreamExecutionEnvironment rewound = Cluster.restored(2, savepoint);
    topic.sink().build().addTo(rewound);
    assertStops(
        rewound,
        "sink health is at offset",
        "another writer has moved the position, or this one went back to an older state");
    assertEquals(3200, topic.position());

    // Nor has the program any difficulty to go on where the job was, and the job after it.
    topic.call("program");
    assertEquals(3600, topic.position());
    topic.call("produce", 3600, 4000);
    StreamExecutionEnvironment last = Cluster.streaming(2, c -> {});
    topic.sink().bounded(true).build().addTo(last);
    last.execute();
    topic.call("check");
  }

  /** A checkpoint that is complete, and a job that ends before it has committed it: the next job commits it for the first. */
  @Test
  void whatAnEarlierJobLeftIsCommitted() throws Exception {
    HealthTopics.Topic topic = topics.create("left", 3, 1000, 4);
    Path checkpoints = directory.resolve("checkpoints-left");
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
    IcesinkKafka sink = topic.sink().build();
    topic.call("produce", 0, 500);
    sink.parts(failing(first, sink), true).sinkTo(new ForgetfulSink<>(sink.sink())).uid("sink");
    assertStops(first, "injected failure before a commit");
    assertEquals(0, topic.position());

    ForgetfulSink.refuseCommits = false;
    StreamExecutionEnvironment next = Cluster.restored(3, Cluster.newestCheckpoint(checkpoints));
    sink.parts(failing(next, sink), true).sinkTo(new ForgetfulSink<>(sink.sink())).uid("sink");
    JobClient job = submit(next);
    topic.call("produce", 500, 1000);
    topic.waitFor(1000);
    cancel(job);
    topic.call("check");
  }

  @Test
  void partitionsThatAreAddedBeginAtTheirFirstRecord() throws Exception {
    HealthTopics.Topic topic = topics.generate("grows", 5, 2000, 5);
    topic.call("create", 2);
    topic.call("produce_partitions", List.of(0, 1));
    StreamExecutionEnvironment environment = Cluster.streaming(2, c -> {});
    // Only what is there at the start begins at the end; there is nothing then.
    topic.sink().build().addTo(environment);
    JobClient job = submit(environment);
    JsonNode ends = topic.call("ends", 5);
    long there = ends.get(0).asLong() + ends.get(1).asLong();
    topic.waitFor(there);
    topic.call("add_partitions", 4);
    topic.call("produce_partitions", List.of(2, 3));
    there += ends.get(2).asLong() + ends.get(3).asLong();
    topic.waitFor(there);
    cancel(job);

    // And while no job runs.
    topic.call("add_partitions", 5);
    topic.call("produce_partitions", List.of(4));
    StreamExecutionEnvironment anew = Cluster.streaming(2, c -> {});
    topic.sink().start(IcesinkKafka.Start.LATEST).bounded(true).build().addTo(anew);
    anew.execute();
    topic.call("check");
  }

  /** A partition of which no record came has its place in the state all the same. */
  @Test
  void quietPartitionsSurviveInState() throws Exception {
    HealthTopics.Topic topic = topics.create("quiet", 4, 2000, 6);
    topic.call("produce_partitions", List.of(0, 1, 2));
    StreamExecutionEnvironment first = Cluster.streaming(4, c -> {});
    topic.sink().build().addTo(first);
    JobClient job = submit(first);
    JsonNode ends = topic.call("ends", 4);
    topic.waitFor(ends.get(0).asLong() + ends.get(1).asLong() + ends.get(2).asLong());
    String savepoint = stopWithSavepoint(job);
    for (int parallelism : new int[] {1, 3}) {
      StreamExecutionEnvironment between = Cluster.restored(parallelism, savepoint);
      topic.sink().build().addTo(between);
      job = submit(between);
      Thread.sleep(500);
      savepoint = stopWithSavepoint(job);
    }
    topic.call("produce_partitions", List.of(3));
    StreamExecutionEnvironment last = Cluster.restored(2, savepoint);
    topic.sink().build().addTo(last);
    job = submit(last);
    topic.waitFor(2000);
    cancel(job);
    topic.call("check");
  }

  // Where a job begins ------------------------------------------------------------------------------------------------

  private static void run(IcesinkKafka sink) throws Exception {
    StreamExecutionEnvironment environment = Cluster.streaming(2, c -> {});
    sink.addTo(environment);
    environment.execute();
  }

  private static StreamExecutionEnvironment job(IcesinkKafka sink) {
    StreamExecutionEnvironment environment = Cluster.streaming(2, c -> {});
    sink.addTo(environment);
    return environment;
  }

  @Test
  void recordsThatWereRemovedStopTheJobOrAreCounted() throws Exception {
    HealthTopics.Topic topic = topics.create("gap", 2, 600, 7);
    topic.call("produce", 0, 200);
    run(topic.sink().bounded(true).build());
    topic.call("produce", 200, 600);
    topic.call("delete_records", 1, 150);
    assertStops(
        job(topic.sink().build()),
        "topic gap, partition 1: the table's position is 100, the log begins at 150; 50 records were removed before they"
            + " were read; set on_gap: skip");
    assertEquals(200, topic.position());
    run(topic.sink().setting("on_gap", "skip").bounded(true).build());
    assertEquals(600, topic.position());
    assertEquals(550, topic.call("audit").get("records").asInt());
  }

  @Test
  void aTopicThatWasRecreatedStopsTheJobUntilTheProgramCorrects() throws Exception {
    HealthTopics.Topic topic = topics.create("recreated", 3, 600, 8);
    topic.call("produce", 0, 300);
    run(topic.sink().bounded(true).build());
    topic.call("recreate", 2);
    String byProgram = "icesink run --until-end with it, once";
    assertStops(job(topic.sink().build()), "topic recreated has no partition 2", "position is 100", byProgram);
    topic.call("recreate", 3);
    assertStops(
        job(topic.sink().build()), "the table's position is 100, the log ends at 0", "was recreated", byProgram);
    topic.call("program", "--on_reset=earliest");
    topic.call("produce", 0, 300);
    run(topic.sink().bounded(true).build());
    assertEquals(300, topic.position());
    topic.call("audit");
  }

  @Test
  void aTableThatWasRolledBackStopsTheJobUntilTheProgramCorrects() throws Exception {
    HealthTopics.Topic topic = topics.create("rolled-back", 2, 900, 15);
    for (int run = 0; run < 2; run++) {
      topic.call("produce", 300 * run, 300 * (run + 1));
      run(topic.sink().bounded(true).build());
    }
    topic.call("roll_back");
    topic.call("produce", 600, 900);
    assertStops(job(topic.sink().build()), "table health_db.health_data_raw was rolled back", "on_rollback");
    topic.call("program", "--on_rollback=rewind");
    topic.call("check");
  }

  @Test
  void aSinkWithoutAPositionBeginsWhereItIsTold() throws Exception {
    HealthTopics.Topic topic = topics.create("latest", 2, 600, 9);
    topic.call("produce", 0, 200);
    JobClient job = submit(job(topic.sink().start(IcesinkKafka.Start.LATEST).build()));
    while (job.getJobStatus().get(10, TimeUnit.SECONDS) != JobStatus.RUNNING) {
      Thread.sleep(20);
    }
    Thread.sleep(1500);
    topic.call("produce", 200, 600);
    topic.waitFor(600);
    cancel(job);
    assertEquals(400, topic.call("audit").get("records").asInt());
    // From here on the table's position counts, whatever is said.
    run(topic.sink().start(IcesinkKafka.Start.EARLIEST).bounded(true).build());
    assertEquals(400, topic.call("audit").get("records").asInt());

    HealthTopics.Topic committed = topics.create("committed", 2, 600, 9);
    committed.call("produce", 0, 600);
    run(committed.sink().bounded(true).start(IcesinkKafka.Start.COMMITTED).build());
    committed.call("check");
  }

  // Sources of the job's own ------------------------------------------------------------------------------------------

  @SuppressWarnings("unchecked")
  private static DataStream<KafkaRecord> own(
      StreamExecutionEnvironment environment, HealthTopics.Topic topic, OffsetsInitializer start) throws Exception {
    KafkaSource<KafkaRecord> source =
        KafkaSource.<KafkaRecord>builder()
            .setBootstrapServers(topics.broker())
            .setTopics(topic.name())
            .setGroupId("own")
            .setStartingOffsets(start)
            .setDeserializer((KafkaRecordDeserializationSchema<KafkaRecord>) KafkaRecords.deserializer())
            .setBounded(OffsetsInitializer.latest())
            .build();
    return environment.fromSource(source, WatermarkStrategy.noWatermarks(), "own").uid("own");
  }

  @Test
  void aSourceOfTheJobsOwnHasToBeginAtThePosition() throws Exception {
    HealthTopics.Topic topic = topics.create("own", 1, 900, 10);
    topic.call("produce", 0, 300);
    StreamExecutionEnvironment first = Cluster.streaming(1, c -> {});
    topic.sink().build().sinkTo(own(first, topic, OffsetsInitializer.earliest()));
    first.execute();
    assertEquals(300, topic.position());

    StreamExecutionEnvironment behind = Cluster.streaming(1, c -> {});
    topic.sink().build().sinkTo(own(behind, topic, OffsetsInitializer.earliest()));
    assertStops(
        behind,
        "topic own, partition 0: the source begins at offset 0",
        "health in table health_db.health_data_raw is 300");
    topic.call("produce", 300, 600);
    StreamExecutionEnvironment ahead = Cluster.streaming(1, c -> {});
    topic.sink().build().sinkTo(own(ahead, topic, OffsetsInitializer.offsets(Map.of(
        new TopicPartition("own", 0), 400L))));
    assertStops(ahead, "the source begins at offset 400", "is 300", "sourceStartsAtPosition(true)");
    assertEquals(300, topic.position());

    StreamExecutionEnvironment right = Cluster.streaming(1, c -> {});
    topic.sink().build().sinkTo(own(right, topic, OffsetsInitializer.offsets(Map.of(
        new TopicPartition("own", 0), 300L))));
    right.execute();
    topic.call("produce", 600, 900);
    StreamExecutionEnvironment promised = Cluster.streaming(1, c -> {});
    IcesinkKafka sink = topic.sink().sourceStartsAtPosition(true).bounded(true).build();
    sink.sinkTo(promised.fromSource(sink.source(), WatermarkStrategy.noWatermarks(), "its"));
    promised.execute();
    topic.call("check");
  }

  // What is refused ---------------------------------------------------------------------------------------------------

  @Test
  void whatExactlyOnceDoesNotGoWithIsRefused() throws Exception {
    HealthTopics.Topic topic = topics.generate("refused", 1, 10, 11);
    for (String[] property :
        new String[][] {
          {"enable.auto.commit", "true"}, {"isolation.level", "read_uncommitted"}, {"auto.offset.reset", "latest"}
        }) {
      IllegalArgumentException error =
          assertThrows(
              IllegalArgumentException.class, () -> topic.sink().kafkaProperty(property[0], property[1]).build());
      assertTrue(error.getMessage().contains(property[0]), error.getMessage());
      assertTrue(error.getMessage().contains("is refused"), error.getMessage());
    }
    topic.sink().kafkaProperty("enable.auto.commit", "false").build();
    assertEquals(
        "INVALID_ARGUMENT",
        assertThrows(IcesinkException.class, () -> topic.sink().setting("name", "").build()).status());
    assertThrows(
        IllegalArgumentException.class,
        () -> topic.sink().setting("source.kafka.topics", "").build().source());

    List<String> refusals = new ArrayList<>();
    IcesinkKafka sink = topic.sink().build();
    StreamExecutionEnvironment environment = Cluster.streaming(2, c -> {});
    DataStream<KafkaRecord> records = failing(environment, sink);
    for (DataStream<KafkaRecord> stream :
        List.of(
            records.rebalance(),
            records.keyBy(KafkaRecord::offset).map(new Fail()).returns(KafkaRecord.TYPE),
            records.union(failing(environment, sink)),
            records.map(new Fail()).returns(KafkaRecord.TYPE).setParallelism(1))) {
      refusals.add(assertThrows(IllegalArgumentException.class, () -> sink.sinkTo(stream)).getMessage());
    }
    refusals.forEach(text -> assertTrue(text.contains("redistributes"), text));
    sink.sinkTo(records.forward());

    // A parallelism that changes later is seen by Flink.
    StreamExecutionEnvironment later = Cluster.streaming(2, c -> {});
    SingleOutputStreamOperator<KafkaRecord> source =
        later.fromSource(sink.source(), WatermarkStrategy.noWatermarks(), "source");
    sink.sinkTo(source);
    source.setParallelism(1);
    String text = assertThrows(UnsupportedOperationException.class, later::getStreamGraph).getMessage();
    assertTrue(text.contains("Forward partitioning does not allow change of parallelism"), text);
  }

  @Test
  void missingTablesAreNamed() throws Exception {
    HealthTopics.Topic topic = topics.create("missing", 1, 10, 12);
    topic.call("produce", 0, 10);
    StreamExecutionEnvironment environment =
        Cluster.streaming(1, c -> c.setString("restart-strategy.type", "none"));
    topic.sink().setting("tables.dead_letters", "health_db.none").build().addTo(environment);
    assertStops(environment, "NOT_FOUND: Table does not exist: health_db.none");
  }

  // Waiting -----------------------------------------------------------------------------------------------------------

  /** What cannot be decoded for now holds the source back, and fails nothing. */
  @Test
  void aRegistryThatIsAwayHoldsTheSourceBack() throws Exception {
    HealthTopics.Topic topic = topics.create("registry", 2, 500, 13);
    topic.call("produce", 0, 500);
    String schema = Files.readString(directory.resolve("registry/kafka/schemas/1.avsc"));
    byte[] answer =
        ("{\"schema\": " + new ObjectMapper().writeValueAsString(schema) + "}")
            .getBytes(StandardCharsets.UTF_8);
    AtomicInteger refusals = new AtomicInteger(12);
    HttpServer registry = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    registry.createContext(
        "/",
        exchange -> {
          boolean known = exchange.getRequestURI().getPath().endsWith("/1");
          if (refusals.getAndDecrement() > 0) {
            exchange.sendResponseHeaders(503, -1);
          } else if (known) {
            exchange.sendResponseHeaders(200, answer.length);
            exchange.getResponseBody().write(answer);
          } else {
            byte[] none = "{\"error_code\": 40403, \"message\": \"no such schema\"}".getBytes(StandardCharsets.UTF_8);
            exchange.sendResponseHeaders(404, none.length);
            exchange.getResponseBody().write(none);
          }
          exchange.close();
        });
    registry.start();
    try {
      StreamExecutionEnvironment environment =
          Cluster.streaming(2, c -> c.setString("restart-strategy.type", "none"));
      topic
          .sink()
          .setting("source.decode.registry", "http://127.0.0.1:" + registry.getAddress().getPort())
          .bounded(true)
          .build()
          .addTo(environment);
      environment.execute();
    } finally {
      registry.stop(0);
    }
    assertTrue(refusals.get() < 0, "every refusal took place");
    topic.call("check");
  }

  @Test
  void aJobThatWaitsForItsCatalogIsCancelled() throws Exception {
    HealthTopics.Topic topic = topics.create("silent", 1, 10, 14);
    topic.call("produce", 0, 10);
    try (ServerSocket silent = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
      JobClient job =
          submit(
              job(
                  topic
                      .sink()
                      .setting("catalog.type", "rest")
                      .setting("catalog.uri", "http://127.0.0.1:" + silent.getLocalPort())
                      .build()));
      silent.accept();
      Thread.sleep(500);
      cancel(job);
    }
  }
}
