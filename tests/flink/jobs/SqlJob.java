import org.apache.flink.table.api.EnvironmentSettings;
import org.apache.flink.table.api.TableEnvironment;

/** Arguments: streaming or batch, and statements of SQL, of which the last is the job. */
public final class SqlJob {
  private SqlJob() {}

  public static void main(String[] arguments) {
    EnvironmentSettings.Builder settings = EnvironmentSettings.newInstance();
    TableEnvironment environment =
        TableEnvironment.create(
            arguments[0].equals("batch") ? settings.inBatchMode().build() : settings.inStreamingMode().build());
    for (int i = 1; i < arguments.length; i++) {
      environment.executeSql(arguments[i]);
    }
  }
}
