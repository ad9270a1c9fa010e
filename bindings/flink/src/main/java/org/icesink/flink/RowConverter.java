package org.icesink.flink;

import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.functions.RichMapFunction;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.conversion.DataStructureConverter;
import org.apache.flink.table.data.conversion.DataStructureConverters;
import org.apache.flink.table.types.DataType;
import org.apache.flink.types.Row;

/** Flink's Row, by positions or by names, as the rows that the sink takes. */
final class RowConverter extends RichMapFunction<Row, RowData> {
  private static final long serialVersionUID = 1L;

  private final DataType type;
  private transient DataStructureConverter<Object, Object> converter;

  RowConverter(DataType type) {
    this.type = type;
  }

  @Override
  public void open(OpenContext context) {
    converter = DataStructureConverters.getConverter(type);
    converter.open(getRuntimeContext().getUserCodeClassLoader());
  }

  @Override
  public RowData map(Row row) {
    return (RowData) converter.toInternal(row);
  }
}
