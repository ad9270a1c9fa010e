#include "assembly/preset.h"
#include "columnar/arrow.h"
#include "iceberg/iceberg_partition_spec.h"
#include "iceberg/iceberg_schema.h"
#include "json/json_text.h"
#include "session/session_priv.h"

enum { DEFINITION_MAX = 16 << 20, PROPERTIES_MAX = 10000 };

ice_status ice_session_load(ice_session *session, const char *name, ice_table_ident *ident, ice_table *out,
                            ice_error *err) {
  *out = (ice_table){0};
  ice_status status = ICE_OK;
  ICE_TRY(ice_table_ident_parse(ice_str_of(name), ident, err));
  ICE_TRY(ice_session_reach(session, false, err));
  ICE_TRY(ice_catalog_load_table(session->catalog, *ident, out, err));
done:
  return status;
}

// Making and dropping -----------------------------------------------------------------------------------------------

ice_status ice_session_create_namespace(ice_session *session, const char *name, ice_error *err) {
  ice_status status = ice_session_reach(session, true, err);
  return status == ICE_OK ? ice_catalog_create_namespace(session->catalog, ice_str_of(name), err) : status;
}

static ice_status read_properties(const ice_table_definition *definition, ice_arena *arena, ice_table_create *out,
                                  ice_error *err) {
  if (definition->property_count > PROPERTIES_MAX) {
    return ice_error_set(err, ICE_LIMIT, "more than %d table properties", (int)PROPERTIES_MAX);
  }
  ice_property *properties = ice_arena_alloc_array(arena, definition->property_count, sizeof *properties, err);
  if (!properties) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for table properties");
  }
  for (size_t i = 0; i < definition->property_count; i++) {
    ice_status status = ice_session_property(definition->properties[i], &properties[i], err);
    if (status != ICE_OK) {
      return status;
    }
  }
  out->properties = properties;
  out->property_count = (uint32_t)definition->property_count;
  return ICE_OK;
}

static ice_status read_partition(const ice_table_definition *definition, const ice_schema *schema, ice_arena *arena,
                                 ice_partition_spec *out, ice_error *err) {
  if (definition->partition_count > ICE_PARTITION_FIELDS_MAX) {
    return ice_error_set(err, ICE_LIMIT, "more than %d partition fields", (int)ICE_PARTITION_FIELDS_MAX);
  }
  ice_str *texts = ice_arena_alloc_array(arena, definition->partition_count, sizeof *texts, err);
  if (!texts) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for a partition spec");
  }
  for (size_t i = 0; i < definition->partition_count; i++) {
    texts[i] = ice_str_of(definition->partition[i]);
  }
  return ice_partition_spec_parse(texts, (uint32_t)definition->partition_count, schema, arena, out, err);
}

ice_status ice_session_create_table(ice_session *session, const char *table, const ice_table_definition *definition,
                                    ice_error *err) {
  ice_arena arena;
  ice_arena_init(&arena, DEFINITION_MAX);
  ice_schema *given = NULL;
  ice_schema *schema = NULL;
  ice_partition_spec spec;
  ice_table_ident ident;
  ice_table made = {0};
  int32_t last_id = 0;
  ice_status status = ICE_OK;
  ICE_TRY(ice_table_ident_parse(ice_str_of(table), &ident, err));
  ICE_TRY(ice_arrow_import_schema(definition->schema, &given, err));
  ICE_TRY(ice_schema_assign_fresh_ids(given, &last_id, &schema, err));
  ice_table_create create = {.schema = schema, .spec = &spec};
  ICE_TRY(read_partition(definition, schema, &arena, &spec, err));
  ICE_TRY(read_properties(definition, &arena, &create, err));
  ICE_TRY(ice_session_reach(session, true, err));
  ICE_TRY(ice_catalog_create_table(session->catalog, ident, &create, &made, err));
done:
  ice_table_deinit(&made);
  ice_schema_unref(given);
  ice_schema_unref(schema);
  ice_arena_deinit(&arena);
  return status;
}

