package org.icesink.flink;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ArrayNode;

/** A real broker, topics of health messages on it, and who knows what has to become of them: health_topics.py. */
final class HealthTopics implements AutoCloseable {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Path ROOT = Paths.get(System.getProperty("icesink.root"));

  /** A topic with the folder of its configuration, its catalog and its tables. */
  final class Topic {
    private final Path directory;

    private Topic(Path directory) {
      this.directory = directory;
    }

    String name() {
      return directory.getFileName().toString();
    }

    String configuration() {
      return directory.resolve("icesink.yaml").toString();
    }

    JsonNode call(String method, Object... arguments) throws IOException {
      return HealthTopics.this.call(directory, method, arguments);
    }

    IcesinkKafka.Builder sink() {
      return IcesinkKafka.builder()
          .file(configuration())
          .setting("memory", "64MB")
          .setting("source.kafka.discovery_interval", "100ms");
    }

    /** Waits until the table has so many of the topic's offsets; for a minute at the most. */
    void waitFor(long offsets) throws Exception {
      long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
      while (position() < offsets) {
        assertTrue(System.nanoTime() < deadline, "the position is " + position() + " after a minute, not " + offsets);
        Thread.sleep(30);
      }
      assertEquals(offsets, position());
    }

    /** The sum of all partitions' next offsets, according to the table. */
    long position() throws IcesinkException {
      try (Session session = Session.open(configuration(), Map.of())) {
        return session.position().values().stream().mapToLong(Long::longValue).sum();
      }
    }
  }

  private final Path directory;
  private final String broker;
  private final Process python;
  private final BufferedReader answers;
  private final Writer questions;

  HealthTopics(Path directory) throws Exception {
    this.directory = directory;
    broker = script("start", directory.resolve("broker").toString());
    python =
        new ProcessBuilder(
                System.getProperty("icesink.python"),
                ROOT.resolve("bindings/flink/src/test/python/health_topics.py").toString(),
                broker)
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    answers = new BufferedReader(new InputStreamReader(python.getInputStream(), StandardCharsets.UTF_8));
    questions = new OutputStreamWriter(python.getOutputStream(), StandardCharsets.UTF_8);
  }

  private static String script(String... arguments) throws Exception {
    ProcessBuilder builder = new ProcessBuilder(ROOT.resolve("tools/services/kafka.sh").toString());
    builder.command().addAll(List.of(arguments));
    Path said = Files.createTempFile("kafka", null);
    try {
      // The broker keeps the pipe open that it is started with, so there is none.
      int status =
          builder.redirectError(ProcessBuilder.Redirect.INHERIT).redirectOutput(said.toFile()).start().waitFor();
      assertEquals(0, status, "the exit status of kafka.sh");
      return Files.readString(said).trim();
    } finally {
      Files.delete(said);
    }
  }

  /** A topic with so many partitions of which nothing is produced yet, and its tables. */
  Topic create(String name, int partitions, int messages, int seed) throws IOException {
    Topic topic = generate(name, partitions, messages, seed);
    topic.call("create", partitions);
    return topic;
  }

  /** The same without the topic. */
  Topic generate(String name, int partitions, int messages, int seed) throws IOException {
    Topic topic = new Topic(directory.resolve(name));
    topic.call("make", partitions, messages, seed);
    return topic;
  }

  String broker() {
    return broker;
  }

  private synchronized JsonNode call(Path topic, String method, Object... arguments) throws IOException {
    ArrayNode question = JSON.createArrayNode().add(topic.toString()).add(method);
    for (Object argument : arguments) {
      question.addPOJO(argument);
    }
    questions.write(JSON.writeValueAsString(question) + "\n");
    questions.flush();
    String line = answers.readLine();
    if (line == null) {
      throw new IOException("health_topics.py has ended");
    }
    JsonNode answer = JSON.readTree(line);
    if (answer.has("error")) {
      throw new AssertionError(answer.get("error").asText());
    }
    return answer.get("value");
  }

  @Override
  public void close() throws Exception {
    questions.close();
    python.waitFor();
    script("stop", directory.resolve("broker").toString());
  }
}
