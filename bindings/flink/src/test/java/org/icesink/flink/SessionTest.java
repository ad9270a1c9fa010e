package org.icesink.flink;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.table.api.DataTypes;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.types.logical.RowType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class SessionTest {
  private static final RowType ROWS =
      (RowType)
          DataTypes.ROW(
                  DataTypes.FIELD("id", DataTypes.BIGINT().notNull()),
                  DataTypes.FIELD("text", DataTypes.STRING()))
              .getLogicalType();

  @TempDir Path directory;

  private static GenericRowData row(long id, String text) {
    return GenericRowData.of(id, StringData.fromString(text));
  }

  private static byte[] write(Session session, String table, GenericRowData... rows) throws IcesinkException {
    Columns columns = Columns.of(ROWS);
    try (TableWriter writer = session.openWriter(table, columns);
        RowBatch batch = new RowBatch(columns)) {
      for (GenericRowData row : rows) {
        batch.add(row);
      }
      writer.append(batch);
      return writer.finish();
    }
  }

  private static IcesinkCommittable committable(long number, byte[] files) {
    return new IcesinkCommittable("w", "größer", "o", number, number, false, List.of(files), 1);
  }

  @Test
  void anUnknownSettingIsAnExceptionWithTheLibrarysText() {
    IcesinkException error =
        assertThrows(IcesinkException.class, () -> Session.open(Map.of("catalog.tpye", "sqlite")));
    assertEquals("INVALID_ARGUMENT", error.status());
    assertTrue(error.getMessage().contains("catalog.type"), error.getMessage());
    assertFalse(error.isRetryable());
  }

  @Test
  void aMissingTableIsAnException() throws IOException {
    Lake lake = new Lake(directory);
    try (Session session = lake.session()) {
      session.createNamespace("db");
      IcesinkException error =
          assertThrows(IcesinkException.class, () -> session.openWriter("db.none", Columns.of(ROWS)));
      assertEquals("NOT_FOUND", error.status());
      assertTrue(error.getMessage().contains("Table does not exist: db.none"), error.getMessage());
    }
  }

  @Test
  void aClosedHandleIsAnException() throws IOException {
    Lake lake = new Lake(directory);
    lake.createTable("db.t", ROWS);
    Columns columns = Columns.of(ROWS);
    Session session = lake.session();
    TableWriter first = session.openWriter("db.t", columns);
    TableWriter second = session.openWriter("db.t", columns);
    RowBatch batch = new RowBatch(columns);
    batch.add(row(1, "a"));
    first.close();
    first.close();
    assertEquals("INVALID_STATE", assertThrows(IcesinkException.class, () -> first.append(batch)).status());
    second.append(batch);
    session.close();
    session.close();
    second.close();
    assertEquals("INVALID_STATE", assertThrows(IcesinkException.class, second::finish).status());
    assertEquals("INVALID_STATE", assertThrows(IcesinkException.class, () -> session.loadTable("db.t")).status());
    batch.close();
    batch.close();
    assertEquals("INVALID_STATE", assertThrows(IcesinkException.class, () -> batch.add(row(1, "a"))).status());
    assertEquals("INVALID_STATE", assertThrows(IcesinkException.class, () -> first.append(batch)).status());
  }

  @Test
  void aTokenAppendsOnce() throws Exception {
    Lake lake = new Lake(directory);
    lake.createTable("db.t", ROWS);
    try (Session session = lake.session()) {
      IcesinkCommittable files = committable(3, write(session, "db.t", row(0, "a"), row(1, "ü\uD83D\uDE00\0")));
      assertEquals(OptionalLong.empty(), session.token("db.t", files.writer()));
      assertTrue(session.append("db.t", files));
      assertFalse(session.append("db.t", files));
      assertEquals(OptionalLong.of(3), session.token("db.t", files.writer()));
    }
    JsonNode table = lake.read("db.t");
    Lake.assertIdsOnce(table, 2);
    assertEquals(1, table.get("snapshots").size());
    assertEquals("größer", table.get("snapshots").get(0).get("flink.job-id").asText());
    assertEquals(
        List.of("a", "ü\uD83D\uDE00\0"), List.of(text(table, 0), text(table, 1)), "texts beyond JNI's own strings");
  }

  private static String text(JsonNode table, long id) {
    for (JsonNode row : table.get("rows")) {
      if (row.get("id").asLong() == id) {
        return row.get("text").asText();
      }
    }
    throw new AssertionError("no row " + id);
  }

  @Test
  void damagedFilesAreAnException() throws IOException {
    Lake lake = new Lake(directory);
    lake.createTable("db.t", ROWS);
    try (Session session = lake.session()) {
      IcesinkException error =
          assertThrows(
              IcesinkException.class,
              () -> session.append("db.t", committable(1, new byte[] {1, 2, 3})));
      assertEquals("CORRUPT", error.status());
    }
  }

  /** Flink cancels by interrupting: a server that never answers must not hold the task. */
  @Test
  void anInterruptEndsACallThatWaits() throws Exception {
    try (ServerSocket silent = new ServerSocket(0, 10, InetAddress.getLoopbackAddress())) {
      CompletableFuture<IcesinkException> outcome = new CompletableFuture<>();
      Thread task =
          new Thread(
              () -> {
                Map<String, String> settings =
                    Map.of(
                        "catalog.type", "rest", "catalog.uri", "http://127.0.0.1:" + silent.getLocalPort());
                try (Session session = Session.open(settings)) {
                  session.loadTable("db.t");
                  outcome.completeExceptionally(new AssertionError("a silent server gave a table"));
                } catch (IcesinkException e) {
                  outcome.complete(e);
                }
              });
      task.start();
      silent.accept();
      Thread.sleep(300);
      assertFalse(outcome.isDone(), "the call did not wait");
      task.interrupt();
      assertEquals("CANCELLED", outcome.get(5, TimeUnit.SECONDS).status());
      task.join(5000);
    }
  }

  /** A catalog that is up and cannot: the library waits and says so in Flink's log; the error may be tried again. */
  @Test
  void troubleIsLoggedAndRetryable() throws IOException {
    HttpServer catalog = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 10);
    catalog.createContext("/", exchange -> answer(exchange, 503, "{}"));
    catalog.createContext("/v1/config", exchange -> answer(exchange, 200, "{\"defaults\":{},\"overrides\":{}}"));
    catalog.start();
    Map<String, String> settings =
        Map.of(
            "catalog.type", "rest",
            "catalog.uri", "http://127.0.0.1:" + catalog.getAddress().getPort(),
            "commit.give_up", "3s");
    long before = logged("A commit was not decided; trying again");
    try (Session session = Session.open(settings)) {
      IcesinkException error =
          assertThrows(IcesinkException.class, () -> session.append("db.t", committable(1, new byte[0])));
      assertTrue(error.isRetryable(), error.getMessage());
    } finally {
      catalog.stop(0);
    }
    assertTrue(logged("A commit was not decided; trying again") > before);
  }

  private static void answer(HttpExchange exchange, int status, String body) throws IOException {
    exchange.sendResponseHeaders(status, body.length());
    exchange.getResponseBody().write(body.getBytes(StandardCharsets.UTF_8));
    exchange.close();
  }

  private static long logged(String text) throws IOException {
    try (Stream<String> lines = Files.lines(Paths.get(System.getProperty("icesink.log")))) {
      return lines.filter(line -> line.contains("WARN") && line.contains(text)).count();
    }
  }

  /** In a JVM of its own: what other tests give back must not hide what is lost here. */
  @Test
  void sessionsLeaveNoMemoryBehind() throws Exception {
    String cycles = "1".equals(System.getenv("ICESINK_TEST_ALL")) ? "1000" : "200";
    Process child =
        new ProcessBuilder(
                Paths.get(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xms256m",
                "-Xmx256m",
                "-XX:+AlwaysPreTouch",
                "-cp",
                System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
                "-Dicesink.log=" + directory.resolve("child.log"),
                MemoryCycles.class.getName(),
                directory.toString(),
                cycles)
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    String output = Texts.text(child.getInputStream().readAllBytes()).trim();
    assertEquals(0, child.waitFor(), output);
    long grown = Long.parseLong(output);
    System.out.println(cycles + " sessions with a writer: resident memory grew by " + grown / 1024 + " KiB");
    // A session with a writer holds more than 100 KiB, the buffers of its rows as much: a leak of either would show.
    assertTrue(grown < 8 << 20, "resident memory grew by " + grown + " bytes");
  }
}
