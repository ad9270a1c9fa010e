package org.icesink.flink;

import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.time.LocalDate;
import java.util.Arrays;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Iceberg's partition transforms (https://iceberg.apache.org/spec/#partition-transforms), over values as {@link PartitionKey}
 * takes them from rows: Long for whole numbers, dates in days, times and timestamps in microseconds; BigInteger for unscaled
 * decimals; String; byte[]; Boolean, Float and Double.
 */
final class PartitionTransform {
  private static final Pattern SIZED = Pattern.compile("(bucket|truncate)\\[(\\d{1,9})\\]");
  private static final long MICROS_PER_HOUR = 3_600_000_000L;
  private static final long MICROS_PER_DAY = 24 * MICROS_PER_HOUR;

  private final String name;
  private final int size;

  private PartitionTransform(String name, int size) {
    this.name = name;
    this.size = size;
  }

  static PartitionTransform parse(String text) throws IcesinkException {
    Matcher sized = SIZED.matcher(text);
    if (sized.matches() && Integer.parseInt(sized.group(2)) > 0) {
      return new PartitionTransform(sized.group(1), Integer.parseInt(sized.group(2)));
    }
    switch (text) {
      case "identity":
      case "void":
      case "year":
      case "month":
      case "day":
      case "hour":
        return new PartitionTransform(text, 0);
      default:
        throw new IcesinkException(
            "UNSUPPORTED", "rows cannot be distributed by the transform " + text + "; set write.distribution-mode to none");
    }
  }

  boolean isVoid() {
    return name.equals("void");
  }

  /** @param isDate whether a Long counts days */
  Object apply(Object value, boolean isDate) {
    switch (name) {
      case "identity":
        return value;
      case "bucket":
        return (hash(value) & Integer.MAX_VALUE) % size;
      case "truncate":
        return truncate(value);
      case "hour":
        return Math.floorDiv((Long) value, MICROS_PER_HOUR);
      default:
        return calendar(isDate ? (Long) value : Math.floorDiv((Long) value, MICROS_PER_DAY));
    }
  }

  private Object calendar(long days) {
    if (name.equals("day")) {
      return days;
    }
    LocalDate date = LocalDate.ofEpochDay(days);
    return name.equals("year") ? date.getYear() : date.getYear() * 12 + date.getMonthValue();
  }

  private Object truncate(Object value) {
    if (value instanceof Long) {
      return (Long) value - Math.floorMod((Long) value, (long) size);
    }
    if (value instanceof BigInteger) {
      return ((BigInteger) value).subtract(((BigInteger) value).mod(BigInteger.valueOf(size)));
    }
    if (value instanceof String) {
      String text = (String) value;
      return text.codePointCount(0, text.length()) <= size
          ? text
          : text.substring(0, text.offsetByCodePoints(0, size));
    }
    byte[] bytes = (byte[]) value;
    return bytes.length <= size ? bytes : Arrays.copyOf(bytes, size);
  }

  /** https://iceberg.apache.org/spec/#appendix-b-32-bit-hash-requirements */
  static int hash(Object value) {
    if (value instanceof Long) {
      byte[] bytes = new byte[Long.BYTES];
      for (int i = 0; i < bytes.length; i++) {
        bytes[i] = (byte) ((Long) value >> Byte.SIZE * i);
      }
      return murmur3(bytes);
    }
    if (value instanceof BigInteger) {
      return murmur3(((BigInteger) value).toByteArray());
    }
    if (value instanceof String) {
      return murmur3(((String) value).getBytes(StandardCharsets.UTF_8));
    }
    return murmur3((byte[]) value);
  }

  // MurmurHash3, x86, 32 bits, seed 0.
  private static int murmur3(byte[] bytes) {
    int hash = 0;
    int whole = bytes.length & ~3;
    for (int i = 0; i < whole; i += Integer.BYTES) {
      hash = Integer.rotateLeft(hash ^ mix(little(bytes, i, Integer.BYTES)), 13) * 5 + 0xe6546b64;
    }
    hash ^= mix(little(bytes, whole, bytes.length - whole));
    hash ^= bytes.length;
    hash = (hash ^ hash >>> 16) * 0x85ebca6b;
    hash = (hash ^ hash >>> 13) * 0xc2b2ae35;
    return hash ^ hash >>> 16;
  }

  private static int mix(int block) {
    return Integer.rotateLeft(block * 0xcc9e2d51, 15) * 0x1b873593;
  }

  private static int little(byte[] bytes, int from, int count) {
    int value = 0;
    for (int i = 0; i < count; i++) {
      value |= (bytes[from + i] & 0xff) << Byte.SIZE * i;
    }
    return value;
  }
}
