package org.icesink.flink;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.flink.api.connector.sink2.Committer.CommitRequest;
import org.apache.flink.metrics.groups.UnregisteredMetricsGroup;
import org.apache.flink.runtime.execution.SuppressRestartsException;
import org.junit.jupiter.api.Test;

/** What the committer does with each kind of error, on a table that is a list of the numbers appended. */
final class IcesinkCommitterTest {
  private static final int RETRYABLE = 1;

  private final List<Long> table = new ArrayList<>();
  private final Map<Long, IcesinkException> errors = new HashMap<>();
  private final IcesinkCommitter committer =
      new IcesinkCommitter(
          new IcesinkCommitter.Appender() {
            @Override
            public boolean append(IcesinkCommittable committable) throws IcesinkException {
              IcesinkException error = errors.get(committable.number());
              if (error != null) {
                throw error;
              }
              // As the table does: a number that is not above the highest counts as done.
              if (!table.isEmpty() && table.get(table.size() - 1) >= committable.number()) {
                return false;
              }
              table.add(committable.number());
              return true;
            }

            @Override
            public void close() {}
          },
          new UnregisteredMetricsGroup());

  private static final class Request implements CommitRequest<IcesinkCommittable> {
    private final IcesinkCommittable committable;
    private String outcome = "committed";

    Request(String jobId, long number) {
      committable = new IcesinkCommittable("sink", jobId, "operator", number, number, false, List.of(), 0);
    }

    @Override
    public IcesinkCommittable getCommittable() {
      return committable;
    }

    @Override
    public int getNumberOfRetries() {
      return 0;
    }

    @Override
    public void signalFailedWithKnownReason(Throwable t) {
      outcome = "dropped";
    }

    @Override
    public void signalFailedWithUnknownReason(Throwable t) {
      outcome = "dropped";
    }

    @Override
    public void retryLater() {
      outcome = "later";
    }

    @Override
    public void updateAndRetryLater(IcesinkCommittable committable) {
      outcome = "changed";
    }

    @Override
    public void signalAlreadyCommitted() {
      outcome = "before";
    }
  }

  private static IcesinkException error(String status, int flags) {
    return new IcesinkException(
        status.getBytes(StandardCharsets.UTF_8), "injected".getBytes(StandardCharsets.UTF_8), flags, 0);
  }

  private List<String> commit(Request... requests) throws Exception {
    committer.commit(Arrays.asList(requests));
    List<String> outcomes = new ArrayList<>();
    for (Request request : requests) {
      outcomes.add(request.outcome);
    }
    return outcomes;
  }

  @Test
  void commitsInTheOrderOfNumbers() throws Exception {
    assertEquals(List.of("committed", "committed"), commit(new Request("job", 2), new Request("job", 1)));
    assertEquals(List.of(1L, 2L), table);
    assertEquals(List.of("before"), commit(new Request("job", 2)));
    assertEquals(List.of(1L, 2L), table);
  }

  @Test
  void whatMaySucceedLaterIsRetried() throws Exception {
    errors.put(1L, error("IO", RETRYABLE));
    assertEquals(List.of("later"), commit(new Request("job", 1)));
    errors.put(1L, error("COMMIT_UNKNOWN", 0));
    assertEquals(List.of("later"), commit(new Request("job", 1)));
    errors.clear();
    assertEquals(List.of("committed"), commit(new Request("job", 1)));
  }

  /** A number above that of a commit which is not decided would silence it. */
  @Test
  void nothingOvertakesACommitThatIsRetried() throws Exception {
    errors.put(1L, error("COMMIT_UNKNOWN", 0));
    assertEquals(List.of("later", "later"), commit(new Request("job", 1), new Request("job", 2)));
    assertEquals(List.of("later"), commit(new Request("job", 3)));
    assertEquals(List.of("committed"), commit(new Request("other", 9)), "another writer's numbers are its own");
    table.clear();
    errors.clear();
    assertEquals(List.of("committed", "committed"), commit(new Request("job", 1), new Request("job", 2)));
    assertEquals(List.of("committed"), commit(new Request("job", 3)));
    assertEquals(List.of(1L, 2L, 3L), table);
  }

  @Test
  void otherErrorsFailTheJob() {
    errors.put(1L, error("NOT_FOUND", 0));
    Request request = new Request("job", 1);
    assertEquals("NOT_FOUND", assertThrows(IcesinkException.class, () -> commit(request)).status());
  }

  @Test
  void aPolicyEndsTheJobForGood() {
    errors.put(1L, IcesinkException.policy("moved"));
    SuppressRestartsException error =
        assertThrows(SuppressRestartsException.class, () -> commit(new Request("job", 1)));
    assertEquals("INVALID_STATE: moved", error.getCause().getMessage());
  }
}
