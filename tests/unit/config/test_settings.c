#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/settings.h"
#include "scratch_directory.h"
#include "base/macros.h"

static scratch directory;
static char yaml_path[SCRATCH_PATH];
static char dotenv_path[SCRATCH_PATH];

static int setup(void **state) {
  (void)state;
  scratch_create(&directory);
  scratch_path(&directory, "pipeline.yaml", yaml_path);
  scratch_path(&directory, ".env.local", dotenv_path);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  scratch_remove(&directory);
  return 0;
}

static void put(const char *path, const char *text) {
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  fputs(text, file);
  fclose(file);
}

static ice_status load(const char *yaml, const char *dotenv, char *const *environment, const char *flag,
                       ice_settings *out, ice_error *err) {
  ice_str flags[] = {ice_str_of(flag)};
  ice_settings_sources sources = {.environment = environment, .flags = flags, .flag_count = flag ? 1 : 0};
  if (yaml) {
    put(yaml_path, yaml);
    sources.file = yaml_path;
  }
  if (dotenv) {
    put(dotenv_path, dotenv);
    sources.dotenv = dotenv_path;
  }
  return ice_settings_load(ice_port_system(), &sources, out, err);
}

static void expect_text(const ice_settings *settings, ice_option_id id, const char *text) {
  const ice_setting *value = ice_settings_get(settings, id);
  if (!ice_str_equal_c(value->text, text)) {
    fail_msg("%.*s, expected %s (from %.*s)", ICE_STR_ARG(value->text), text, ICE_STR_ARG(value->origin));
  }
}

static void refuse(const char *yaml, const char *dotenv, char *const *environment, const char *flag,
                   const char *part) {
  ice_settings settings;
  ice_error err = {0};
  assert_int_equal(load(yaml, dotenv, environment, flag, &settings, &err), ICE_INVALID_ARGUMENT);
  if (!strstr(err.message, part)) {
    fail_msg("\"%s\" is not in \"%s\"", part, err.message);
  }
  ice_settings_deinit(&settings);
}

static void test_settings__the_nearest_source_wins(void **state) {
  (void)state;
  char variable[] = "BATCH_SIZE=4";
  char *environment[] = {variable, NULL};
  char *nothing[] = {NULL};
  static const char yaml[] = "write: {batch_size: 2}\n";
  static const char dotenv[] = "BATCH_SIZE=3\n";
  const struct {
    const char *yaml, *dotenv;
    char *const *environment;
    const char *flag;
    int64_t expected;
    const char *origin;
  } cases[] = {
      {NULL, NULL, NULL, NULL, 1000, "default"},
      {yaml, NULL, nothing, NULL, 2, "pipeline.yaml:1"},
      {yaml, dotenv, nothing, NULL, 3, ".env.local:1"},
      {yaml, dotenv, environment, NULL, 4, "BATCH_SIZE"},
      {yaml, dotenv, environment, "write.batch_size=5", 5, "flag"},
      {yaml, NULL, NULL, "write.batch_size=5", 5, "flag"},
      {NULL, dotenv, environment, NULL, 4, "BATCH_SIZE"},
  };
  for (size_t i = 0; i < ICE_COUNT_OF(cases); i++) {
    ice_settings settings;
    ice_error err = {0};
    assert_int_equal(load(cases[i].yaml, cases[i].dotenv, cases[i].environment, cases[i].flag, &settings, &err),
                     ICE_OK);
    assert_int_equal(ice_settings_number(&settings, ICE_OPTION_ID_WRITE_BATCH_SIZE), cases[i].expected);
    ice_str origin = ice_settings_get(&settings, ICE_OPTION_ID_WRITE_BATCH_SIZE)->origin;
    assert_true(ice_str_ends_with(origin, ice_str_of(cases[i].origin)));
    ice_settings_deinit(&settings);
  }
}

