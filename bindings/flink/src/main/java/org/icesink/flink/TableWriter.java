package org.icesink.flink;

/** The open data files of a table, of one {@link Session}. */
final class TableWriter extends NativeHandle {
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

  TableWriter(Session session, long handle) {
    super(session, "the writer", handle);
  }

  /** Writes the rows of a batch, which may be filled anew when this returns. */
  void append(RowBatch rows) throws IcesinkException {
    call(
        writer -> {
          Native.writerAppend(writer, rows.layout());
          return null;
        });
  }

  /** Closes all files and describes them; empty where no row was written. */
  byte[] finish() throws IcesinkException {
    return call(Native::writerFinish);
  }

  Totals totals() throws IcesinkException {
    return new Totals(call(Native::writerTotals));
  }

  @Override
  void release(long writer) {
    Native.writerClose(writer);
  }
}
