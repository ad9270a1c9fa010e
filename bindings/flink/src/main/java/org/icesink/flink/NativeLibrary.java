package org.icesink.flink;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;

/**
 * Loads libicesink_jni, once per class loader. The JVM binds a library's path to one class loader, and every Flink job has its
 * own: so each load has a fresh private file, which is deleted as soon as it is mapped.
 */
final class NativeLibrary {
  private static final String FILE = "libicesink_jni.so";
  private static final String RESOURCE = "/native/linux-x86_64/" + FILE;
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
    try (InputStream library = open()) {
      // Private: createTempDirectory makes it for this user alone.
      Path directory = Files.createTempDirectory("icesink");
      Path file = directory.resolve(FILE);
      try {
        Files.copy(library, file);
        System.load(file.toString());
      } finally {
        Files.deleteIfExists(file);
        Files.delete(directory);
      }
    } catch (IOException | UnsatisfiedLinkError e) {
      throw unloadable(e.getMessage(), e);
    }
    loaded = true;
  }

  /** The library in Flink's lib folder, where an administrator may have put one for all jobs; else that of the jar. */
  private static InputStream open() throws IOException {
    String lib = System.getenv("FLINK_LIB_DIR");
    if (lib != null && Files.isRegularFile(Paths.get(lib, FILE))) {
      return Files.newInputStream(Paths.get(lib, FILE));
    }
    InputStream resource = NativeLibrary.class.getResourceAsStream(RESOURCE);
    if (resource == null) {
      throw new IOException("the jar has no " + RESOURCE);
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
