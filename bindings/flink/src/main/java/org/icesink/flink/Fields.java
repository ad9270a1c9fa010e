package org.icesink.flink;

import java.io.IOException;
import org.apache.flink.core.memory.DataInputDeserializer;
import org.apache.flink.core.memory.DataOutputSerializer;

/** What the serializers share. A state that is damaged is an exception, whatever its lengths say. */
final class Fields {
  private Fields() {}

  static void writeBytes(DataOutputSerializer out, byte[] bytes) throws IOException {
    out.writeInt(bytes.length);
    out.write(bytes);
  }

  static byte[] readBytes(DataInputDeserializer in) throws IOException {
    byte[] bytes = new byte[readCount(in)];
    in.readFully(bytes);
    return bytes;
  }

  /** A number of things that take at least a byte each. */
  static int readCount(DataInputDeserializer in) throws IOException {
    int count = in.readInt();
    if (count < 0 || count > in.available()) {
      throw new IOException("a state of icesink is damaged: a length of " + count);
    }
    return count;
  }

  static void checkVersion(String what, int version, int newest) throws IOException {
    if (version < 1 || version > newest) {
      throw new IOException(
          what + " of version " + version + " was written by a newer icesink; this one knows versions up to " + newest);
    }
  }

  static void checkEnd(String what, DataInputDeserializer in) throws IOException {
    if (in.available() > 0) {
      throw new IOException("a state of icesink is damaged: " + what + " has " + in.available() + " more bytes");
    }
  }
}
