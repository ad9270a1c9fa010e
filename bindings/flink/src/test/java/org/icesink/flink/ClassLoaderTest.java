package org.icesink.flink;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.ref.WeakReference;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Every job of a session cluster brings its own classes, and with them its own library: they must go with the job. */
final class ClassLoaderTest {
  private static final int JOBS = 10;

  @TempDir Path directory;

  /** Knows everything but this connector, so that each loader below it loads that anew. */
  private static final class WithoutConnector extends ClassLoader {
    WithoutConnector() {
      super(ClassLoaderTest.class.getClassLoader());
    }

    @Override
    protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
      if (name.startsWith("org.icesink.")) {
        throw new ClassNotFoundException(name);
      }
      return super.loadClass(name, resolve);
    }

    @Override
    public URL getResource(String name) {
      return name.startsWith("native/") ? null : super.getResource(name);
    }
  }

  private WeakReference<ClassLoader> job(int number) throws Exception {
    URL classes = Session.class.getProtectionDomain().getCodeSource().getLocation();
    try (URLClassLoader loader = new URLClassLoader(new URL[] {classes}, new WithoutConnector())) {
      Class<?> session = loader.loadClass(Session.class.getName());
      assertNotSame(Session.class, session);
      Map<String, String> settings = new Lake(directory).settings();
      try (AutoCloseable opened = (AutoCloseable) session.getMethod("open", Map.class).invoke(null, settings)) {
        Method create = session.getMethod("createNamespace", String.class);
        create.invoke(opened, "of_job_" + number);
        assertEquals("INVALID_ARGUMENT", statusOf(() -> session.getMethod("setting", String.class).invoke(opened, "x")));
      }
      return new WeakReference<>(loader);
    }
  }

  private interface Call {
    void run() throws Exception;
  }

  private static String statusOf(Call call) throws Exception {
    try {
      call.run();
      return "none";
    } catch (InvocationTargetException e) {
      return (String) e.getCause().getClass().getMethod("status").invoke(e.getCause());
    }
  }

  private static long mappings() throws IOException {
    try (Stream<String> lines = Files.lines(Paths.get("/proc/self/maps"))) {
      return lines.filter(line -> line.contains("libicesink_jni") && line.contains("r-xp")).count();
    }
  }

  @Test
  void librariesGoWithTheirClassLoaders() throws Exception {
    // What the JVM itself starts on first use keeps the loader that it was started under; it is one, whatever follows.
    job(JOBS);
    long before = mappings();
    List<WeakReference<ClassLoader>> loaders = new ArrayList<>();
    for (int i = 0; i < JOBS; i++) {
      loaders.add(job(i));
    }
    long deadline = System.nanoTime() + 20_000_000_000L;
    while (loaders.stream().anyMatch(loader -> loader.get() != null) || mappings() > before) {
      assertTrue(System.nanoTime() < deadline, "of " + JOBS + " libraries " + (mappings() - before) + " are loaded still");
      System.gc();
      Thread.sleep(50);
    }
    // This class's own library is none of them, and works.
    NativeLibrary.load();
    assertEquals(
        "INVALID_ARGUMENT", statusOf(() -> Session.class.getMethod("open", Map.class).invoke(null, Map.of("x", "y"))));
  }
}