static void test_settings__dotenv_follows_its_rules(void **state) {
  (void)state;
  ice_settings settings;
  assert_int_equal(load(NULL,
                        "# a comment\n"
                        "\n"
                        "  export KAFKA_TOPIC = a , b # two topics\r\n"
                        "S3_BUCKET=unknown names are ignored\n"
                        "no equals sign\n"
                        "KAFKA_GROUP_ID=has#no comment\n"
                        "KAFKA_SASL_USERNAME=\"with space # and hash\" # comment\n"
                        "KAFKA_SASL_PASSWORD='it''s'\n"
                        "ICEBERG_CATALOG_NAME=\n"
                        "ICEBERG_WAREHOUSE=first\n"
                        "ICEBERG_WAREHOUSE=${HOME}/last\n"
                        "BATCH_TIMEOUT_SECONDS=7",
                        NULL, NULL, &settings, NULL),
                   ICE_OK);
  const ice_setting *topics = ice_settings_get(&settings, ICE_OPTION_ID_SOURCE_KAFKA_TOPICS);
  assert_int_equal(topics->item_count, 2);
  assert_true(ice_str_equal_c(topics->items[0], "a"));
  assert_true(ice_str_equal_c(topics->items[1], "b"));
  expect_text(&settings, ICE_OPTION_ID_SOURCE_KAFKA_GROUP, "has#no comment");
  expect_text(&settings, ICE_OPTION_ID_SOURCE_KAFKA_SASL_USERNAME, "with space # and hash");
  expect_text(&settings, ICE_OPTION_ID_SOURCE_KAFKA_SASL_PASSWORD, "it");
  expect_text(&settings, ICE_OPTION_ID_CATALOG_NAME, "icesink");
  expect_text(&settings, ICE_OPTION_ID_CATALOG_WAREHOUSE, "${HOME}/last");
  assert_int_equal(ice_settings_number(&settings, ICE_OPTION_ID_WRITE_BATCH_TIMEOUT), 7000);
  ice_settings_deinit(&settings);
  // A file that is missing is fine.
  ice_settings_sources sources = {.dotenv = "/absent/.env.local"};
  assert_int_equal(ice_settings_load(ice_port_system(), &sources, &settings, NULL), ICE_OK);
  ice_settings_deinit(&settings);
}

static void test_settings__of_several_variables_the_first_name_wins(void **state) {
  (void)state;
  char second[] = "CHECKPOINT_INTERVAL_MS=2000";
  char first[] = "FLINK_CHECKPOINT_INTERVAL_MS=1000";
  char *environment[] = {second, first, NULL};
  ice_settings settings;
  assert_int_equal(load(NULL, NULL, environment, NULL, &settings, NULL), ICE_OK);
  assert_int_equal(ice_settings_number(&settings, ICE_OPTION_ID_COMMIT_INTERVAL), 1000);
  ice_settings_deinit(&settings);
  first[0] = '_';
  assert_int_equal(load(NULL, NULL, environment, NULL, &settings, NULL), ICE_OK);
  assert_int_equal(ice_settings_number(&settings, ICE_OPTION_ID_COMMIT_INTERVAL), 2000);
  ice_settings_deinit(&settings);
}

static void test_settings__units(void **state) {
  (void)state;
  static const struct {
    const char *text, *unit;
    int64_t expected;  ///< -1: refused
  } durations[] = {{"500ms", NULL, 500},
                   {"10s", NULL, 10000},
                   {"15m", NULL, 900000},
                   {"2h", NULL, 7200000},
                   {"10 s", NULL, 10000},
                   {"0", NULL, 0},
                   {"7", NULL, -1},
                   {"7", "s", 7000},
                   {"7ms", "s", 7},
                   {"", NULL, -1},
                   {"s", NULL, -1},
                   {"-1s", NULL, -1},
                   {"1.5s", NULL, -1},
                   {"1d", NULL, -1},
                   {"1S", NULL, -1},
                   {"9223372036854775807ms", NULL, INT64_MAX},
                   {"9223372036854775808ms", NULL, -1},
                   {"9223372036854775807h", NULL, -1},
                   {"1s ", NULL, -1}};
  static const struct {
    const char *text, *unit;
    int64_t expected;
  } sizes[] = {{"256MB", NULL, 268435456},
               {"1KB", NULL, 1024},
               {"1KiB", NULL, 1024},
               {"2GB", NULL, INT64_C(2) << 30},
               {"5B", NULL, 5},
               {"256", "MB", 268435456},
               {"1", NULL, -1},
               {"1mb", NULL, -1},
               {"1M", NULL, -1},
               {"8589934592GB", NULL, -1}};
  int64_t value;
  for (size_t i = 0; i < ICE_COUNT_OF(durations); i++) {
    bool valid = ice_duration_parse(ice_str_of(durations[i].text), durations[i].unit, &value);
    if (valid != (durations[i].expected >= 0) || (valid && value != durations[i].expected)) {
      fail_msg("\"%s\"", durations[i].text);
    }
  }
  for (size_t i = 0; i < ICE_COUNT_OF(sizes); i++) {
    bool valid = ice_size_parse(ice_str_of(sizes[i].text), sizes[i].unit, &value);
    if (valid != (sizes[i].expected >= 0) || (valid && value != sizes[i].expected)) {
      fail_msg("\"%s\"", sizes[i].text);
    }
  }
}

