import java.nio.file.Files;
import java.nio.file.Paths;
import java.util.Map;
import org.icesink.flink.Session;

/** Opens a catalog through the jar, makes a namespace, and prints every library that the process has mapped. */
public final class UseJar {
  public static void main(String[] arguments) throws Exception {
    Map<String, String> settings =
        Map.of(
            "catalog.uri", arguments[0] + "/catalog.db",
            "catalog.warehouse", arguments[0] + "/warehouse",
            "catalog.name", "lake");
    try (Session session = Session.open(settings)) {
      session.createNamespace("db");
    }
    Files.lines(Paths.get("/proc/self/maps"))
        .filter(line -> line.contains(".so"))
        .map(line -> line.substring(line.indexOf('/')))
        .distinct()
        .forEach(System.out::println);
  }
}
