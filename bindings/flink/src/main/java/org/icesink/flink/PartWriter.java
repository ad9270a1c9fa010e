package org.icesink.flink;

/** The open data files of all tables of a sink, of one {@link Session}: records go in, parts come out (icesink/sink.h). */
final class PartWriter extends NativeHandle {
  /** What became of all records that were added: elements = rows + dead letters + filtered. */
  static final class Counts {
    static final Counts NONE = new Counts(new long[8]);

    final long records;
    final long gaps;
    final long elements;
    final long rows;
    final long deadLetters;
    final long filtered;
    /** Of all tables, those that are closed. */
    final long files;

    final long bytes;

    private Counts(long[] values) {
      records = values[0];
      gaps = values[1];
      elements = values[2];
      rows = values[3];
      deadLetters = values[4];
      filtered = values[5];
      files = values[6];
      bytes = values[7];
    }
  }

  PartWriter(Session session, long handle) {
    super(session, "the sink's writer", handle);
  }

  /** Says where a partition goes on, as Flink's state has it. */
  void resume(KafkaPartition partition, long next) throws IcesinkException {
    call(
        writer -> {
          Native.sinkResume(writer, Texts.utf8(partition.topic()), partition.partition(), next);
          return null;
        });
  }

  /** Decodes and writes the records of a batch, which may be filled anew when this returns. */
  void add(RecordBatch records) throws IcesinkException {
    call(
        writer -> {
          Native.sinkAdd(writer, records.layout(), records.bytes(), records.count());
          return null;
        });
  }

  /** Closes all files and gives the part: what was added since the last time. Empty where that is nothing. */
  byte[] finish() throws IcesinkException {
    return call(Native::sinkFinish);
  }

  Counts counts() throws IcesinkException {
    return new Counts(call(Native::sinkCounts));
  }

  @Override
  void release(long writer) {
    Native.sinkClose(writer);
  }
}
