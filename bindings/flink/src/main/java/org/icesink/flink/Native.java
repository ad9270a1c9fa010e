package org.icesink.flink;

import java.nio.ByteBuffer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The functions of libicesink_jni. They trust their arguments: {@link Session}, {@link TableWriter}, {@link PartWriter} and
 * {@link NativeBuffer} are the only callers, and see to it that a handle is open, used by one thread at a time, and closed once.
 */
final class Native {
  private static final Logger LOG = LoggerFactory.getLogger("org.icesink");
  private static final int DEBUG = 0;
  private static final int INFO = 1;
  private static final int WARN = 2;

  private Native() {}

  static native long sessionOpen(byte[] file, byte[] settings) throws IcesinkException;

  static native void sessionClose(long session);

  static native void sessionStop(long session);

  static native byte[] sessionSetting(long session, byte[] key) throws IcesinkException;

  static native void createNamespace(long session, byte[] namespace) throws IcesinkException;

  static native void createTable(
      long session, byte[] table, byte[] names, int[] shape, byte[] partition, byte[] properties)
      throws IcesinkException;

  static native byte[] loadTable(long session, byte[] table) throws IcesinkException;

  static native long[] token(long session, byte[] table, byte[] writer) throws IcesinkException;

  static native long[] append(
      long session, byte[] table, byte[][] files, byte[] writer, long number, boolean overwrite, byte[] summary)
      throws IcesinkException;

  static native long writerOpen(long session, byte[] table, byte[] names, int[] shape) throws IcesinkException;

  static native void writerClose(long writer);

  static native void writerAppend(long writer, long layout) throws IcesinkException;

  static native byte[] writerFinish(long writer) throws IcesinkException;

  static native long[] writerTotals(long writer);

  static native void createTables(long session) throws IcesinkException;

  static native byte[] position(long session) throws IcesinkException;

  static native void commit(long session, byte[][] parts, byte[] writer, long number, byte[] summary)
      throws IcesinkException;

  static native long sinkOpen(long session) throws IcesinkException;

  static native void sinkClose(long sink);

  static native void sinkResume(long sink, byte[] topic, int partition, long next) throws IcesinkException;

  static native void sinkAdd(long sink, long layout, long bytes, int count) throws IcesinkException;

  static native byte[] sinkFinish(long sink) throws IcesinkException;

  static native long[] sinkCounts(long sink);

  static native long memoryReallocate(long address, long size) throws IcesinkException;

  static native ByteBuffer memoryWrap(long address, long size);

  static native void memoryFree(long address);

  /** For JNI: an event of the library. */
  static void log(int level, byte[] text) {
    String event = Texts.text(text);
    if (level == DEBUG) {
      LOG.debug(event);
    } else if (level == INFO) {
      LOG.info(event);
    } else if (level == WARN) {
      LOG.warn(event);
    } else {
      LOG.error(event);
    }
  }
}
