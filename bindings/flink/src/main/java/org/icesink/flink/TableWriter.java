package org.icesink.flink;

/** The open data files of a table, of one {@link Session}. */
final class TableWriter implements AutoCloseable {
  /** What a writer has put into files that are closed. */
  static final class Totals {
    final long rows;
    final long bytes;
    final long files;

    private Totals(long[] values) {
      rows = values[0];
      bytes = values[1];
      files = values[2];
    }
  }

  private final Session session;
  private long handle;

  TableWriter(Session session, long handle) {
    this.session = session;
    this.handle = handle;
  }

  /** Writes the rows of a batch, which may be filled anew when this returns. */
  void append(RowBatch rows) throws IcesinkException {
    session.call(
        ignored -> {
          Native.writerAppend(open(), rows.layout());
          return null;
        });
  }

  /** Closes all files and describes them; empty where no row was written. */
  byte[] finish() throws IcesinkException {
    return session.call(ignored -> Native.writerFinish(open()));
  }

  Totals totals() throws IcesinkException {
    return new Totals(session.call(ignored -> Native.writerTotals(open())));
  }

  private long open() throws IcesinkException {
    if (handle == 0) {
      throw IcesinkException.closed("the writer");
    }
    return handle;
  }

  /** Drops what is not finished. May be called again, and after the session was closed. */
  @Override
  public void close() {
    try {
      session.call(
          ignored -> {
            if (handle != 0) {
              Native.writerClose(handle);
              handle = 0;
              session.forget(this);
            }
            return null;
          });
    } catch (IcesinkException e) {
      // The session is closed, and closed its writers first.
      handle = 0;
    }
  }
}
