package org.icesink.flink;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Comparator;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.apache.flink.api.common.JobID;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.metrics.Counter;
import org.apache.flink.metrics.Gauge;
import org.apache.flink.metrics.Metric;
import org.apache.flink.metrics.MetricGroup;
import org.apache.flink.runtime.testutils.InMemoryReporter;
import org.apache.flink.runtime.testutils.MiniClusterResourceConfiguration;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.test.junit5.MiniClusterExtension;

/** A Flink cluster in this JVM, and jobs' settings by their public keys, which both lines of Flink know. */
final class Cluster {
  static final int SLOTS = 4;

  private Cluster() {}

  static MiniClusterExtension extension(InMemoryReporter reporter) {
    Configuration configuration = new Configuration();
    reporter.addToConfiguration(configuration);
    return new MiniClusterExtension(
        new MiniClusterResourceConfiguration.Builder()
            .setNumberTaskManagers(2)
            .setNumberSlotsPerTaskManager(SLOTS / 2)
            .setConfiguration(configuration)
            .build());
  }

  /** @param more further settings of the job */
  static StreamExecutionEnvironment environment(int parallelism, Consumer<Configuration> more) {
    Configuration configuration = new Configuration();
    configuration.setString("restart-strategy.type", "none");
    more.accept(configuration);
    StreamExecutionEnvironment environment =
        StreamExecutionEnvironment.getExecutionEnvironment(configuration);
    environment.setParallelism(parallelism);
    return environment;
  }

  static void checkpoints(Configuration configuration, Duration interval) {
    configuration.setString("execution.checkpointing.interval", interval.toMillis() + " ms");
    configuration.setString("execution.checkpointing.min-pause", "0 ms");
  }

  static void restarts(Configuration configuration) {
    configuration.setString("restart-strategy.type", "fixed-delay");
    configuration.setString("restart-strategy.fixed-delay.attempts", "1000");
    configuration.setString("restart-strategy.fixed-delay.delay", "10 ms");
  }

  /** Checkpoints each 50 ms, and restarts without end. */
  static StreamExecutionEnvironment streaming(int parallelism, Consumer<Configuration> more) {
    return environment(
        parallelism,
        configuration -> {
          checkpoints(configuration, Duration.ofMillis(50));
          restarts(configuration);
          more.accept(configuration);
        });
  }

  static StreamExecutionEnvironment restored(int parallelism, String savepoint) {
    return streaming(parallelism, c -> c.setString("execution.state-recovery.path", savepoint));
  }

  static String newestCheckpoint(Path checkpoints) throws IOException {
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

  /** What all subtasks of an operator have in a metric. */
  static long sum(InMemoryReporter reporter, JobID job, String operator, String name) {
    long sum = 0;
    int found = 0;
    for (Map.Entry<MetricGroup, Map<String, Metric>> group : reporter.getMetricsByGroup().entrySet()) {
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
