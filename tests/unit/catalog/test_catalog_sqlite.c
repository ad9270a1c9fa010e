#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "catalog/catalog_sqlite.h"
#include "catalog_test_support.h"
#include "scratch_directory.h"
#include "store/store_local.h"
#include <sqlite3.h>
#include <sys/wait.h>

static scratch directory;
static char path[SCRATCH_PATH];

static int setup(void **state) {
  (void)state;
  scratch_create(&directory);
  scratch_path(&directory, "catalog.db", path);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  scratch_remove(&directory);
  return 0;
}

static ice_status open_catalog(bool create, ice_catalog **out, ice_error *err) {
  ice_str root = ice_str_of(directory.path);
  char warehouse[SCRATCH_PATH];
  ice_store *store = NULL;
  snprintf(warehouse, sizeof warehouse, "file://%s/warehouse", directory.path);
  assert_int_equal(ice_store_local_open(ice_port_system(), &root, 1, &store, NULL), ICE_OK);
  const ice_catalog_sqlite_options options = {
      .uri = ice_str_of(path), .name = ICE_STR("c"), .warehouse = ice_str_of(warehouse), .create = create};
  return ice_catalog_sqlite_open(ice_port_system(), &options, store, out, err);
}

static ice_catalog *open_with_tables(void) {
  ice_catalog *catalog = NULL;
  assert_int_equal(open_catalog(true, &catalog, NULL), ICE_OK);
  assert_int_equal(ice_catalog_create_namespace(catalog, ICE_STR("db"), NULL), ICE_OK);
  assert_int_equal(test_create(catalog, "a", NULL), ICE_OK);
  assert_int_equal(test_create(catalog, "b", NULL), ICE_OK);
  return catalog;
}

static int keep_text(void *context, int count, char **values, char **names) {
  (void)names;
  char *out = context;
  for (int i = 0; i < count; i++) {
    size_t used = strlen(out);
    snprintf(out + used, 1000 - used, "%s ", values[i] ? values[i] : "-");
  }
  return 0;
}

// Runs SQL on the file beside the catalog; what it gives, separated by spaces.
static const char *sql(const char *text) {
  static char out[1000];
  sqlite3 *database = NULL;
  out[0] = '\0';
  assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
  assert_int_equal(sqlite3_exec(database, text, keep_text, out, NULL), SQLITE_OK);
  sqlite3_close(database);
  return out;
}

static void test_catalog_sqlite__the_layout_is_that_of_other_engines(void **state) {
  (void)state;
  ice_catalog *catalog = open_with_tables();
  assert_string_equal(sql("SELECT name FROM pragma_table_info('iceberg_tables')"),
                      "catalog_name table_namespace table_name metadata_location previous_metadata_location "
                      "iceberg_type ");
  assert_string_equal(sql("SELECT name FROM pragma_table_info('iceberg_tables') WHERE pk > 0 ORDER BY pk"),
                      "catalog_name table_namespace table_name ");
  assert_string_equal(sql("SELECT name FROM pragma_table_info('iceberg_namespace_properties')"),
                      "catalog_name namespace property_key property_value ");
  assert_string_equal(sql("SELECT catalog_name, table_namespace, table_name, iceberg_type, "
                          "previous_metadata_location FROM iceberg_tables ORDER BY table_name"),
                      "c db a TABLE - c db b TABLE - ");
  assert_string_equal(sql("SELECT namespace, property_key, property_value FROM iceberg_namespace_properties"),
                      "db exists true ");
  ice_catalog_destroy(catalog);
}

static void test_catalog_sqlite__a_commit_moves_the_pointer_and_keeps_the_one_before(void **state) {
  (void)state;
  ice_catalog *catalog = open_with_tables();
  char before[1000];
  snprintf(before, sizeof before, "%s", sql("SELECT metadata_location FROM iceberg_tables WHERE table_name = 'a'"));
  assert_int_equal(test_commit(catalog, "a", "1", NULL, NULL), ICE_OK);
  assert_string_equal(sql("SELECT previous_metadata_location FROM iceberg_tables WHERE table_name = 'a'"), before);
  const char *after = sql("SELECT metadata_location FROM iceberg_tables WHERE table_name = 'a'");
  assert_string_not_equal(after, before);
  assert_non_null(strstr(after, "/warehouse/db/a/metadata/00001-"));
  ASSERT_PROPERTY(catalog, "a", "1");
  ice_catalog_destroy(catalog);
}

