package org.icesink.flink;

import java.io.IOException;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.functions.RichMapFunction;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.DataStreamSink;
import org.apache.flink.table.data.DecimalData;
import org.apache.flink.table.data.GenericArrayData;
import org.apache.flink.table.data.GenericMapData;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.data.TimestampData;
import org.apache.flink.table.runtime.typeutils.InternalTypeInfo;
import org.apache.flink.table.types.logical.ArrayType;
import org.apache.flink.table.types.logical.DecimalType;
import org.apache.flink.table.types.logical.LogicalType;
import org.apache.flink.table.types.logical.MapType;
import org.apache.flink.table.types.logical.RowType;
import org.apache.flink.table.types.logical.utils.LogicalTypeParser;
import org.apache.flink.types.Row;

/**
 * Rows as PyFlink hands them over. Times are numbers, so that no time zone and no rounding of Python's or Java's comes
 * between: dates in days, times in milliseconds, timestamps in microseconds since 1970. Lists are object arrays. Fields
 * are in the order of the type.
 */
public final class PhysicalRows extends RichMapFunction<Row, RowData> {
  private static final long serialVersionUID = 1L;

  /** One value that is not null. */
  private interface Field {
    Object convert(Object value);
  }

  private final RowType type;
  private transient Field converter;

  PhysicalRows(RowType type) {
    this.type = type;
  }

  /** The type of rows from its SQL text. */
  public static RowType type(String text) {
    return (RowType)
        LogicalTypeParser.parse(text, Thread.currentThread().getContextClassLoader()).copy(false);
  }

  /** Attaches a sink that was made for rows of {@code type} and is called {@code name}. */
  public static DataStreamSink<RowData> sinkTo(DataStream<Row> rows, RowType type, String name, IcesinkSink sink)
      throws IOException {
    return sink.sinkTo(
        rows.map(new PhysicalRows(type))
            .name("icesink rows " + name)
            .uid("icesink rows " + name)
            .returns(InternalTypeInfo.of(type)));
  }

  @Override
  public void open(OpenContext context) {
    converter = field("", type);
  }

  @Override
  public RowData map(Row row) {
    return (RowData) converter.convert(row);
  }

  private static Object convert(Field field, Object value) {
    return value == null ? null : field.convert(value);
  }

  private static Field field(String path, LogicalType type) {
    switch (type.getTypeRoot()) {
      case CHAR:
      case VARCHAR:
        return value -> StringData.fromString((String) value);
      case DECIMAL:
        return value -> decimal(path, (DecimalType) type, (BigDecimal) value);
      case TIMESTAMP_WITHOUT_TIME_ZONE:
      case TIMESTAMP_WITH_LOCAL_TIME_ZONE:
        return value -> timestamp((Long) value);
      case ARRAY:
        Field element = field(path + ".element", ((ArrayType) type).getElementType());
        return value ->
            new GenericArrayData(Arrays.stream((Object[]) value).map(each -> convert(element, each)).toArray());
      case MAP:
        Field key = field(path + ".key", ((MapType) type).getKeyType());
        Field entry = field(path + ".value", ((MapType) type).getValueType());
        return value -> map(key, entry, (Map<?, ?>) value);
      case ROW:
        List<RowType.RowField> fields = ((RowType) type).getFields();
        Field[] converters =
            fields.stream()
                .map(each -> field((path.isEmpty() ? "" : path + ".") + each.getName(), each.getType()))
                .toArray(Field[]::new);
        return value -> row(converters, (Row) value);
      default:
        return value -> value;
    }
  }

  private static TimestampData timestamp(long microseconds) {
    return TimestampData.fromEpochMillis(
        Math.floorDiv(microseconds, 1000L), (int) Math.floorMod(microseconds, 1000L) * 1000);
  }

  private static DecimalData decimal(String path, DecimalType type, BigDecimal value) {
    DecimalData exact;
    try {
      BigDecimal scaled = value.setScale(type.getScale(), RoundingMode.UNNECESSARY);
      exact = DecimalData.fromBigDecimal(scaled, type.getPrecision(), type.getScale());
    } catch (ArithmeticException e) {
      exact = null;
    }
    if (exact == null) {
      throw new IllegalArgumentException(
          "column \"" + path + "\": " + value.toPlainString() + " does not fit " + type.asSerializableString());
    }
    return exact;
  }

  private static GenericMapData map(Field key, Field entry, Map<?, ?> value) {
    Map<Object, Object> converted = new HashMap<>();
    value.forEach((k, v) -> converted.put(convert(key, k), convert(entry, v)));
    return new GenericMapData(converted);
  }

  private static RowData row(Field[] fields, Row value) {
    GenericRowData converted = new GenericRowData(value.getKind(), fields.length);
    for (int i = 0; i < fields.length; i++) {
      converted.setField(i, convert(fields[i], value.getField(i)));
    }
    return converted;
  }
}
