package org.icesink.flink;

/** Commits parts through a session that is opened late: of all parallel committers one has something to do. */
final class PartAppender implements IcesinkCommitter.Appender {
  private final SinkSettings settings;
  private Session session;

  PartAppender(SinkSettings settings) {
    this.settings = settings;
  }

  @Override
  public boolean append(IcesinkCommittable committable) throws IcesinkException {
    if (session == null) {
      session = settings.open();
    }
    session.commit(committable);
    return true;
  }

  @Override
  public void close() {
    if (session != null) {
      session.close();
    }
  }
}
