/// One-column tables and small changes of them.
#ifndef ICE_CATALOG_TEST_SUPPORT_H
#define ICE_CATALOG_TEST_SUPPORT_H

#include "catalog/catalog.h"
#include "iceberg/iceberg_schema.h"

static inline ice_table_ident test_ident(const char *name) {
  return (ice_table_ident){ICE_STR("db"), ice_str_of(name)};
}

static inline ice_status test_create(ice_catalog *catalog, const char *name, ice_error *err) {
  ice_schema *schema = NULL;
  ice_table table = {0};
  assert_int_equal(ice_schema_from_json_text(ICE_STR("{\"type\":\"struct\",\"fields\":[{\"id\":1,\"name\":\"x\","
                                                     "\"required\":true,\"type\":\"long\"}]}"),
                                             &schema, NULL),
                   ICE_OK);
  const ice_table_create create = {.schema = schema};
  ice_status status = ice_catalog_create_table(catalog, test_ident(name), &create, &table, err);
  ice_table_deinit(&table);
  ice_schema_unref(schema);
  return status;
}

/// The value of property "p" of a table in `out`; empty where there is none.
static inline void test_property(ice_catalog *catalog, const char *name, char out[32]) {
  ice_table table = {0};
  assert_int_equal(ice_catalog_load_table(catalog, test_ident(name), &table, NULL), ICE_OK);
  ice_str value = ice_table_property(table.metadata, ICE_STR("p"));
  assert_true(value.size < 32);
  memcpy(out, value.data ? value.data : "", value.size);
  out[value.size] = '\0';
  ice_table_deinit(&table);
}

#define ASSERT_PROPERTY(catalog, name, expected)  \
  do {                                            \
    char property_text[32];                       \
    test_property(catalog, name, property_text);  \
    assert_string_equal(property_text, expected); \
  } while (0)

/// A commit that sets property "p", asserting the table's uuid (empty: no requirement).
typedef struct test_change {
  ice_property property;
  ice_table_update update;
  ice_table_requirement requirement;
} test_change;

static inline ice_table_commit test_set(test_change *change, const char *name, const char *value, const char *uuid) {
  change->property = (ice_property){ICE_STR("p"), ice_str_of(value)};
  change->update = (ice_table_update){.kind = ICE_UPDATE_SET_PROPERTIES, .properties = &change->property, .count = 1};
  change->requirement = (ice_table_requirement){.kind = ICE_ASSERT_TABLE_UUID, .uuid = ice_str_of(uuid)};
  return (ice_table_commit){.ident = test_ident(name),
                            .change = {.requirements = &change->requirement,
                                       .requirement_count = uuid ? 1 : 0,
                                       .updates = &change->update,
                                       .update_count = 1}};
}

static inline ice_status test_commit(ice_catalog *catalog, const char *name, const char *value, const char *uuid,
                                     ice_error *err) {
  test_change change;
  ice_table_commit commit = test_set(&change, name, value, uuid);
  return ice_catalog_commit(catalog, &commit, 1, err);
}

/// Two tables at once, "a" and "b".
static inline ice_status test_commit_two(ice_catalog *catalog, const char *value, const char *second_uuid,
                                         ice_error *err) {
  test_change changes[2];
  ice_table_commit commits[] = {test_set(&changes[0], "a", value, NULL),
                                test_set(&changes[1], "b", value, second_uuid)};
  return ice_catalog_commit(catalog, commits, 2, err);
}

#endif