static void test_catalog_sqlite__a_pointer_that_moved_is_a_conflict(void **state) {
  (void)state;
  ice_catalog *catalog = open_with_tables();
  ice_table base;
  ice_error err = {0};
  test_change change;
  char metadata[SCRATCH_PATH];
  assert_int_equal(ice_catalog_load_table(catalog, test_ident("a"), &base, NULL), ICE_OK);
  ice_table_commit commit = test_set(&change, "a", "1", NULL);
  commit.base = &base;
  // The base is only a short cut: where another engine moved the table the change is applied to what is there now.
  assert_int_equal(test_commit(catalog, "a", "foreign", NULL, NULL), ICE_OK);
  assert_int_equal(ice_catalog_commit(catalog, &commit, 1, NULL), ICE_OK);
  ASSERT_PROPERTY(catalog, "a", "1");
  commit = test_set(&change, "a", "2", "another uuid");
  assert_int_equal(ice_catalog_commit(catalog, &commit, 1, &err), ICE_CONFLICT);
  assert_non_null(strstr(err.message, "db.a"));
  ASSERT_PROPERTY(catalog, "a", "1");
  // A refused commit leaves no metadata file.
  scratch_path(&directory, "warehouse/db/a/metadata", metadata);
  assert_int_equal(scratch_count(metadata), 3);
  ice_table_deinit(&base);
  ice_catalog_destroy(catalog);
}

static void test_catalog_sqlite__several_tables_change_together_or_not_at_all(void **state) {
  (void)state;
  ice_catalog *catalog = open_with_tables();
  assert_true(catalog->atomic);
  assert_int_equal(test_commit_two(catalog, "1", "another", NULL), ICE_CONFLICT);
  ASSERT_PROPERTY(catalog, "a", "");
  assert_int_equal(test_commit_two(catalog, "1", NULL, NULL), ICE_OK);
  ASSERT_PROPERTY(catalog, "a", "1");
  ASSERT_PROPERTY(catalog, "b", "1");
  assert_int_equal(ice_catalog_drop_table(catalog, test_ident("b"), NULL), ICE_OK);
  assert_int_equal(test_commit_two(catalog, "2", NULL, NULL), ICE_NOT_FOUND);
  ASSERT_PROPERTY(catalog, "a", "1");
  ice_catalog_destroy(catalog);
}

static void test_catalog_sqlite__a_part_without_updates_only_has_to_hold(void **state) {
  (void)state;
  ice_catalog *catalog = open_with_tables();
  test_change changes[2];
  char before[1000];
  snprintf(before, sizeof before, "%s", sql("SELECT metadata_location FROM iceberg_tables WHERE table_name = 'b'"));
  ice_table_commit commits[] = {test_set(&changes[0], "a", "1", NULL), test_set(&changes[1], "b", "", "another")};
  commits[1].change.update_count = 0;
  assert_int_equal(ice_catalog_commit(catalog, commits, 2, NULL), ICE_CONFLICT);
  ASSERT_PROPERTY(catalog, "a", "");
  commits[1].change.requirement_count = 0;
  assert_int_equal(ice_catalog_commit(catalog, commits, 2, NULL), ICE_OK);
  ASSERT_PROPERTY(catalog, "a", "1");
  assert_string_equal(sql("SELECT metadata_location FROM iceberg_tables WHERE table_name = 'b'"), before);
  ice_catalog_destroy(catalog);
}

static void test_catalog_sqlite__the_earlier_layout_has_no_iceberg_type(void **state) {
  (void)state;
  ice_catalog *catalog = NULL;
  sql("CREATE TABLE iceberg_tables (catalog_name VARCHAR(255) NOT NULL, table_namespace VARCHAR(255) NOT NULL, "
      "table_name VARCHAR(255) NOT NULL, metadata_location VARCHAR(1000), previous_metadata_location VARCHAR(1000), "
      "PRIMARY KEY (catalog_name, table_namespace, table_name));"
      "CREATE TABLE iceberg_namespace_properties (catalog_name VARCHAR(255) NOT NULL, namespace VARCHAR(255) NOT "
      "NULL, property_key VARCHAR(255), property_value VARCHAR(1000), PRIMARY KEY (catalog_name, namespace, "
      "property_key));");
  assert_int_equal(open_catalog(false, &catalog, NULL), ICE_OK);
  assert_int_equal(ice_catalog_create_namespace(catalog, ICE_STR("db"), NULL), ICE_OK);
  assert_int_equal(test_create(catalog, "a", NULL), ICE_OK);
  assert_int_equal(test_commit(catalog, "a", "1", NULL, NULL), ICE_OK);
  ASSERT_PROPERTY(catalog, "a", "1");
  assert_string_equal(sql("SELECT count(*) FROM pragma_table_info('iceberg_tables')"), "5 ");
  ice_catalog_destroy(catalog);
}

