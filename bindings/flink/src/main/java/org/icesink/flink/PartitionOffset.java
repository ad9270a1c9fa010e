package org.icesink.flink;

import java.io.IOException;
import org.apache.flink.core.io.SimpleVersionedSerializer;
import org.apache.flink.core.memory.DataInputDeserializer;
import org.apache.flink.core.memory.DataOutputSerializer;

/** Where a partition goes on, in a savepoint. */
final class PartitionOffset {
  /** Every version that was ever written is read. */
  static final SimpleVersionedSerializer<PartitionOffset> SERIALIZER = new Serializer();

  private final KafkaPartition partition;
  private final long next;

  PartitionOffset(KafkaPartition partition, long next) {
    this.partition = partition;
    this.next = next;
  }

  KafkaPartition partition() {
    return partition;
  }

  /** The offset behind the last record that is in a part. */
  long next() {
    return next;
  }

  private static final class Serializer implements SimpleVersionedSerializer<PartitionOffset> {
    private static final int VERSION = 1;

    @Override
    public int getVersion() {
      return VERSION;
    }

    @Override
    public byte[] serialize(PartitionOffset offset) throws IOException {
      DataOutputSerializer out = new DataOutputSerializer(64);
      out.writeUTF(offset.partition.topic());
      out.writeInt(offset.partition.partition());
      out.writeLong(offset.next);
      return out.getCopyOfBuffer();
    }

    @Override
    public PartitionOffset deserialize(int version, byte[] serialized) throws IOException {
      Fields.checkVersion("an offset", version, VERSION);
      DataInputDeserializer in = new DataInputDeserializer(serialized);
      PartitionOffset offset = new PartitionOffset(new KafkaPartition(in.readUTF(), in.readInt()), in.readLong());
      Fields.checkEnd("an offset", in);
      return offset;
    }
  }
}
