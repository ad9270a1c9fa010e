package org.icesink.flink;

import java.util.List;
import org.apache.flink.core.memory.MemorySegment;
import org.apache.flink.table.data.ArrayData;
import org.apache.flink.table.data.RowData;

/** The values of one column in Arrow's layout. What gives an exception leaves a batch that can only be closed. */
abstract class ColumnWriter implements AutoCloseable {
  /** What the values of a batch take whose size differs from row to row: texts, and elements of lists and maps. */
  static final class Usage {
    private static final int ELEMENT_BYTES = 16;
    private long bytes;

    void addBytes(int count) {
      bytes += count;
    }

    void addElements(int count) {
      bytes += (long) count * ELEMENT_BYTES;
    }

    long bytes() {
      return bytes;
    }

    void clear() {
      bytes = 0;
    }
  }

  private static final int BYTE_BITS = 8;

  final Columns.Node node;
  final List<ColumnWriter> children;
  /** Values so far; those of a null are any. */
  int length;

  private final NativeBuffer validity;
  private int nulls;

  ColumnWriter(Columns.Node node, List<ColumnWriter> children) throws IcesinkException {
    this.node = node;
    this.children = children;
    this.validity = NativeBuffer.ofColumn(node.path);
  }

  final void append(RowData row, int position) throws IcesinkException {
    if (row.isNullAt(position)) {
      appendNull();
    } else {
      put(row, position);
      markValid();
    }
  }

  final void append(ArrayData array, int position) throws IcesinkException {
    if (array.isNullAt(position)) {
      appendNull();
    } else {
      put(array, position);
      markValid();
    }
  }

  final void appendNull() throws IcesinkException {
    putNothing();
    markNull();
  }

  /** A value below a null: what a column that has no nulls takes there is any value. */
  final void appendFiller() throws IcesinkException {
    putNothing();
    if (node.nullable) {
      markNull();
    } else {
      markValid();
    }
  }

  abstract void put(RowData row, int position) throws IcesinkException;

  abstract void put(ArrayData array, int position) throws IcesinkException;

  /** Takes the room of a value. */
  abstract void putNothing() throws IcesinkException;

  /** Buffers behind the validity: their addresses, 0 for none. */
  abstract long buffer(int index);

  abstract void resetBuffers() throws IcesinkException;

  abstract void closeBuffers();

  /** Writes length, null count and addresses of buffers, in preorder; where the next column goes. */
  int layout(MemorySegment out, int at) {
    long[] values = {length, nulls, nulls == 0 ? 0 : validity.address(), buffer(0), buffer(1)};
    int next = at;
    for (long value : values) {
      out.putLong(next, value);
      next += Long.BYTES;
    }
    for (ColumnWriter child : children) {
      next = child.layout(out, next);
    }
    return next;
  }

  final void reset() throws IcesinkException {
    length = 0;
    nulls = 0;
    resetBuffers();
    for (ColumnWriter child : children) {
      child.reset();
    }
  }

  @Override
  public final void close() {
    validity.close();
    closeBuffers();
    children.forEach(ColumnWriter::close);
  }

  // Most batches have no nulls in most columns: bits are kept from the first null on.
  final void markValid() throws IcesinkException {
    if (nulls > 0) {
      setBit(true);
    }
    length++;
  }

  private void markNull() throws IcesinkException {
    if (nulls == 0) {
      int bytes = length / BYTE_BITS + 1;
      MemorySegment bits = validity.reserve(bytes);
      for (int i = 0; i < bytes; i++) {
        bits.put(i, (byte) 0xff);
      }
    }
    setBit(false);
    nulls++;
    length++;
  }

  private void setBit(boolean valid) throws IcesinkException {
    int at = length / BYTE_BITS;
    int bit = 1 << length % BYTE_BITS;
    MemorySegment bits = validity.reserve(at + 1);
    bits.put(at, (byte) (valid ? bits.get(at) | bit : bits.get(at) & ~bit));
  }
}
