package org.icesink.flink;

import java.io.IOException;
import org.apache.flink.api.common.typeutils.SimpleTypeSerializerSnapshot;
import org.apache.flink.api.common.typeutils.TypeSerializerSnapshot;
import org.apache.flink.api.common.typeutils.base.TypeSerializerSingleton;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;

/** Records between tasks, where somebody put an operator of another task behind the source. */
final class KafkaRecordSerializer extends TypeSerializerSingleton<KafkaRecord> {
  static final KafkaRecordSerializer INSTANCE = new KafkaRecordSerializer();
  private static final long serialVersionUID = 1L;
  private static final int NULL = -1;

  @Override
  public boolean isImmutableType() {
    return true;
  }

  @Override
  public KafkaRecord createInstance() {
    return new KafkaRecord("", 0, 0, 0, null, null);
  }

  @Override
  public KafkaRecord copy(KafkaRecord from) {
    return from;
  }

  @Override
  public KafkaRecord copy(KafkaRecord from, KafkaRecord reuse) {
    return from;
  }

  @Override
  public int getLength() {
    return -1;
  }

  @Override
  public void serialize(KafkaRecord kafkaRecord, DataOutputView out) throws IOException {
    out.writeUTF(kafkaRecord.topic());
    out.writeInt(kafkaRecord.partition());
    out.writeLong(kafkaRecord.offset());
    out.writeLong(kafkaRecord.timestamp());
    write(kafkaRecord.key(), out);
    write(kafkaRecord.value(), out);
  }

  private static void write(byte[] bytes, DataOutputView out) throws IOException {
    out.writeInt(bytes == null ? NULL : bytes.length);
    if (bytes != null) {
      out.write(bytes);
    }
  }

  @Override
  public KafkaRecord deserialize(DataInputView in) throws IOException {
    return new KafkaRecord(in.readUTF(), in.readInt(), in.readLong(), in.readLong(), read(in), read(in));
  }

  private static byte[] read(DataInputView in) throws IOException {
    int size = in.readInt();
    if (size == NULL) {
      return null;
    }
    byte[] bytes = new byte[size];
    in.readFully(bytes);
    return bytes;
  }

  @Override
  public KafkaRecord deserialize(KafkaRecord reuse, DataInputView in) throws IOException {
    return deserialize(in);
  }

  @Override
  public void copy(DataInputView in, DataOutputView out) throws IOException {
    serialize(deserialize(in), out);
  }

  @Override
  public TypeSerializerSnapshot<KafkaRecord> snapshotConfiguration() {
    return new Snapshot();
  }

  /** Public, with a public constructor: Flink makes it by its name. */
  public static final class Snapshot extends SimpleTypeSerializerSnapshot<KafkaRecord> {
    public Snapshot() {
      super(() -> INSTANCE);
    }
  }
}
