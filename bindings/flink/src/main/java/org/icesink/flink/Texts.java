package org.icesink.flink;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** Texts as JNI takes them: UTF-8 bytes, and lists of texts of which each is ended by a zero byte. */
final class Texts {
  private Texts() {}

  static byte[] utf8(String text) {
    if (text.indexOf('\0') >= 0) {
      throw new IllegalArgumentException("a text with a zero character: " + text.replace('\0', '?'));
    }
    return text.getBytes(StandardCharsets.UTF_8);
  }

  static String text(byte[] utf8) {
    return new String(utf8, StandardCharsets.UTF_8);
  }

  static byte[] join(List<String> texts) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    for (String text : texts) {
      bytes.writeBytes(utf8(text));
      bytes.write(0);
    }
    return bytes.toByteArray();
  }

  /** "key=value" of each entry. */
  static byte[] join(Map<String, String> entries) {
    return join(
        entries.entrySet().stream().map(e -> e.getKey() + "=" + e.getValue()).collect(Collectors.toList()));
  }
}
