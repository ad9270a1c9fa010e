package org.icesink.flink;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.concurrent.locks.ReentrantLock;
import org.apache.flink.table.types.logical.RowType;

/**
 * A session of the native library: the settings of a catalog and its stores, and what is opened from them. Calls take turns; a
 * call on a closed session is an exception. A thread that is interrupted while it waits for a server comes back with the status
 * CANCELLED, and the session can only be closed then.
 */
public final class Session implements AutoCloseable {
  /** What one call does with the handle. */
  interface Call<T> {
    T apply(long session) throws IcesinkException;
  }

  private final ReentrantLock turn = new ReentrantLock();
  private final Object handleLock = new Object();
  private final List<NativeHandle> writers = new ArrayList<>();
  private volatile Thread caller;
  private long handle;

  private Session(long handle) {
    this.handle = handle;
  }

  /** Reads the settings, with the keys of docs/configuration.md. The catalog is reached when it is first needed. */
  public static Session open(Map<String, String> settings) throws IcesinkException {
    return open("", settings);
  }

  /**
   * The same with a configuration in YAML.
   *
   * @param file its path on this machine; empty: none. Settings win over it.
   */
  public static Session open(String file, Map<String, String> settings) throws IcesinkException {
    NativeLibrary.load();
    Session session = new Session(Native.sessionOpen(Texts.utf8(file), Texts.join(settings)));
    InterruptWatch.add(session);
    return session;
  }

  public String setting(String key) throws IcesinkException {
    return Texts.text(call(session -> Native.sessionSetting(session, Texts.utf8(key))));
  }

  /** Makes a namespace; one that is there is fine. */
  public void createNamespace(String namespace) throws IcesinkException {
    call(
        session -> {
          Native.createNamespace(session, Texts.utf8(namespace));
          return null;
        });
  }

  /**
   * Makes a table in a namespace that is there.
   *
   * @param partition fields as configurations spell them: "days(start_date)", "bucket(16, id)"
   */
  public void createTable(String table, RowType type, List<String> partition, Map<String, String> properties)
      throws IcesinkException {
    Columns columns = Columns.of(type);
    call(
        session -> {
          Native.createTable(
              session,
              Texts.utf8(table),
              columns.names(),
              columns.shape(),
              Texts.join(partition),
              Texts.join(properties));
          return null;
        });
  }

  /** Makes the tables that the settings name where they are not there, with their namespaces. */
  public void createTables() throws IcesinkException {
    call(
        session -> {
          Native.createTables(session);
          return null;
        });
  }

  /** {"metadata-location": …, "metadata": …} of a table as the catalog has it now. */
  public String loadTable(String table) throws IcesinkException {
    return Texts.text(call(session -> Native.loadTable(session, Texts.utf8(table))));
  }

  /** The highest number that a table remembers of a writer. */
  OptionalLong token(String table, String writer) throws IcesinkException {
    long[] number = call(session -> Native.token(session, Texts.utf8(table), Texts.utf8(writer)));
    return number.length == 0 ? OptionalLong.empty() : OptionalLong.of(number[0]);
  }

  /** Puts the files of a committable into a table in one snapshot; false where its token says that it was done before. */
  boolean append(String table, IcesinkCommittable committable) throws IcesinkException {
    long[] result =
        call(
            session ->
                Native.append(
                    session,
                    Texts.utf8(table),
                    committable.files().toArray(new byte[0][]),
                    Texts.utf8(committable.writer()),
                    committable.number(),
                    committable.overwrites(),
                    Texts.join(committable.summary())));
    return result[0] == 0;
  }

  TableWriter openWriter(String table, Columns columns) throws IcesinkException {
    return call(
        session ->
            keep(
                new TableWriter(
                    this, Native.writerOpen(session, Texts.utf8(table), columns.names(), columns.shape()))));
  }

  /** Opens a writer of the sink that the settings name. */
  PartWriter openPartWriter() throws IcesinkException {
    return call(session -> keep(new PartWriter(this, Native.sinkOpen(session))));
  }

  private <T extends NativeHandle> T keep(T writer) {
    writers.add(writer);
    return writer;
  }

  /** The next offset of each partition according to the sink's table; empty before its first commit. */
  Map<KafkaPartition, Long> position() throws IcesinkException {
    return KafkaPartition.parse(call(Native::position));
  }

  /** Puts the parts of a committable into the sink's tables, with the position behind their records; again does nothing. */
  void commit(IcesinkCommittable committable) throws IcesinkException {
    call(
        session -> {
          Native.commit(
              session,
              committable.files().toArray(new byte[0][]),
              Texts.utf8(committable.writer()),
              committable.number(),
              Texts.join(committable.summary()));
          return null;
        });
  }

  <T> T call(Call<T> call) throws IcesinkException {
    turn.lock();
    try {
      if (handle == 0) {
        throw IcesinkException.closed("the session");
      }
      caller = Thread.currentThread();
      return call.apply(handle);
    } finally {
      caller = null;
      turn.unlock();
    }
  }

  void forget(NativeHandle writer) {
    writers.remove(writer);
  }

  /** For {@link InterruptWatch}: ends the call of a thread that was interrupted. */
  void stopIfInterrupted() {
    Thread thread = caller;
    if (thread != null && thread.isInterrupted()) {
      synchronized (handleLock) {
        if (handle != 0) {
          Native.sessionStop(handle);
        }
      }
    }
  }

  /** Closes the session and every writer of it. May be called again. */
  @Override
  public void close() {
    turn.lock();
    try {
      new ArrayList<>(writers).forEach(NativeHandle::close);
      InterruptWatch.remove(this);
      synchronized (handleLock) {
        if (handle != 0) {
          Native.sessionClose(handle);
          handle = 0;
        }
      }
    } finally {
      turn.unlock();
    }
  }
}
