package org.icesink.flink;

import java.util.Collections;
import org.apache.flink.core.memory.MemorySegment;
import org.apache.flink.table.data.ArrayData;
import org.apache.flink.table.data.DecimalData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.data.TimestampData;
import org.apache.flink.table.data.binary.BinarySegmentUtils;
import org.apache.flink.table.data.binary.BinaryStringData;
import org.apache.flink.table.types.logical.BinaryType;
import org.apache.flink.table.types.logical.DecimalType;
import org.apache.flink.table.types.logical.LogicalType;
import org.apache.flink.table.types.logical.utils.LogicalTypeChecks;

/** Columns without children. */
final class ScalarColumns {
  private ScalarColumns() {}

  static ColumnWriter of(Columns.Node node, ColumnWriter.Usage usage) throws IcesinkException {
    LogicalType type = node.type;
    switch (type.getTypeRoot()) {
      case BOOLEAN:
        return new BooleanColumn(node);
      case INTEGER:
      case DATE:
        return new IntColumn(node);
      case BIGINT:
        return new LongColumn(node);
      case FLOAT:
        return new FloatColumn(node);
      case DOUBLE:
        return new DoubleColumn(node);
      case DECIMAL:
        return new DecimalColumn(node, (DecimalType) type);
      case TIME_WITHOUT_TIME_ZONE:
        return new TimeColumn(node);
      case TIMESTAMP_WITHOUT_TIME_ZONE:
      case TIMESTAMP_WITH_LOCAL_TIME_ZONE:
        return new TimestampColumn(node, LogicalTypeChecks.getPrecision(type));
      case BINARY:
        return new FixedColumn(node, ((BinaryType) type).getLength());
      case VARBINARY:
        return new BinaryColumn(node, usage);
      case CHAR:
      case VARCHAR:
        return new TextColumn(node, usage);
      default:
        throw new IllegalStateException("no scalar: " + type);
    }
  }

  /** Values of one width. */
  private abstract static class WideColumn extends ColumnWriter {
    private final NativeBuffer values;
    private final int width;

    WideColumn(Columns.Node node, int width) throws IcesinkException {
      super(node, Collections.emptyList());
      this.width = width;
      this.values = NativeBuffer.ofColumn(node.path);
    }

    final int at() {
      return length * width;
    }

    final MemorySegment room() throws IcesinkException {
      return values.reserve((length + 1L) * width);
    }

    @Override
    final void putNothing() throws IcesinkException {
      MemorySegment out = room();
      for (int i = 0; i < width; i++) {
        out.put(at() + i, (byte) 0);
      }
    }

    @Override
    final long buffer(int index) {
      return index == 0 ? values.address() : 0;
    }

    @Override
    final void resetBuffers() throws IcesinkException {
      values.shrink();
    }

    @Override
    final void closeBuffers() {
      values.close();
    }
  }

  private static final class IntColumn extends WideColumn {
    IntColumn(Columns.Node node) throws IcesinkException {
      super(node, Integer.BYTES);
    }

    @Override
    void put(RowData row, int position) throws IcesinkException {
      room().putInt(at(), row.getInt(position));
    }

    @Override
    void put(ArrayData array, int position) throws IcesinkException {
      room().putInt(at(), array.getInt(position));
    }
  }

  private static final class LongColumn extends WideColumn {
    LongColumn(Columns.Node node) throws IcesinkException {
      super(node, Long.BYTES);
    }

    @Override
    void put(RowData row, int position) throws IcesinkException {
      room().putLong(at(), row.getLong(position));
    }

    @Override
    void put(ArrayData array, int position) throws IcesinkException {
      room().putLong(at(), array.getLong(position));
    }
  }

  private static final class FloatColumn extends WideColumn {
    FloatColumn(Columns.Node node) throws IcesinkException {
      super(node, Float.BYTES);
    }

    @Override
    void put(RowData row, int position) throws IcesinkException {
      room().putFloat(at(), row.getFloat(position));
    }

    @Override
    void put(ArrayData array, int position) throws IcesinkException {
      room().putFloat(at(), array.getFloat(position));
    }
  }