static ice_status count_name(void *context, ice_str name, ice_error *err) {
  (void)name;
  (void)err;
  ++*(int *)context;
  return ICE_OK;
}

static void test_catalog_sqlite__views_and_other_catalogs_are_not_seen(void **state) {
  (void)state;
  ice_catalog *catalog = open_with_tables();
  ice_table table;
  int count = 0;
  sql("UPDATE iceberg_tables SET iceberg_type = 'VIEW' WHERE table_name = 'a'; UPDATE iceberg_tables SET "
      "iceberg_type "
      "= NULL WHERE table_name = 'b'; INSERT INTO iceberg_tables VALUES ('other', 'db', 'z', 'file:///x', NULL, "
      "'TABLE')");
  assert_int_equal(ice_catalog_list_tables(catalog, ICE_STR("db"), count_name, &count, NULL), ICE_OK);
  assert_int_equal(count, 1);
  assert_int_equal(ice_catalog_load_table(catalog, test_ident("a"), &table, NULL), ICE_NOT_FOUND);
  assert_int_equal(ice_catalog_load_table(catalog, test_ident("z"), &table, NULL), ICE_NOT_FOUND);
  assert_int_equal(ice_catalog_load_table(catalog, test_ident("b"), &table, NULL), ICE_OK);
  ice_table_deinit(&table);
  ice_catalog_destroy(catalog);
}

static void test_catalog_sqlite__the_journal_mode_is_kept(void **state) {
  (void)state;
  ice_catalog *catalog = open_with_tables();
  assert_string_equal(sql("PRAGMA journal_mode"), "delete ");
  ice_catalog_destroy(catalog);
  assert_string_equal(sql("PRAGMA journal_mode = WAL"), "wal ");
  assert_int_equal(open_catalog(false, &catalog, NULL), ICE_OK);
  assert_int_equal(test_commit(catalog, "a", "1", NULL, NULL), ICE_OK);
  ice_catalog_destroy(catalog);
  assert_string_equal(sql("PRAGMA journal_mode"), "wal ");
}

static void test_catalog_sqlite__a_file_that_is_no_database_is_named(void **state) {
  (void)state;
  ice_catalog *catalog = NULL;
  ice_error err = {0};
  FILE *file = fopen(path, "wb");
  for (int i = 0; i < 500; i++) {
    fputs("this is no database\n", file);
  }
  fclose(file);
  assert_int_equal(open_catalog(true, &catalog, &err), ICE_CORRUPT);
  assert_null(catalog);
  assert_non_null(strstr(err.message, "Failed to register Iceberg catalog"));
  assert_non_null(strstr(err.message, path));
  assert_non_null(strstr(err.message, "file is not a database"));
}

static void test_catalog_sqlite__a_missing_file_is_not_made_unasked(void **state) {
  (void)state;
  ice_catalog *catalog = NULL;
  ice_error err = {0};
  assert_int_equal(open_catalog(false, &catalog, &err), ICE_NOT_FOUND);
  assert_non_null(strstr(err.message, path));
  assert_int_equal(scratch_count(directory.path), 0);
}

// Runs `child` in a process of its own; its result is the exit status.
static int in_child(int (*child)(void)) {
  pid_t pid = fork();
  assert_true(pid >= 0);
  if (pid == 0) {
    _exit(child());
  }
  int status = 0;
  assert_int_equal(waitpid(pid, &status, 0), pid);
  assert_true(WIFEXITED(status));
  return WEXITSTATUS(status);
}

