package icesink;

import java.util.HashMap;
import java.util.Map;
import java.util.TreeMap;
import org.apache.hadoop.conf.Configuration;
import org.apache.iceberg.CatalogProperties;
import org.apache.iceberg.FileScanTask;
import org.apache.iceberg.Table;
import org.apache.iceberg.catalog.TableIdentifier;
import org.apache.iceberg.data.IcebergGenerics;
import org.apache.iceberg.data.Record;
import org.apache.iceberg.expressions.Expression;
import org.apache.iceberg.expressions.Expressions;
import org.apache.iceberg.io.CloseableIterable;
import org.apache.iceberg.jdbc.JdbcCatalog;

/**
 * Reads a table of a SQLite catalog with Iceberg's own libraries and prints what it found as one JSON object: the number of
 * rows, a sum over one double column, the number of distinct values of one text column, how many rows and files a predicate on
 * a text column leaves, and the number of snapshots.
 *
 * Arguments: catalog file, catalog name, warehouse, table, sum column, distinct column, filter column, filter value.
 */
public final class TableReader {
  private TableReader() {}

  public static void main(String[] arguments) throws Exception {
    Map<String, String> properties = new HashMap<>();
    properties.put(CatalogProperties.URI, "jdbc:sqlite:" + arguments[0]);
    properties.put(CatalogProperties.WAREHOUSE_LOCATION, arguments[2]);
    properties.put(CatalogProperties.FILE_IO_IMPL, "org.apache.iceberg.hadoop.HadoopFileIO");
    properties.put("jdbc.schema-version", "V1");
    try (JdbcCatalog catalog = new JdbcCatalog()) {
      catalog.setConf(new Configuration());
      catalog.initialize(arguments[1], properties);
      Table table = catalog.loadTable(TableIdentifier.parse(arguments[3]));
      Expression filter = Expressions.equal(arguments[6], arguments[7]);
      System.out.println(describe(table, arguments[4], arguments[5], filter));
    }
  }

  private static String describe(Table table, String sumColumn, String distinctColumn, Expression filter)
      throws Exception {
    long rows = 0;
    double sum = 0;
    Map<Object, Integer> seen = new TreeMap<>();
    try (CloseableIterable<Record> records = IcebergGenerics.read(table).build()) {
      for (Record record : records) {
        rows++;
        sum += ((Number) record.getField(sumColumn)).doubleValue();
        seen.merge(record.getField(distinctColumn).toString(), 1, Integer::sum);
      }
    }
    long filtered = 0;
    try (CloseableIterable<Record> records = IcebergGenerics.read(table).where(filter).build()) {
      for (Record ignored : records) {
        filtered++;
      }
    }
    long files = 0;
    try (CloseableIterable<FileScanTask> tasks = table.newScan().filter(filter).planFiles()) {
      for (FileScanTask ignored : tasks) {
        files++;
      }
    }
    long snapshots = 0;
    for (Object ignored : table.snapshots()) {
      snapshots++;
    }
    return String.format(
        "{\"rows\":%d,\"sum\":%.6f,\"distinct\":%d,\"filtered\":%d,\"filtered_files\":%d,\"snapshots\":%d}",
        rows, sum, seen.size(), filtered, files, snapshots);
  }
}
