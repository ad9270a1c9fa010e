package org.icesink.flink;

/** Appends through a session that is opened late: of all parallel committers one has something to do. */
final class TableAppender implements IcesinkCommitter.Appender {
  private final IcesinkSink.Settings settings;
  private Session session;

  TableAppender(IcesinkSink.Settings settings) {
    this.settings = settings;
  }

  @Override
  public boolean append(IcesinkCommittable committable) throws IcesinkException {
    if (session == null) {
      session = Session.open(settings.session());
    }
    return session.append(settings.table(), committable);
  }

  @Override
  public void close() {
    if (session != null) {
      session.close();
    }
  }
}
