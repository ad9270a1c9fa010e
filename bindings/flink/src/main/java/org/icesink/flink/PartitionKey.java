package org.icesink.flink;

import java.io.IOException;
import java.io.Serializable;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.flink.api.java.functions.KeySelector;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.flink.table.data.DecimalData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.TimestampData;
import org.apache.flink.table.types.logical.LogicalType;
import org.apache.flink.table.types.logical.LogicalTypeRoot;
import org.apache.flink.table.types.logical.RowType;

/** A number that rows of one partition have in common, for the distribution of rows. */
final class PartitionKey implements KeySelector<RowData, Integer> {
  private static final long serialVersionUID = 1L;
  private static final long MICROS = 1000;
  private static final int NANOS = 1000;

  /** A field of the partition spec; the transform is kept as text, which is what serializes. */
  private static final class Field implements Serializable {
    private static final long serialVersionUID = 1L;
    private final String transformText;
    private final LogicalType type;
    private final RowData.FieldGetter getter;
    private transient PartitionTransform transform;

    private Field(String transformText, LogicalType type, int position) {
      this.transformText = transformText;
      this.type = type;
      this.getter = RowData.createFieldGetter(type, position);
    }

    private int hash(RowData row) throws IcesinkException {
      if (transform == null) {
        transform = PartitionTransform.parse(transformText);
      }
      Object value = getter.getFieldOrNull(row);
      if (value == null) {
        return 0;
      }
      Object result = transform.apply(plain(value), type.is(LogicalTypeRoot.DATE));
      // A Long's own hash is the same for a day before 1970 and one after, an array's is that of the object.
      return result instanceof Long || result instanceof byte[]
          ? PartitionTransform.hash(result)
          : result.hashCode();
    }

    private Object plain(Object value) {
      switch (type.getTypeRoot()) {
        case INTEGER:
        case DATE:
          return ((Integer) value).longValue();
        case TIME_WITHOUT_TIME_ZONE:
          return (Integer) value * MICROS;
        case TIMESTAMP_WITHOUT_TIME_ZONE:
        case TIMESTAMP_WITH_LOCAL_TIME_ZONE:
          TimestampData time = (TimestampData) value;
          return time.getMillisecond() * MICROS + time.getNanoOfMillisecond() / NANOS;
        case DECIMAL:
          return new BigInteger(((DecimalData) value).toUnscaledBytes());
        case CHAR:
        case VARCHAR:
          return value.toString();
        default:
          return value;
      }
    }
  }

  private final ArrayList<Field> fields;

  private PartitionKey(ArrayList<Field> fields) {
    this.fields = fields;
  }

  /** That of the table's partition spec as it is now: a spec that changes later costs files, not correctness. */
  static PartitionKey load(IcesinkSink.Settings settings) throws IOException {
    try (Session session = Session.open(settings.session())) {
      return parse(session.loadTable(settings.table()), settings.rowType());
    }
  }

  static PartitionKey parse(String loaded, RowType rows) throws IOException {
    JsonNode metadata = new ObjectMapper().readTree(loaded).path("metadata");
    Map<Integer, String> columns = new HashMap<>();
    for (JsonNode column : byId(metadata, "schemas", "schema-id", "current-schema-id").path("fields")) {
      columns.put(column.path("id").asInt(), column.path("name").asText());
    }
    ArrayList<Field> fields = new ArrayList<>();
    List<String> names = rows.getFieldNames();
    for (JsonNode field : byId(metadata, "partition-specs", "spec-id", "default-spec-id").path("fields")) {
      String transform = field.path("transform").asText();
      if (PartitionTransform.parse(transform).isVoid()) {
        continue;
      }
      String column = columns.get(field.path("source-id").asInt());
      int position = names.indexOf(column);
      if (column == null) {
        throw new IcesinkException(
            "UNSUPPORTED",
            "rows cannot be distributed by the partition field \"" + field.path("name").asText()
                + "\", which is of a nested column; set write.distribution-mode to none");
      }
      // A column that the rows do not have is null in all of them.
      if (position >= 0) {
        fields.add(new Field(transform, rows.getTypeAt(position), position));
      }
    }
    return new PartitionKey(fields);
  }

  private static JsonNode byId(JsonNode metadata, String list, String id, String wanted) throws IOException {
    for (JsonNode item : metadata.path(list)) {
      if (item.path(id).asInt() == metadata.path(wanted).asInt()) {
        return item;
      }
    }
    throw new IcesinkException("CORRUPT", "the table's metadata has no " + wanted + " among its " + list);
  }

  /** Whether all rows have the same key: the table is not partitioned. */
  boolean isConstant() {
    return fields.isEmpty();
  }

  @Override
  public Integer getKey(RowData row) throws IOException {
    int key = 1;
    for (Field field : fields) {
      key = 31 * key + field.hash(row);
    }
    return key;
  }
}