static void test_settings__misspelt_keys_get_a_suggestion(void **state) {
  (void)state;
  refuse("write:\n  batch_sice: 5\n", NULL, NULL, NULL,
         "pipeline.yaml:2: unknown key write.batch_sice (did you mean write.batch_size?)");
  refuse("nonsense_of_length: 1\n", NULL, NULL, NULL, "pipeline.yaml:1: unknown key nonsense_of_length");
  refuse(NULL, NULL, NULL, "write.batchsize=1", "unknown flag --write.batchsize (did you mean --write.batch_size?)");
  refuse(NULL, NULL, NULL, "write.batch_size", "unknown flag --write.batch_size");
  refuse(NULL, NULL, NULL, "pipeline=x", "unknown flag --pipeline");
}

static void test_settings__values_are_checked_and_named(void **state) {
  (void)state;
  char variable[] = "BATCH_SIZE=many";
  char *environment[] = {variable, NULL};
  refuse("write: {batch_size: 0}\n", NULL, NULL, NULL, "write.batch_size must be between 1 and 10000000, not \"0\"");
  refuse("write: {batch_size: 1x}\n", NULL, NULL, NULL, "must be a whole number");
  refuse("write: {batch_size: 99999999999999999999999999999999999}\n", NULL, NULL, NULL, "must be");
  refuse("write: {batch_size: [1]}\n", NULL, NULL, NULL, "must be one value");
  refuse("write: {batch_timeout: 5}\n", NULL, NULL, NULL, "must be a duration");
  refuse("memory: 1MB\n", NULL, NULL, NULL, "memory must be between");
  refuse("tables: {create: maybe}\n", NULL, NULL, NULL, "must be true or false");
  refuse("write: {compression: lzma}\n", NULL, NULL, NULL, "must be snappy|zstd|none, not \"lzma\"");
  refuse("write: 5\n", NULL, NULL, NULL, "unknown key write");
  refuse("- 1\n", NULL, NULL, NULL, "must be a map");
  refuse(NULL, NULL, environment, NULL, "BATCH_SIZE: write.batch_size must be a whole number, not \"many\"");
  refuse(NULL, "\n\nBATCH_SIZE=-1\n", NULL, NULL, ".env.local:3: write.batch_size");
}

static void test_settings__relative_paths_count_from_the_file(void **state) {
  (void)state;
  ice_settings settings;
  char expected[SCRATCH_PATH];
  assert_int_equal(load("write: {spill_directory: spill}\nsource: {segment: {directory: /abs}}\n", NULL, NULL,
                        "source.decode.schema=here.avsc", &settings, NULL),
                   ICE_OK);
  scratch_path(&directory, "spill", expected);
  expect_text(&settings, ICE_OPTION_ID_WRITE_SPILL_DIRECTORY, expected);
  expect_text(&settings, ICE_OPTION_ID_SOURCE_SEGMENT_DIRECTORY, "/abs");
  expect_text(&settings, ICE_OPTION_ID_DECODE_SCHEMA, "here.avsc");
  ice_settings_deinit(&settings);
}

static void test_settings__variables_in_yaml_and_flags(void **state) {
  (void)state;
  char variable[] = "TEAM=blue";
  char tricky[] = "TRICKY=${TEAM}";
  char *environment[] = {variable, tricky, NULL};
  ice_settings settings;
  assert_int_equal(
      load("name: a-${TEAM}-$x-${TEAM}\nsource: {kafka: {topics: ['${TEAM}-1', b], group: '${TRICKY}'}}\n", NULL,
           environment, "catalog.name=${TEAM}", &settings, NULL),
      ICE_OK);
  expect_text(&settings, ICE_OPTION_ID_NAME, "a-blue-$x-blue");
  expect_text(&settings, ICE_OPTION_ID_CATALOG_NAME, "blue");
  // What a variable holds is taken as it is.
  expect_text(&settings, ICE_OPTION_ID_SOURCE_KAFKA_GROUP, "${TEAM}");
  const ice_setting *topics = ice_settings_get(&settings, ICE_OPTION_ID_SOURCE_KAFKA_TOPICS);
  assert_int_equal(topics->item_count, 2);
  assert_true(ice_str_equal_c(topics->items[0], "blue-1"));
  ice_settings_deinit(&settings);
  refuse("name: ${ABSENT}\n", NULL, environment, NULL, "${ABSENT} is not set in the environment");
}

