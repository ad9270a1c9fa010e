package org.icesink.flink;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.apache.flink.core.io.SimpleVersionedSerializer;
import org.apache.flink.core.memory.DataInputDeserializer;
import org.apache.flink.core.memory.DataOutputSerializer;

/** Committables lie in savepoints: every version that was ever written is read. */
final class IcesinkCommittableSerializer implements SimpleVersionedSerializer<IcesinkCommittable> {
  static final IcesinkCommittableSerializer INSTANCE = new IcesinkCommittableSerializer();
  private static final int VERSION = 1;

  private IcesinkCommittableSerializer() {}

  @Override
  public int getVersion() {
    return VERSION;
  }

  @Override
  public byte[] serialize(IcesinkCommittable committable) throws IOException {
    DataOutputSerializer out = new DataOutputSerializer(1024);
    out.writeUTF(committable.sink());
    out.writeUTF(committable.jobId());
    out.writeUTF(committable.operatorId());
    out.writeLong(committable.checkpointId());
    out.writeLong(committable.number());
    out.writeBoolean(committable.overwrites());
    out.writeLong(committable.fileCount());
    out.writeInt(committable.files().size());
    for (byte[] files : committable.files()) {
      Fields.writeBytes(out, files);
    }
    return out.getCopyOfBuffer();
  }

  @Override
  public IcesinkCommittable deserialize(int version, byte[] serialized) throws IOException {
    Fields.checkVersion("a committable", version, VERSION);
    DataInputDeserializer in = new DataInputDeserializer(serialized);
    String sink = in.readUTF();
    String jobId = in.readUTF();
    String operatorId = in.readUTF();
    long checkpointId = in.readLong();
    long number = in.readLong();
    boolean overwrites = in.readBoolean();
    long fileCount = in.readLong();
    int count = Fields.readCount(in);
    List<byte[]> files = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      files.add(Fields.readBytes(in));
    }
    Fields.checkEnd("a committable", in);
    return new IcesinkCommittable(sink, jobId, operatorId, checkpointId, number, overwrites, files, fileCount);
  }
}
