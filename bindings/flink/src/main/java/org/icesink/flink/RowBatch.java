package org.icesink.flink;

import java.util.List;
import org.apache.flink.core.memory.MemorySegment;
import org.apache.flink.table.data.RowData;

/** Rows on their way to the library, in columns outside of Java's heap. */
final class RowBatch implements AutoCloseable {
  private static final int ROWS_MAX = 4096;
  private static final long BYTES_MAX = 4 << 20;
  private static final int LAYOUT_BYTES = 5 * Long.BYTES;

  private final ColumnWriter.Usage usage = new ColumnWriter.Usage();
  private final List<ColumnWriter> columns;
  private final NativeBuffer layout;
  private int rows;
  private boolean damaged;
  private boolean closed;

  RowBatch(Columns columns) throws IcesinkException {
    this.columns = NestedColumns.of(columns.top(), usage);
    this.layout = new NativeBuffer("");
    layout.reserve((long) columns.count() * LAYOUT_BYTES);
  }

  /** After an exception the batch can only be closed: some of its columns have the row. */
  void add(RowData row) throws IcesinkException {
    if (damaged || closed) {
      throw IcesinkException.closed("the batch of rows");
    }
    damaged = true;
    for (int i = 0; i < columns.size(); i++) {
      columns.get(i).append(row, i);
    }
    rows++;
    damaged = false;
  }

  int rows() {
    return rows;
  }

  /** Whether it is time to hand the rows over. One more row always has room. */
  boolean isFull() {
    return rows >= ROWS_MAX || usage.bytes() >= BYTES_MAX;
  }

  /** The address of what {@code jni/icesink_jni.c} reads about each column; good until a row is added. */
  long layout() throws IcesinkException {
    if (damaged || closed) {
      throw IcesinkException.closed("the batch of rows");
    }
    // The struct of all columns has no buffer of its own.
    MemorySegment out = layout.bytes();
    out.putLong(0, rows);
    for (int at = Long.BYTES; at < LAYOUT_BYTES; at += Long.BYTES) {
      out.putLong(at, 0);
    }
    int next = LAYOUT_BYTES;
    for (ColumnWriter column : columns) {
      next = column.layout(out, next);
    }
    return layout.address();
  }

  void clear() throws IcesinkException {
    rows = 0;
    usage.clear();
    for (ColumnWriter column : columns) {
      column.reset();
    }
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      columns.forEach(ColumnWriter::close);
      layout.close();
    }
  }
}
