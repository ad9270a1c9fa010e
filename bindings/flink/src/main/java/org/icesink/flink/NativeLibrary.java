package org.icesink.flink;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.List;

/**
 * Loads libicesink_jni, once per class loader. The JVM binds a library's path to one class loader, and every Flink job has its
 * own: so each load has a fresh private folder, which is deleted as soon as its files are mapped. The libraries that it needs
 * lie beside it where the jar carries them; then the system's are not looked at.
 */
final class NativeLibrary {
  private static final String FILE = "libicesink_jni.so";
  private static final String FOLDER = "/native/linux-x86_64/";
  /** What the jar carries, a name on each line (tools/carry_libraries.py); without it libicesink_jni alone. */
  private static final String INDEX = "libraries";
  private static boolean loaded;

  private NativeLibrary() {}

  static boolean isSupported() {
    return System.getProperty("os.name").equals("Linux") && System.getProperty("os.arch").equals("amd64");
  }

  static synchronized void load() throws IcesinkException {
    if (loaded) {
      return;
    }
    if (!isSupported()) {
      throw unloadable("it is made for Linux on x86-64", null);
    }
    try {
      List<String> names = names();
      // Private: createTempDirectory makes it for this user alone.
      Path directory = Files.createTempDirectory("icesink");
      try {
        for (String name : names) {
          try (InputStream library = open(name)) {
            Files.copy(library, directory.resolve(name));
          }
        }
        System.load(directory.resolve(FILE).toString());
      } finally {
        for (String name : names) {
          Files.deleteIfExists(directory.resolve(name));
        }
        Files.delete(directory);
      }
    } catch (IOException | UnsatisfiedLinkError e) {
      throw unloadable(e.getMessage(), e);
    }
    loaded = true;
  }

  private static List<String> names() throws IOException {
    try (InputStream index = NativeLibrary.class.getResourceAsStream(FOLDER + INDEX)) {
      return index == null || administered() != null
          ? List.of(FILE)
          : List.of(new String(index.readAllBytes(), StandardCharsets.UTF_8).split("\n"));
    }
  }

  /** The library in Flink's lib folder, where an administrator may have put one for all jobs; null: none. */
  private static Path administered() {
    String lib = System.getenv("FLINK_LIB_DIR");
    return lib != null && Files.isRegularFile(Paths.get(lib, FILE)) ? Paths.get(lib, FILE) : null;
  }

  private static InputStream open(String name) throws IOException {
    if (administered() != null) {
      return Files.newInputStream(administered());
    }
    InputStream resource = NativeLibrary.class.getResourceAsStream(FOLDER + name);
    if (resource == null) {
      throw new IOException("the jar has no " + FOLDER + name);
    }
    return resource;
  }

  private static IcesinkException unloadable(String reason, Throwable cause) {
    IcesinkException error =
        new IcesinkException("UNSUPPORTED", "the native library of icesink cannot be loaded: " + reason);
    error.initCause(cause);
    return error;
  }
}
