package org.icesink.flink;

import java.io.IOException;
import org.apache.flink.core.io.SimpleVersionedSerializer;
import org.apache.flink.core.memory.DataInputDeserializer;
import org.apache.flink.core.memory.DataOutputSerializer;

/** Every version that was ever written is read. */
final class WriteResultSerializer implements SimpleVersionedSerializer<WriteResult> {
  static final WriteResultSerializer INSTANCE = new WriteResultSerializer();
  private static final int VERSION = 1;

  private WriteResultSerializer() {}

  @Override
  public int getVersion() {
    return VERSION;
  }

  @Override
  public byte[] serialize(WriteResult result) throws IOException {
    DataOutputSerializer out = new DataOutputSerializer(result.files.length + 64);
    Fields.writeBytes(out, result.files);
    out.writeLong(result.rows);
    out.writeLong(result.bytes);
    out.writeLong(result.fileCount);
    return out.getCopyOfBuffer();
  }

  @Override
  public WriteResult deserialize(int version, byte[] serialized) throws IOException {
    Fields.checkVersion("a write result", version, VERSION);
    DataInputDeserializer in = new DataInputDeserializer(serialized);
    WriteResult result = new WriteResult(Fields.readBytes(in), in.readLong(), in.readLong(), in.readLong());
    Fields.checkEnd("a write result", in);
    return result;
  }
}
