package org.icesink.flink;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Paths;
import org.apache.flink.table.api.DataTypes;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.types.logical.RowType;

/** {@code MemoryCycles DIRECTORY COUNT}: opens and closes sessions with writers, and says by how much resident memory grew. */
final class MemoryCycles {
  private static final int WARM_UP = 100;
  private static final RowType ROWS =
      (RowType)
          DataTypes.ROW(
                  DataTypes.FIELD("id", DataTypes.BIGINT().notNull()),
                  DataTypes.FIELD("text", DataTypes.STRING()))
              .getLogicalType();

  private MemoryCycles() {}

  public static void main(String[] arguments) throws IOException {
    Lake lake = new Lake(Paths.get(arguments[0]));
    lake.createTable("db.t", ROWS);
    run(lake, WARM_UP);
    long before = residentBytes();
    run(lake, Integer.parseInt(arguments[1]));
    System.out.println(residentBytes() - before);
  }

  // Half of the writers are given up with open files, as a cancelled task does.
  private static void run(Lake lake, int cycles) throws IcesinkException {
    Columns columns = Columns.of(ROWS);
    for (int i = 0; i < cycles; i++) {
      try (Session session = lake.session();
          RowBatch batch = new RowBatch(columns)) {
        TableWriter writer = session.openWriter("db.t", columns);
        for (long k = 0; k < 1000; k++) {
          batch.add(GenericRowData.of(k, StringData.fromString("text ".repeat(20) + k)));
        }
        writer.append(batch);
        if (i % 2 == 0 && writer.finish().length == 0) {
          throw new IllegalStateException("no files of 1000 rows");
        }
      }
    }
  }

  private static long residentBytes() throws IOException {
    System.gc();
    for (String line : Files.readAllLines(Paths.get("/proc/self/status"))) {
      if (line.startsWith("VmRSS:")) {
        return Long.parseLong(line.replaceAll("\\D", "")) * 1024;
      }
    }
    throw new IOException("no VmRSS");
  }
}