  private static final class DoubleColumn extends WideColumn {
    DoubleColumn(Columns.Node node) throws IcesinkException {
      super(node, Double.BYTES);
    }

    @Override
    void put(RowData row, int position) throws IcesinkException {
      room().putDouble(at(), row.getDouble(position));
    }

    @Override
    void put(ArrayData array, int position) throws IcesinkException {
      room().putDouble(at(), array.getDouble(position));
    }
  }

  /** Flink has milliseconds of the day, Iceberg microseconds. */
  private static final class TimeColumn extends WideColumn {
    private static final long MICROS = 1000;

    TimeColumn(Columns.Node node) throws IcesinkException {
      super(node, Long.BYTES);
    }

    @Override
    void put(RowData row, int position) throws IcesinkException {
      room().putLong(at(), row.getInt(position) * MICROS);
    }

    @Override
    void put(ArrayData array, int position) throws IcesinkException {
      room().putLong(at(), array.getInt(position) * MICROS);
    }
  }

  private static final class TimestampColumn extends WideColumn {
    private static final long MICROS = 1000;
    private static final int NANOS = 1000;
    private final int precision;

    TimestampColumn(Columns.Node node, int precision) throws IcesinkException {
      super(node, Long.BYTES);
      this.precision = precision;
    }

    @Override
    void put(RowData row, int position) throws IcesinkException {
      put(row.getTimestamp(position, precision));
    }

    @Override
    void put(ArrayData array, int position) throws IcesinkException {
      put(array.getTimestamp(position, precision));
    }

    private void put(TimestampData value) throws IcesinkException {
      long micros;
      try {
        micros =
            Math.addExact(
                Math.multiplyExact(value.getMillisecond(), MICROS), value.getNanoOfMillisecond() / NANOS);
      } catch (ArithmeticException e) {
        throw new IcesinkException(
            "INVALID_ARGUMENT",
            "column \"" + node.path + "\": " + value + " is beyond what microseconds since 1970 reach");
      }
      room().putLong(at(), micros);
    }
  }

  private static final class DecimalColumn extends WideColumn {
    private static final int WIDTH = 16;
    private final int precision;
    private final int scale;

    DecimalColumn(Columns.Node node, DecimalType type) throws IcesinkException {
      super(node, WIDTH);
      this.precision = type.getPrecision();
      this.scale = type.getScale();
    }

    @Override
    void put(RowData row, int position) throws IcesinkException {
      put(row.getDecimal(position, precision, scale));
    }

    @Override
    void put(ArrayData array, int position) throws IcesinkException {
      put(array.getDecimal(position, precision, scale));
    }

    // 128 bits in two's complement, the low bytes first.
    private void put(DecimalData value) throws IcesinkException {
      MemorySegment out = room();
      if (value.isCompact()) {
        long unscaled = value.toUnscaledLong();
        out.putLong(at(), unscaled);
        out.putLong(at() + Long.BYTES, unscaled < 0 ? -1 : 0);
        return;
      }
      byte[] unscaled = value.toUnscaledBytes();
      byte sign = (byte) (unscaled[0] < 0 ? -1 : 0);
      for (int i = 0; i < WIDTH; i++) {
        out.put(at() + i, i < unscaled.length ? unscaled[unscaled.length - 1 - i] : sign);
      }
    }
  }

  private static final class FixedColumn extends WideColumn {
    private final int width;

    FixedColumn(Columns.Node node, int width) throws IcesinkException {
      super(node, width);
      this.width = width;
    }

    @Override
    void put(RowData row, int position) throws IcesinkException {
      put(row.getBinary(position));
    }

    @Override
    void put(ArrayData array, int position) throws IcesinkException {
      put(array.getBinary(position));
    }

    private void put(byte[] value) throws IcesinkException {
      if (value.length != width) {
        throw new IcesinkException(
            "INVALID_ARGUMENT",
            "column \"" + node.path + "\": a value has " + value.length + " bytes, not " + width);
      }
      room().put(at(), value);
    }
  }

