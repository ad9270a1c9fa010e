package org.icesink.flink;

import java.util.ArrayList;
import java.util.List;
import org.apache.flink.core.memory.MemorySegment;
import org.apache.flink.table.data.ArrayData;
import org.apache.flink.table.data.MapData;
import org.apache.flink.table.data.RowData;

/** Columns with children, and the way to the writer of any column. */
final class NestedColumns {
  private NestedColumns() {}

  static ColumnWriter of(Columns.Node node, ColumnWriter.Usage usage) throws IcesinkException {
    switch (node.type.getTypeRoot()) {
      case ROW:
        return new RowColumn(node, of(node.children, usage));
      case ARRAY:
        return new ListColumn(node, of(node.children, usage), usage);
      case MAP:
        Columns.Node entries = node.children.get(0);
        return new MapColumn(node, new EntriesColumn(entries, of(entries.children, usage)), usage);
      default:
        return ScalarColumns.of(node, usage);
    }
  }

  static List<ColumnWriter> of(List<Columns.Node> nodes, ColumnWriter.Usage usage)
      throws IcesinkException {
    List<ColumnWriter> columns = new ArrayList<>();
    for (Columns.Node node : nodes) {
      columns.add(of(node, usage));
    }
    return columns;
  }

  /** A struct: all that it has of its own is the validity. */
  private abstract static class StructColumn extends ColumnWriter {
    StructColumn(Columns.Node node, List<ColumnWriter> children) throws IcesinkException {
      super(node, children);
    }

    @Override
    final void putNothing() throws IcesinkException {
      for (ColumnWriter child : children) {
        child.appendFiller();
      }
    }

    @Override
    final long buffer(int index) {
      return 0;
    }

    @Override
    final void resetBuffers() {}

    @Override
    final void closeBuffers() {}
  }

  private static final class RowColumn extends StructColumn {
    RowColumn(Columns.Node node, List<ColumnWriter> children) throws IcesinkException {
      super(node, children);
    }

    @Override
    void put(RowData row, int position) throws IcesinkException {
      put(row.getRow(position, children.size()));
    }

    @Override
    void put(ArrayData array, int position) throws IcesinkException {
      put(array.getRow(position, children.size()));
    }

    private void put(RowData row) throws IcesinkException {
      for (int i = 0; i < children.size(); i++) {
        children.get(i).append(row, i);
      }
    }
  }

  /** The entries of maps, which their map writes. */
  private static final class EntriesColumn extends StructColumn {
    EntriesColumn(Columns.Node node, List<ColumnWriter> children) throws IcesinkException {
      super(node, children);
    }

    void put(MapData map) throws IcesinkException {
      ArrayData keys = map.keyArray();
      ArrayData values = map.valueArray();
      for (int i = 0; i < map.size(); i++) {
        children.get(0).append(keys, i);
        children.get(1).append(values, i);
        markValid();
      }
    }

    @Override
    void put(RowData row, int position) {
      throw new IllegalStateException("entries belong to a map");
    }

    @Override
    void put(ArrayData array, int position) {
      throw new IllegalStateException("entries belong to a map");
    }
  }

  /** Offsets into one child. */
  private abstract static class OffsetColumn extends ColumnWriter {
    private final NativeBuffer offsets;
    private final Usage usage;

    OffsetColumn(Columns.Node node, List<ColumnWriter> children, Usage usage) throws IcesinkException {
      super(node, children);
      this.usage = usage;
      this.offsets = NativeBuffer.ofColumn(node.path);
      offsets.bytes().putInt(0, 0);
    }

    /** The child has all elements of this value. */
    final void end(int elements) throws IcesinkException {
      MemorySegment out = offsets.reserve((length + 2L) * Integer.BYTES);
      out.putInt((length + 1) * Integer.BYTES, children.get(0).length);
      usage.addElements(elements);
    }

    @Override
    final void putNothing() throws IcesinkException {
      end(0);
    }

    @Override
    final long buffer(int index) {
      return index == 0 ? offsets.address() : 0;
    }

    @Override
    final void resetBuffers() throws IcesinkException {
      offsets.shrink();
      offsets.bytes().putInt(0, 0);
    }

    @Override
    final void closeBuffers() {
      offsets.close();
    }
  }

  private static final class ListColumn extends OffsetColumn {
    ListColumn(Columns.Node node, List<ColumnWriter> children, Usage usage) throws IcesinkException {
      super(node, children, usage);
    }

    @Override
    void put(RowData row, int position) throws IcesinkException {
      put(row.getArray(position));
    }

    @Override
    void put(ArrayData array, int position) throws IcesinkException {
      put(array.getArray(position));
    }

    private void put(ArrayData elements) throws IcesinkException {
      for (int i = 0; i < elements.size(); i++) {
        children.get(0).append(elements, i);
      }
      end(elements.size());
    }
  }

  private static final class MapColumn extends OffsetColumn {
    private final EntriesColumn entries;

    MapColumn(Columns.Node node, EntriesColumn entries, Usage usage) throws IcesinkException {
      super(node, List.of(entries), usage);
      this.entries = entries;
    }

    @Override
    void put(RowData row, int position) throws IcesinkException {
      put(row.getMap(position));
    }

    @Override
    void put(ArrayData array, int position) throws IcesinkException {
      put(array.getMap(position));
    }

    private void put(MapData map) throws IcesinkException {
      entries.put(map);
      end(map.size());
    }
  }
}
