package org.icesink.flink;

import org.apache.flink.core.memory.MemorySegment;
import org.apache.flink.core.memory.MemorySegmentFactory;

/**
 * Memory of the C heap that grows. Java reaches it through a segment, which checks bounds and has the machine's byte order, and
 * the library through its address.
 */
final class NativeBuffer implements AutoCloseable {
  private static final int BYTES_MIN = 64;
  private static final int BYTES_MAX = 1 << 30;
  /** A batch that was larger than this does not keep its memory. */
  private static final int BYTES_KEPT = 8 << 20;

  private final String owner;
  private long address;
  private MemorySegment bytes;

  /** @param owner what the bytes are of, for messages */
  NativeBuffer(String owner) throws IcesinkException {
    this.owner = owner;
    resize(BYTES_MIN);
  }

  static NativeBuffer ofColumn(String path) throws IcesinkException {
    return new NativeBuffer("column \"" + path + "\"");
  }

  /** The bytes, with room for {@code needed}. What was written stays; what is new has any value. */
  MemorySegment reserve(long needed) throws IcesinkException {
    if (needed > bytes.size()) {
      if (needed > BYTES_MAX) {
        throw new IcesinkException(
            "LIMIT", owner + ": one batch of rows exceeds " + BYTES_MAX + " bytes");
      }
      resize(Math.min(BYTES_MAX, Math.max(needed, 2L * bytes.size())));
    }
    return bytes;
  }

  MemorySegment bytes() {
    return bytes;
  }

  long address() {
    return address;
  }

  void shrink() throws IcesinkException {
    if (bytes.size() > BYTES_KEPT) {
      resize(BYTES_MIN);
    }
  }

  private void resize(long size) throws IcesinkException {
    address = Native.memoryReallocate(address, size);
    bytes = MemorySegmentFactory.wrapOffHeapMemory(Native.memoryWrap(address, size));
  }

  @Override
  public void close() {
    Native.memoryFree(address);
    address = 0;
    // A use after this is an exception, not a write to memory that is someone else's.
    bytes = MemorySegmentFactory.wrap(new byte[0]);
  }
}
