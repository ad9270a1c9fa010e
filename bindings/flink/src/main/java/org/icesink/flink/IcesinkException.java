package org.icesink.flink;

import java.io.IOException;
import java.nio.charset.StandardCharsets;

/** An error of the native library: its status, its message, and what may be done next. */
public final class IcesinkException extends IOException {
  private static final long serialVersionUID = 1L;
  private static final int RETRYABLE = 1;
  private static final int FATAL = 2;
  private static final int POLICY = 4;

  private final String status;
  private final int flags;
  private final int originCode;

  /** For JNI: texts are UTF-8. */
  IcesinkException(byte[] status, byte[] message, int flags, int originCode) {
    this(new String(status, StandardCharsets.UTF_8), new String(message, StandardCharsets.UTF_8), flags, originCode);
  }

  IcesinkException(String status, String message) {
    this(status, message, 0, 0);
  }

  /** What a policy ({@code on_gap}, {@code on_reset}, …) does not allow. */
  static IcesinkException policy(String message) {
    return new IcesinkException("INVALID_STATE", message, POLICY, 0);
  }

  private IcesinkException(String status, String message, int flags, int originCode) {
    super(status + ": " + message);
    this.status = status;
    this.flags = flags;
    this.originCode = originCode;
  }

  static IcesinkException closed(String what) {
    return new IcesinkException("INVALID_STATE", what + " is closed");
  }

  /** The name of the status in {@code icesink/error.h}: INVALID_ARGUMENT, NOT_FOUND, COMMIT_UNKNOWN, … */
  public String status() {
    return status;
  }

  /** Whether the same call may succeed later without any change by the user. */
  public boolean isRetryable() {
    return (flags & RETRYABLE) != 0;
  }

  /** Whether what gave the error can only be closed. */
  public boolean isFatal() {
    return (flags & FATAL) != 0;
  }

  /** Whether a policy of the exactly-once protocol stopped the sink: another attempt would end the same. */
  public boolean isPolicy() {
    return (flags & POLICY) != 0;
  }

  /** Whether a commit may or may not have been made. */
  public boolean isCommitUnknown() {
    return status.equals("COMMIT_UNKNOWN");
  }

  /** An errno, an HTTP status, a SQLite code; 0 where there is none. */
  public int originCode() {
    return originCode;
  }
}