static int commit_read_only(void) {
  ice_catalog *catalog = NULL;
  ice_error err = {0};
  // Permissions do not bind root.
  if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) {
    return 10;
  }
  if (open_catalog(false, &catalog, &err) != ICE_OK) {
    return 11;
  }
  ice_status status = ice_catalog_create_namespace(catalog, ICE_STR("new"), &err);
  ice_catalog_destroy(catalog);
  if (status != ICE_IO || !strstr(err.message, "cannot be written") || !strstr(err.message, path)) {
    return 12;
  }
  return 0;
}

static void test_catalog_sqlite__a_read_only_file_says_so(void **state) {
  (void)state;
  ice_catalog *catalog = open_with_tables();
  ice_catalog_destroy(catalog);
  assert_int_equal(chmod(directory.path, 0755), 0);
  assert_int_equal(chmod(path, 0444), 0);
  assert_int_equal(in_child(commit_read_only), 0);
}

enum { PROCESSES = 4, COMMITS = 25 };

static int create_and_commit(void) {
  ice_catalog *catalog = NULL;
  ice_error err = {0};
  int landed = 0;
  if (open_catalog(true, &catalog, &err) != ICE_OK ||
      ice_catalog_create_namespace(catalog, ICE_STR("db"), &err) != ICE_OK) {
    return 200;
  }
  ice_status status = test_create(catalog, "a", &err);
  if (status != ICE_OK && status != ICE_ALREADY_EXISTS) {
    return 201;
  }
  bool created = status == ICE_OK;
  for (int i = 0; i < COMMITS; i++) {
    do {
      status = test_commit(catalog, "a", "x", NULL, &err);
    } while (status == ICE_CONFLICT);
    landed += status == ICE_OK;
  }
  ice_catalog_destroy(catalog);
  return landed + (created ? 100 : 0);
}

// All begin with nothing there: one makes the table, and no commit of any is lost under another's.
static void test_catalog_sqlite__processes_that_start_together_lose_nothing(void **state) {
  (void)state;
  pid_t pids[PROCESSES];
  int creators = 0;
  for (int i = 0; i < PROCESSES; i++) {
    pids[i] = fork();
    assert_true(pids[i] >= 0);
    if (pids[i] == 0) {
      _exit(create_and_commit());
    }
  }
  for (int i = 0; i < PROCESSES; i++) {
    int status = 0;
    assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status) % 100, COMMITS);
    creators += WEXITSTATUS(status) / 100;
  }
  assert_int_equal(creators, 1);
  ice_catalog *catalog = NULL;
  ice_table table;
  assert_int_equal(open_catalog(false, &catalog, NULL), ICE_OK);
  assert_int_equal(ice_catalog_load_table(catalog, test_ident("a"), &table, NULL), ICE_OK);
  char expected[64];
  snprintf(expected, sizeof expected, "/metadata/%05d-", PROCESSES * COMMITS);
  assert_non_null(strstr(table.metadata_location, expected));
  ice_table_deinit(&table);
  ice_catalog_destroy(catalog);
}

static void test_catalog_sqlite__a_lost_metadata_file_is_damage(void **state) {
  (void)state;
  ice_catalog *catalog = open_with_tables();
  ice_table table;
  ice_error err = {0};
  sql("UPDATE iceberg_tables SET metadata_location = replace(metadata_location, '00000-', '00009-')");
  assert_int_equal(ice_catalog_load_table(catalog, test_ident("a"), &table, &err), ICE_CORRUPT);
  assert_non_null(strstr(err.message, "table db.a: its metadata file is gone"));
  sql("UPDATE iceberg_tables SET metadata_location = NULL");
  assert_int_equal(ice_catalog_load_table(catalog, test_ident("a"), &table, &err), ICE_CORRUPT);
  assert_non_null(strstr(err.message, "has no metadata_location"));
  ice_catalog_destroy(catalog);
}

static void test_catalog_sqlite__uris_name_a_path(void **state) {
  (void)state;
  static const char *const uris[][2] = {{"/a/b.db", "/a/b.db"},
                                        {"b.db", "b.db"},
                                        {"sqlite:///b.db", "b.db"},
                                        {"sqlite:////a/b.db", "/a/b.db"},
                                        {"sqlite:b.db", "b.db"},
                                        {"jdbc:sqlite:b.db", "b.db"},
                                        {"jdbc:sqlite:/a/b.db", "/a/b.db"}};
  for (size_t i = 0; i < ICE_COUNT_OF(uris); i++) {
    assert_true(ice_str_equal_c(ice_catalog_sqlite_path(ice_str_of(uris[i][0])), uris[i][1]));
  }
}