static void test_settings__secrets_come_from_files(void **state) {
  (void)state;
  ice_settings settings;
  char path[SCRATCH_PATH];
  scratch_path(&directory, "secret", path);
  put(path, "p4ss word\r\n\n");
  // Relative to the file that names it, as every path.
  assert_int_equal(load("source: {kafka: {sasl_password: 'file:secret'}}\n", NULL, NULL, NULL, &settings, NULL),
                   ICE_OK);
  expect_text(&settings, ICE_OPTION_ID_SOURCE_KAFKA_SASL_PASSWORD, "p4ss word");
  ice_settings_deinit(&settings);
  char flag[SCRATCH_PATH + 64];
  snprintf(flag, sizeof flag, "source.kafka.sasl_password=file:%s", path);
  assert_int_equal(load(NULL, NULL, NULL, flag, &settings, NULL), ICE_OK);
  expect_text(&settings, ICE_OPTION_ID_SOURCE_KAFKA_SASL_PASSWORD, "p4ss word");
  ice_settings_deinit(&settings);
  ice_error err = {0};
  assert_int_equal(load("source: {kafka: {sasl_password: 'file:absent'}}\n", NULL, NULL, NULL, &settings, &err),
                   ICE_NOT_FOUND);
  ice_settings_deinit(&settings);
  // Only secrets do this.
  assert_int_equal(load("name: file:secret\n", NULL, NULL, NULL, &settings, NULL), ICE_OK);
  expect_text(&settings, ICE_OPTION_ID_NAME, "file:secret");
  ice_settings_deinit(&settings);
}

static void test_settings__what_is_required_names_its_variable(void **state) {
  (void)state;
  ice_settings settings;
  ice_error err = {0};
  assert_int_equal(load("name: ~\n", NULL, NULL, NULL, &settings, NULL), ICE_OK);
  assert_int_equal(ice_settings_require(&settings, ICE_OPTION_ID_TABLES_DATA, &err), ICE_INVALID_ARGUMENT);
  assert_string_equal(err.message, "tables.data is not set (environment: ICEBERG_TABLE_RAW)");
  assert_int_equal(ice_settings_require(&settings, ICE_OPTION_ID_NAME, &err), ICE_INVALID_ARGUMENT);
  assert_int_equal(ice_settings_require(&settings, ICE_OPTION_ID_CATALOG_NAME, &err), ICE_OK);
  ice_settings_deinit(&settings);
}

static void test_settings__every_option_is_found_by_its_key(void **state) {
  (void)state;
  for (size_t i = 0; i < ICE_OPTION_ID_COUNT; i++) {
    const ice_option *option = ice_option_get((ice_option_id)i);
    assert_int_equal(ice_option_find(ice_str_of(option->key)), i);
    assert_string_equal(ice_option_suggest(ice_str_of(option->key)), option->key);
    assert_non_null(option->help);
  }
  assert_int_equal(ice_option_find(ICE_STR("absent")), ICE_OPTION_ID_COUNT);
  assert_null(ice_option_suggest(ICE_STR("zzzzzzzzzzzzzzz")));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_settings__the_nearest_source_wins, setup, teardown),
      cmocka_unit_test_setup_teardown(test_settings__dotenv_follows_its_rules, setup, teardown),
      cmocka_unit_test(test_settings__of_several_variables_the_first_name_wins),
      cmocka_unit_test(test_settings__units),
      cmocka_unit_test_setup_teardown(test_settings__misspelt_keys_get_a_suggestion, setup, teardown),
      cmocka_unit_test_setup_teardown(test_settings__values_are_checked_and_named, setup, teardown),
      cmocka_unit_test_setup_teardown(test_settings__relative_paths_count_from_the_file, setup, teardown),
      cmocka_unit_test_setup_teardown(test_settings__variables_in_yaml_and_flags, setup, teardown),
      cmocka_unit_test_setup_teardown(test_settings__secrets_come_from_files, setup, teardown),
      cmocka_unit_test_setup_teardown(test_settings__what_is_required_names_its_variable, setup, teardown),
      cmocka_unit_test(test_settings__every_option_is_found_by_its_key),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
