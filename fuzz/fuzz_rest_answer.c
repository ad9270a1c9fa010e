// An answer of a REST catalog; the first byte chooses what it is read as: an error, the configuration, or a table with the access to
// its objects.
#include "catalog/catalog_rest_priv.h"
#include "fuzz_replay.h"
#include <stdlib.h>

enum { INPUT_MAX = 1 << 20, KINDS = 4, GRANTS = 1024 };

static void open_session(ice_rest_session *session) {
  *session = (ice_rest_session){.port = ice_port_system(),
                                .uri = ICE_STR("http://catalog.example/api"),
                                .warehouse = ICE_STR("s3://lake/w"),
                                .delegate = true};
  ice_arena_init(&session->arena, ICE_REST_ARENA_MAX);
  ice_map_init(&session->properties, ICE_REST_PROPERTIES_MAX);
  ice_http_response_init(&session->response, ICE_REST_ANSWER_MAX);
}

static void close_session(ice_rest_session *session) {
  ice_http_response_deinit(&session->response);
  ice_map_deinit(&session->properties);
  ice_arena_deinit(&session->arena);
}

static void read_table(ice_rest_session *session, const json_t *answer) {
  static const ice_str roots[] = {ICE_STR_INIT("s3://lake/w")};
  const ice_store_s3_options options = {.port = ice_port_system(), .roots = roots, .root_count = 1};
  const ice_table_ident ident = {.namespace_name = ICE_STR("db"), .name = ICE_STR("t")};
  ice_rest_catalog catalog = {.session = session};
  ice_table table = {0};
  ice_error err = {0};
  if (ice_store_s3_open(&options, NULL, &catalog.s3, NULL) != ICE_OK) {
    abort();
  }
  ice_map_init(&catalog.access, GRANTS);
  ice_status status = ice_rest_take_table(&catalog, ident, answer, &table, &err);
  if ((status == ICE_OK) != (table.metadata != NULL) || status != err.status) {
    abort();
  }
  ice_table_deinit(&table);
  // What was granted is the store's, and ends with it.
  ice_store_destroy(catalog.s3);
  ice_map_deinit(&catalog.access);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  ice_rest_session session;
  json_t *answer = NULL;
  ice_error err = {0};
  if (size == 0 || size > INPUT_MAX) {
    return 0;
  }
  open_session(&session);
  if (ice_bytes_append(&session.response.body, data + 1, size - 1, NULL) != ICE_OK) {
    abort();
  }
  session.response.status = 500;
  if (data[0] % KINDS == 0) {
    if (ice_rest_check(&session, "GET", &err) != ICE_IO || !strstr(err.message, "500")) {
      abort();
    }
  } else if (ice_rest_answer(&session, "GET", &answer, &err) == ICE_OK) {
    if (data[0] % KINDS == 1) {
      (void)!ice_rest_take_config(&session, answer, ICE_REST_ATOMIC_AUTO, &err);
    } else {
      read_table(&session, answer);
    }
  }
  json_decref(answer);
  close_session(&session);
  return 0;
}
