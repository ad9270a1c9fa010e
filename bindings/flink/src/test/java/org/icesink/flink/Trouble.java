package org.icesink.flink;

import java.util.Random;

/** When the job that runs fails, as a seed has it; all its parts are in this JVM and agree on it. */
final class Trouble {
  private final Random random;
  private final int failuresMax;
  private final int between;
  private int failures;
  private int rowsToNext;

  /** @param between the fewest rows from one failure to the next; there are up to six times as many */
  Trouble(long seed, int failuresMax, int between) {
    this.random = new Random(seed);
    this.failuresMax = failuresMax;
    this.between = between;
    this.rowsToNext = next();
  }

  private int next() {
    return between + random.nextInt(5 * between);
  }

  synchronized void row() {
    if (failures < failuresMax && --rowsToNext == 0) {
      failures++;
      rowsToNext = next();
      throw new IllegalStateException("injected failure " + failures);
    }
  }

  synchronized int failures() {
    return failures;
  }
}