static void test_catalog_sqlite__renames_tables_and_takes_forgotten_ones_back(void **state) {
  (void)state;
  ice_catalog *catalog = open_with_tables();
  ice_table table;
  char location[SCRATCH_PATH];
  const ice_table_ident elsewhere = {.namespace_name = ICE_STR("none"), .name = ICE_STR("a")};
  assert_int_equal(ice_catalog_rename_table(catalog, test_ident("a"), test_ident("b"), NULL), ICE_ALREADY_EXISTS);
  assert_int_equal(ice_catalog_rename_table(catalog, test_ident("none"), test_ident("c"), NULL), ICE_NOT_FOUND);
  assert_int_equal(ice_catalog_rename_table(catalog, test_ident("a"), elsewhere, NULL), ICE_NOT_FOUND);
  assert_int_equal(ice_catalog_rename_table(catalog, test_ident("a"), test_ident("c"), NULL), ICE_OK);
  assert_int_equal(ice_catalog_load_table(catalog, test_ident("a"), &table, NULL), ICE_NOT_FOUND);
  assert_int_equal(ice_catalog_load_table(catalog, test_ident("c"), &table, NULL), ICE_OK);
  snprintf(location, sizeof location, "%s", table.metadata_location);
  ice_table_deinit(&table);
  assert_int_equal(ice_catalog_drop_table(catalog, test_ident("c"), NULL), ICE_OK);
  assert_int_equal(ice_catalog_register_table(catalog, test_ident("b"), ice_str_of(location), NULL),
                   ICE_ALREADY_EXISTS);
  assert_int_equal(ice_catalog_register_table(catalog, test_ident("d"), ICE_STR("file:///none.json"), NULL),
                   ICE_INVALID_ARGUMENT);
  assert_int_equal(ice_catalog_register_table(catalog, test_ident("d"), ice_str_of(location), NULL), ICE_OK);
  assert_int_equal(ice_catalog_load_table(catalog, test_ident("d"), &table, NULL), ICE_OK);
  assert_string_equal(table.metadata_location, location);
  ice_table_deinit(&table);
  ice_catalog_destroy(catalog);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_catalog_sqlite__the_layout_is_that_of_other_engines, setup, teardown),
      cmocka_unit_test_setup_teardown(test_catalog_sqlite__a_commit_moves_the_pointer_and_keeps_the_one_before, setup,
                                      teardown),
      cmocka_unit_test_setup_teardown(test_catalog_sqlite__a_pointer_that_moved_is_a_conflict, setup, teardown),
      cmocka_unit_test_setup_teardown(test_catalog_sqlite__several_tables_change_together_or_not_at_all, setup,
                                      teardown),
      cmocka_unit_test_setup_teardown(test_catalog_sqlite__a_part_without_updates_only_has_to_hold, setup, teardown),
      cmocka_unit_test_setup_teardown(test_catalog_sqlite__the_earlier_layout_has_no_iceberg_type, setup, teardown),
      cmocka_unit_test_setup_teardown(test_catalog_sqlite__views_and_other_catalogs_are_not_seen, setup, teardown),
      cmocka_unit_test_setup_teardown(test_catalog_sqlite__the_journal_mode_is_kept, setup, teardown),
      cmocka_unit_test_setup_teardown(test_catalog_sqlite__a_file_that_is_no_database_is_named, setup, teardown),
      cmocka_unit_test_setup_teardown(test_catalog_sqlite__a_missing_file_is_not_made_unasked, setup, teardown),
      cmocka_unit_test_setup_teardown(test_catalog_sqlite__a_read_only_file_says_so, setup, teardown),
      cmocka_unit_test_setup_teardown(test_catalog_sqlite__processes_that_start_together_lose_nothing, setup,
                                      teardown),
      cmocka_unit_test_setup_teardown(test_catalog_sqlite__a_lost_metadata_file_is_damage, setup, teardown),
      cmocka_unit_test_setup_teardown(test_catalog_sqlite__renames_tables_and_takes_forgotten_ones_back, setup,
                                      teardown),
      cmocka_unit_test(test_catalog_sqlite__uris_name_a_path),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
