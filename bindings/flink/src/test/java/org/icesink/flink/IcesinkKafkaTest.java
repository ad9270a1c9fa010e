package org.icesink.flink;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.time.Duration;
import java.util.function.Consumer;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.runtime.testutils.InMemoryReporter;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.test.junit5.MiniClusterExtension;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** Topics of a real broker, with bad messages, through the native operator: rows and dead letters are those of the ledger. */
final class IcesinkKafkaTest {
  private static final InMemoryReporter METRICS = InMemoryReporter.createWithRetainedMetrics();

  @RegisterExtension static final MiniClusterExtension CLUSTER = Cluster.extension(METRICS);

  @TempDir static Path directory;
  private static HealthTopics topics;

  @BeforeAll
  static void start() throws Exception {
    topics = new HealthTopics(directory);
  }

  @AfterAll
  static void stop() throws Exception {
    topics.close();
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

  @Test
  void aBoundedJobEndsWithTheTopicInTheTables() throws Exception {
    for (String mode : new String[] {"STREAMING", "BATCH"}) {
      HealthTopics.Topic topic = topics.create("bounded-" + mode.toLowerCase(), 3, 2000, 1);
      topic.call("produce", 0, 2000);
      StreamExecutionEnvironment environment =
          mode.equals("BATCH")
              ? Cluster.environment(2, c -> c.setString("execution.runtime-mode", "BATCH"))
              : streaming(2, c -> {});
      topic.sink().bounded(true).build().addTo(environment);
      environment.execute(mode);
      JsonNode found = topic.call("check");
      assertTrue(found.get("epochs").asInt() >= 1, found.toString());
      assertEquals(2000, topic.position());
    }
  }
}
