package org.icesink.flink;

import java.time.Duration;
import java.util.function.Consumer;
import org.apache.flink.configuration.Configuration;
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
}
