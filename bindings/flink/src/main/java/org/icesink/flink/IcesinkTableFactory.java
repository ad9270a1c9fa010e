package org.icesink.flink;

import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import org.apache.flink.configuration.ConfigOption;
import org.apache.flink.configuration.ConfigOptions;
import org.apache.flink.configuration.ReadableConfig;
import org.apache.flink.table.api.ValidationException;
import org.apache.flink.table.connector.sink.DynamicTableSink;
import org.apache.flink.table.factories.DynamicTableSinkFactory;
import org.apache.flink.table.factories.FactoryUtil;
import org.apache.flink.table.types.logical.RowType;

/** {@code 'connector' = 'icesink'}: INSERT INTO an Iceberg table that is there. */
public final class IcesinkTableFactory implements DynamicTableSinkFactory {
  static final String IDENTIFIER = "icesink";

  static final ConfigOption<String> TABLE =
      ConfigOptions.key("table")
          .stringType()
          .noDefaultValue()
          .withDescription("The Iceberg table, namespace.table. It must be there.");

  static final ConfigOption<String> NAME =
      ConfigOptions.key("name")
          .stringType()
          .noDefaultValue()
          .withDescription("Names the sink in the job, in savepoints and in the table; by default as the table.");

  static final ConfigOption<Boolean> UPSERT =
      ConfigOptions.key("write.upsert.enabled")
          .booleanType()
          .defaultValue(false)
          .withDescription("Only false: icesink appends.");

  static final ConfigOption<IcesinkSink.Distribution> DISTRIBUTION =
      ConfigOptions.key("write.distribution-mode")
          .enumType(IcesinkSink.Distribution.class)
          .defaultValue(IcesinkSink.Distribution.NONE)
          .withDescription("none: rows go to the writers as they come. hash: those of one partition to one writer.");

  private static final Set<ConfigOption<?>> OWN =
      Set.of(FactoryUtil.CONNECTOR, TABLE, NAME, UPSERT, DISTRIBUTION, FactoryUtil.SINK_PARALLELISM);

  @Override
  public String factoryIdentifier() {
    return IDENTIFIER;
  }

  @Override
  public Set<ConfigOption<?>> requiredOptions() {
    return Set.of(TABLE);
  }

  @Override
  public Set<ConfigOption<?>> optionalOptions() {
    return Set.of(NAME, UPSERT, DISTRIBUTION, FactoryUtil.SINK_PARALLELISM);
  }

  @Override
  public DynamicTableSink createDynamicTableSink(Context context) {
    FactoryUtil.TableFactoryHelper helper = FactoryUtil.createTableFactoryHelper(this, context);
    ReadableConfig options = helper.getOptions();
    FactoryUtil.validateFactoryOptions(this, options);
    if (options.get(UPSERT)) {
      throw new ValidationException(
          "'write.upsert.enabled' = 'true' is refused: an upsert writes delete files, and icesink only appends."
              + " Leave it out, and keep the newest row of a key when the table is read.");
    }
    Map<String, String> settings = new HashMap<>(context.getCatalogTable().getOptions());
    OWN.forEach(option -> settings.remove(option.key()));
    check(settings);
    IcesinkSink.Builder builder =
        IcesinkSink.builder()
            .table(options.get(TABLE))
            .rowType((RowType) context.getPhysicalRowDataType().getLogicalType())
            .distribution(options.get(DISTRIBUTION))
            .settings(settings);
    options.getOptional(NAME).ifPresent(builder::name);
    try {
      // Types are checked now; the sink is made when it is known whether it overwrites.
      builder.build();
    } catch (IllegalArgumentException e) {
      throw new ValidationException(e.getMessage(), e);
    }
    return new IcesinkTableSink(builder, options.getOptional(FactoryUtil.SINK_PARALLELISM).orElse(null));
  }

  // Every other option is the library's, which knows the keys: it says here what it would say in each task. A client on another
  // system leaves that to the tasks.
  private static void check(Map<String, String> settings) {
    if (!NativeLibrary.isSupported()) {
      return;
    }
    try (Session session = Session.open(settings)) {
      session.setting("catalog.type");
    } catch (IcesinkException e) {
      throw new ValidationException(e.getMessage(), e);
    }
  }
}
