package org.icesink.flink;

/** Something that was opened from a {@link Session}, and is closed before it. */
abstract class NativeHandle implements AutoCloseable {
  private final Session session;
  private final String what;
  private long handle;

  NativeHandle(Session session, String what, long handle) {
    this.session = session;
    this.what = what;
    this.handle = handle;
  }

  /** Gives the handle back; called once. */
  abstract void release(long open);

  /** A call with the handle, in the session's turn. */
  <T> T call(Session.Call<T> call) throws IcesinkException {
    return session.call(
        ignored -> {
          if (handle == 0) {
            throw IcesinkException.closed(what);
          }
          return call.apply(handle);
        });
  }

  /** Drops what is not finished. May be called again, and after the session was closed. */
  @Override
  public void close() {
    try {
      session.call(
          ignored -> {
            if (handle != 0) {
              release(handle);
              handle = 0;
              session.forget(this);
            }
            return null;
          });
    } catch (IcesinkException e) {
      // The session is closed, and closed its writers first.
      handle = 0;
    }
  }
}
