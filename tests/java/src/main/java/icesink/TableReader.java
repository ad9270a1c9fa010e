package icesink;

import java.util.HashMap;
import java.util.Map;
import java.util.TreeMap;
import org.apache.hadoop.conf.Configuration;
import org.apache.iceberg.CatalogProperties;
import org.apache.iceberg.FileScanTask;
import org.apache.iceberg.Table;
import org.apache.iceberg.catalog.Catalog;
import org.apache.iceberg.catalog.TableIdentifier;
import org.apache.iceberg.data.IcebergGenerics;
import org.apache.iceberg.data.Record;
import org.apache.iceberg.expressions.Expression;
import org.apache.iceberg.expressions.Expressions;
import org.apache.iceberg.io.CloseableIterable;
import org.apache.iceberg.jdbc.JdbcCatalog;
import org.apache.iceberg.rest.RESTCatalog;

/**
 * Reads a table of a SQLite or REST catalog with Iceberg's own libraries and prints what it found as one JSON object: the number of
 * rows, a sum over one double column, the number of distinct values of one text column, how many rows and files a predicate on
 * a text column leaves, and the number of snapshots.
 *
 * Arguments: catalog file or http URI (then S3_ENDPOINT, S3_ACCESS_KEY and S3_SECRET_KEY reach its objects), catalog name, warehouse, table, sum column, distinct column, filter column, filter value.
 */
public final class TableReader {
  private TableReader() {}

  public static void main(String[] arguments) throws Exception {
    Catalog catalog =
        arguments[0].startsWith("http")
            ? openRest(arguments[0], arguments[1], arguments[2])
            : openSqlite(arguments[0], arguments[1], arguments[2]);
    try (AutoCloseable closed = (AutoCloseable) catalog) {
      Table table = catalog.loadTable(TableIdentifier.parse(arguments[3]));
      Expression filter = Expressions.equal(arguments[6], arguments[7]);
      System.out.println(describe(table, arguments[4], arguments[5], filter));
    }
  }

  private static Catalog openSqlite(String file, String name, String warehouse) {
    Map<String, String> properties = new HashMap<>();
    properties.put(CatalogProperties.URI, "jdbc:sqlite:" + file);
    properties.put(CatalogProperties.WAREHOUSE_LOCATION, warehouse);
    properties.put(CatalogProperties.FILE_IO_IMPL, "org.apache.iceberg.hadoop.HadoopFileIO");
    properties.put("jdbc.schema-version", "V1");
    JdbcCatalog catalog = new JdbcCatalog();
    catalog.setConf(new Configuration());
    catalog.initialize(name, properties);
    return catalog;
  }

  private static Catalog openRest(String uri, String name, String warehouse) {
    Map<String, String> properties = new HashMap<>();
    properties.put(CatalogProperties.URI, uri);
    properties.put(CatalogProperties.WAREHOUSE_LOCATION, warehouse);
    properties.put(CatalogProperties.FILE_IO_IMPL, "org.apache.iceberg.aws.s3.S3FileIO");
    properties.put("s3.endpoint", System.getenv("S3_ENDPOINT"));
    properties.put("s3.path-style-access", "true");
    properties.put("s3.access-key-id", System.getenv("S3_ACCESS_KEY"));
    properties.put("s3.secret-access-key", System.getenv("S3_SECRET_KEY"));
    properties.put("client.region", "us-east-1");
    RESTCatalog catalog = new RESTCatalog();
    catalog.initialize(name, properties);
    return catalog;
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
