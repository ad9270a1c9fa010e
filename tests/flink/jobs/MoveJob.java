import java.util.HashMap;
import java.util.Map;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.table.api.DataTypes;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.runtime.typeutils.InternalTypeInfo;
import org.apache.flink.table.types.logical.RowType;
import org.apache.flink.types.Row;
import org.apache.hadoop.conf.Configuration;
import org.apache.iceberg.catalog.TableIdentifier;
import org.apache.iceberg.flink.CatalogLoader;
import org.apache.iceberg.flink.TableLoader;
import org.apache.iceberg.flink.sink.FlinkSink;
import org.apache.iceberg.flink.sink.IcebergSink;
import org.icesink.flink.IcesinkSink;
import org.icesink.flink.KafkaRows;

/**
 * Messages as they come into a table, by icesink's sink or by one of the community's. The source has a uid, so that a savepoint
 * of the job with one sink starts it with another.
 *
 * <p>Arguments: icesink, FlinkSink or IcebergSink; brokers; topic; namespace.table; and the sink's or its catalog's options,
 * key=value.
 */
public final class MoveJob {
  private static final RowType MESSAGES =
      (RowType)
          DataTypes.ROW(
                  DataTypes.FIELD("kafka_partition", DataTypes.INT()),
                  DataTypes.FIELD("kafka_offset", DataTypes.BIGINT()),
                  DataTypes.FIELD("value", DataTypes.BYTES()))
              .getLogicalType();

  private MoveJob() {}

  public static void main(String[] arguments) throws Exception {
    StreamExecutionEnvironment environment = StreamExecutionEnvironment.getExecutionEnvironment();
    DataStream<RowData> messages =
        environment
            .fromSource(source(arguments[1], arguments[2]), WatermarkStrategy.noWatermarks(), "messages")
            .uid("messages")
            .map(row -> (RowData) GenericRowData.of(row.getField(1), row.getField(2), row.getField(5)))
            .uid("rows")
            .returns(InternalTypeInfo.of(MESSAGES));
    Map<String, String> options = new HashMap<>();
    for (int i = 4; i < arguments.length; i++) {
      int equals = arguments[i].indexOf('=');
      options.put(arguments[i].substring(0, equals), arguments[i].substring(equals + 1));
    }
    write(arguments[0], arguments[3], options, messages);
    environment.execute("messages by " + arguments[0]);
  }

  @SuppressWarnings("unchecked")
  private static KafkaSource<Row> source(String brokers, String topic) throws ClassNotFoundException {
    return KafkaSource.<Row>builder()
        .setBootstrapServers(brokers)
        .setTopics(topic)
        .setStartingOffsets(OffsetsInitializer.earliest())
        .setDeserializer((KafkaRecordDeserializationSchema<Row>) KafkaRows.deserializer())
        .build();
  }

  private static void write(String sink, String table, Map<String, String> options, DataStream<RowData> messages)
      throws Exception {
    switch (sink) {
      case "icesink":
        IcesinkSink.builder().table(table).rowType(MESSAGES).settings(options).build().sinkTo(messages);
        break;
      case "FlinkSink":
        FlinkSink.forRowData(messages).tableLoader(loader(table, options)).uidPrefix("community").append();
        break;
      case "IcebergSink":
        IcebergSink.forRowData(messages).tableLoader(loader(table, options)).uidSuffix("community").append();
        break;
      default:
        throw new IllegalArgumentException(sink);
    }
  }

  private static TableLoader loader(String table, Map<String, String> options) {
    return TableLoader.fromCatalog(
        CatalogLoader.rest("lake", new Configuration(), options), TableIdentifier.parse(table));
  }
}