ice_status ice_session_create_tables(ice_session *session, uint32_t *created, ice_error *err) {
  ice_pipeline_spec spec = {0};
  ice_sink_tables tables;
  uint32_t count = 0;
  ice_status status = ICE_OK;
  ICE_TRY(ice_read_pipeline(&session->settings, &spec, err));
  ICE_TRY(ice_sink_tables_read(&session->settings, &spec, &tables, err));
  ICE_TRY(ice_session_reach(session, true, err));
  ICE_TRY(ice_sink_tables_create(session->catalog, &spec, &tables, &count, err));
done:
  ice_pipeline_spec_deinit(&spec);
  if (created) {
    *created = count;
  }
  return status;
}

ice_status ice_session_drop_table(ice_session *session, const char *table, ice_error *err) {
  ice_table_ident ident;
  ice_status status = ICE_OK;
  ICE_TRY(ice_table_ident_parse(ice_str_of(table), &ident, err));
  ICE_TRY(ice_session_reach(session, false, err));
  ICE_TRY(ice_catalog_drop_table(session->catalog, ident, err));
done:
  return status;
}

// Looking -----------------------------------------------------------------------------------------------------------

static ice_status add_line(void *context, ice_str name, ice_error *err) {
  return ice_bytes_append_format(context, err, "%.*s\n", ICE_STR_ARG(name));
}

/// A name that is looked for among others.
typedef struct sought {
  ice_str name;
  bool found;
} sought;

static ice_status compare_name(void *context, ice_str name, ice_error *err) {
  (void)err;
  sought *self = context;
  self->found = self->found || ice_str_equal(self->name, name);
  return ICE_OK;
}

// Not every catalog says so by itself where it is asked for the tables of a namespace that is not there.
static ice_status check_namespace(ice_catalog *catalog, const char *name, ice_error *err) {
  sought namespace_name = {.name = ice_str_of(name)};
  ice_status status = ice_catalog_list_namespaces(catalog, compare_name, &namespace_name, err);
  return status != ICE_OK || namespace_name.found
             ? status
             : ice_error_set(err, ICE_NOT_FOUND, "Namespace does not exist: %s", name);
}

ice_status ice_session_list(ice_session *session, const char *name_space, ice_text *out, ice_error *err) {
  *out = (ice_text){0};
  ice_bytes text;
  ice_bytes_init(&text, ICE_SESSION_TEXT_MAX);
  ice_status status = ICE_OK;
  ICE_TRY(ice_session_reach(session, false, err));
  ICE_TRY(name_space ? ice_catalog_list_tables(session->catalog, ice_str_of(name_space), add_line, &text, err)
                     : ice_catalog_list_namespaces(session->catalog, add_line, &text, err));
  if (name_space && text.size == 0) {
    ICE_TRY(check_namespace(session->catalog, name_space, err));
  }
  ICE_TRY(ice_session_text(&text, out, err));
done:
  ice_bytes_deinit(&text);
  return status;
}

ice_status ice_session_load_table(ice_session *session, const char *table, ice_text *out, ice_error *err) {
  *out = (ice_text){0};
  ice_table_ident ident;
  ice_table loaded;
  ice_bytes text;
  ice_bytes_init(&text, ICE_SESSION_TEXT_MAX);
  ice_status status = ICE_OK;
  ICE_TRY(ice_session_load(session, table, &ident, &loaded, err));
  ICE_TRY(ice_bytes_append_str(&text, ICE_STR("{\"metadata-location\":"), err));
  ICE_TRY(ice_json_append_string(&text, ice_str_of(loaded.metadata_location), err));
  ICE_TRY(ice_bytes_append_str(&text, ICE_STR(",\"metadata\":"), err));
  ICE_TRY(ice_table_metadata_append_json(loaded.metadata, &text, err));
  ICE_TRY(ice_bytes_append_u8(&text, '}', err));
  ICE_TRY(ice_session_text(&text, out, err));
done:
  ice_bytes_deinit(&text);
  ice_table_deinit(&loaded);
  return status;
}

ice_status ice_session_table_schema(ice_session *session, const char *table, struct ArrowSchema *out,
                                    ice_error *err) {
  out->release = NULL;
  ice_table_ident ident;
  ice_table loaded;
  ice_status status = ICE_OK;
  ICE_TRY(ice_session_load(session, table, &ident, &loaded, err));
  ICE_TRY(ice_arrow_export_schema(ice_table_current_schema(loaded.metadata), out, err));
done:
  ice_table_deinit(&loaded);
  return status;
}