  /** One bit a value. */
  private static final class BooleanColumn extends ColumnWriter {
    private static final int BYTE_BITS = 8;
    private final NativeBuffer bits;

    BooleanColumn(Columns.Node node) throws IcesinkException {
      super(node, Collections.emptyList());
      this.bits = NativeBuffer.ofColumn(node.path);
    }

    @Override
    void put(RowData row, int position) throws IcesinkException {
      put(row.getBoolean(position));
    }

    @Override
    void put(ArrayData array, int position) throws IcesinkException {
      put(array.getBoolean(position));
    }

    @Override
    void putNothing() throws IcesinkException {
      put(false);
    }

    private void put(boolean value) throws IcesinkException {
      int at = length / BYTE_BITS;
      int bit = 1 << length % BYTE_BITS;
      MemorySegment out = bits.reserve(at + 1);
      // The first value of a byte clears what an earlier batch left there.
      int before = bit == 1 ? 0 : out.get(at);
      out.put(at, (byte) (value ? before | bit : before & ~bit));
    }

    @Override
    long buffer(int index) {
      return index == 0 ? bits.address() : 0;
    }

    @Override
    void resetBuffers() throws IcesinkException {
      bits.shrink();
    }

    @Override
    void closeBuffers() {
      bits.close();
    }
  }

  private static class BinaryColumn extends ColumnWriter {
    private final NativeBuffer offsets;
    private final NativeBuffer data;
    private final Usage usage;
    private int size;

    BinaryColumn(Columns.Node node, Usage usage) throws IcesinkException {
      super(node, Collections.emptyList());
      this.usage = usage;
      this.offsets = NativeBuffer.ofColumn(node.path);
      this.data = NativeBuffer.ofColumn(node.path);
      offsets.bytes().putInt(0, 0);
    }

    @Override
    void put(RowData row, int position) throws IcesinkException {
      put(row.getBinary(position));
    }

    @Override
    void put(ArrayData array, int position) throws IcesinkException {
      put(array.getBinary(position));
    }

    private void put(byte[] value) throws IcesinkException {
      room(value.length).put(end(), value);
      end(value.length);
    }

    @Override
    final void putNothing() throws IcesinkException {
      end(0);
    }

    final MemorySegment room(int bytes) throws IcesinkException {
      return data.reserve((long) size + bytes);
    }

    /** Where the next value goes. */
    final int end() {
      return size;
    }

    final void end(int bytes) throws IcesinkException {
      size += bytes;
      usage.addBytes(bytes);
      offsets.reserve((length + 2L) * Integer.BYTES).putInt((length + 1) * Integer.BYTES, size);
    }

    @Override
    final long buffer(int index) {
      return index == 0 ? offsets.address() : data.address();
    }

    @Override
    final void resetBuffers() throws IcesinkException {
      size = 0;
      offsets.shrink();
      offsets.bytes().putInt(0, 0);
      data.shrink();
    }

    @Override
    final void closeBuffers() {
      offsets.close();
      data.close();
    }
  }

  private static final class TextColumn extends BinaryColumn {
    TextColumn(Columns.Node node, Usage usage) throws IcesinkException {
      super(node, usage);
    }

    @Override
    void put(RowData row, int position) throws IcesinkException {
      put(row.getString(position));
    }

    @Override
    void put(ArrayData array, int position) throws IcesinkException {
      put(array.getString(position));
    }

    // Flink's texts are UTF-8 in its own memory: they go over without a String or an array between.
    private void put(StringData value) throws IcesinkException {
      BinaryStringData text = (BinaryStringData) value;
      text.ensureMaterialized();
      int bytes = text.getSizeInBytes();
      MemorySegment out = room(bytes);
      MemorySegment[] segments = text.getSegments();
      if (segments.length == 1) {
        segments[0].copyTo(text.getOffset(), out, end(), bytes);
      } else {
        out.put(end(), BinarySegmentUtils.copyToBytes(segments, text.getOffset(), bytes));
      }
      end(bytes);
    }
  }
}
