package org.icesink.flink;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Flink cancels a task by interrupting its thread, which a native call does not notice. One thread looks after all open
 * sessions of the class loader, and ends with the last of them, so that it does not keep the class loader.
 */
final class InterruptWatch {
  private static final long INTERVAL_MS = 100;
  private static final Set<Session> SESSIONS = new HashSet<>();
  private static Thread thread;

  private InterruptWatch() {}

  static synchronized void add(Session session) {
    SESSIONS.add(session);
    if (thread == null) {
      thread = new Thread(InterruptWatch::run, "icesink-interrupt-watch");
      thread.setDaemon(true);
      thread.setContextClassLoader(null);
      thread.start();
    }
  }

  static synchronized void remove(Session session) {
    SESSIONS.remove(session);
    InterruptWatch.class.notifyAll();
  }

  private static void run() {
    for (List<Session> sessions = next(); !sessions.isEmpty(); sessions = next()) {
      sessions.forEach(Session::stopIfInterrupted);
    }
  }

  /** The sessions that are open after an interval; none, and the thread is given up. */
  private static synchronized List<Session> next() {
    try {
      if (!SESSIONS.isEmpty()) {
        InterruptWatch.class.wait(INTERVAL_MS);
      }
    } catch (InterruptedException e) {
      // Nobody but this class has the thread; what is open still wants to be watched.
    }
    if (SESSIONS.isEmpty()) {
      thread = null;
    }
    return new ArrayList<>(SESSIONS);
  }
}
