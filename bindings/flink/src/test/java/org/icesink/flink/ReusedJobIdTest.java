package org.icesink.flink;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.time.Duration;
import java.util.HashSet;
import java.util.Set;
import org.apache.flink.api.common.JobID;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.connector.source.util.ratelimit.RateLimiterStrategy;
import org.apache.flink.connector.datagen.source.DataGeneratorSource;
import org.apache.flink.runtime.minicluster.MiniCluster;
import org.apache.flink.runtime.minicluster.MiniClusterConfiguration;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.table.api.DataTypes;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.runtime.typeutils.InternalTypeInfo;
import org.apache.flink.table.types.logical.RowType;
import org.apache.flink.util.ExceptionUtils;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Clusters that give each of their jobs the same id, as those of one job in high availability do: checkpoints begin at 1 again, and
 * must not pass for those of the table's token.
 */
final class ReusedJobIdTest {
  private static final String TABLE = "db.numbers";
  private static final JobID JOB = JobID.fromHexString("00000000000000000000000000000abc");
  private static final RowType ROWS =
      (RowType) DataTypes.ROW(DataTypes.FIELD("id", DataTypes.BIGINT().notNull())).getLogicalType();

  @TempDir Path directory;

  private void run(Lake lake, boolean checkpoints, int from, int count) throws Exception {
    StreamExecutionEnvironment environment =
        Cluster.environment(
            2,
            configuration -> {
              Cluster.restarts(configuration);
              if (checkpoints) {
                Cluster.checkpoints(configuration, Duration.ofMillis(50));
              }
            });
    DataGeneratorSource<Long> source =
        new DataGeneratorSource<>(i -> i + from, count, RateLimiterStrategy.perSecond(4000), Types.LONG);
    IcesinkSink.builder()
        .table(TABLE)
        .rowType(ROWS)
        .settings(lake.settings())
        .build()
        .sinkTo(
            environment
                .fromSource(source, WatermarkStrategy.noWatermarks(), "numbers")
                .map(id -> (RowData) GenericRowData.of(id))
                .returns(InternalTypeInfo.of(ROWS)));
    try (MiniCluster cluster =
        new MiniCluster(
            new MiniClusterConfiguration.Builder().setNumTaskManagers(1).setNumSlotsPerTaskManager(2).build())) {
      cluster.start();
      cluster.executeJobBlocking(
          environment.getStreamGraph().getJobGraph(getClass().getClassLoader(), JOB));
    }
  }

  @Test
  void itsCommitsAreItsOwn() throws Exception {
    Lake lake = new Lake(directory);
    lake.createTable(TABLE, ROWS);
    run(lake, true, 0, 2000);
    int first = lake.read(TABLE).get("snapshots").size();
    run(lake, true, 2000, 4000);
    JsonNode table = lake.read(TABLE);
    Lake.assertIdsOnce(table, 6000);
    assertTrue(table.get("snapshots").size() > first, "the second run committed");
    Set<String> jobs = new HashSet<>();
    table.get("snapshots").forEach(snapshot -> jobs.add(snapshot.get("flink.job-id").asText()));
    assertEquals(Set.of(JOB.toString()), jobs);

    // Without checkpoints nothing tells a run's own commit from that of an earlier run: said, not guessed.
    Exception error = assertThrows(Exception.class, () -> run(lake, false, 6000, 10));
    String text = ExceptionUtils.stringifyException(error);
    assertTrue(text.contains("ALREADY_EXISTS") && text.contains(JOB.toString()), text);
    Lake.assertIdsOnce(lake.read(TABLE), 6000);
  }
}
