#include "assembly/sink_tables.h"

static ice_status complete_name(ice_settings *settings, ice_str name, ice_table_ident *out, ice_error *err) {
  ice_str database = ice_settings_text(settings, ICE_OPTION_ID_TABLES_DATABASE);
  if (memchr(name.data, '.', name.size) || database.size == 0) {
    return ice_table_ident_parse(name, out, err);
  }
  *out = (ice_table_ident){.namespace_name = database, .name = name};
  return ICE_OK;
}

ice_status ice_sink_tables_read(ice_settings *settings, const ice_pipeline_spec *spec, ice_sink_tables *out,
                                ice_error *err) {
  *out = (ice_sink_tables){0};
  ice_status status = ICE_OK;
  ICE_TRY(ice_settings_require(settings, ICE_OPTION_ID_TABLES_DATA, err));
  ICE_TRY(ice_settings_require(settings, ICE_OPTION_ID_TABLES_DEAD_LETTERS, err));
  uint32_t data_count = 1;
  for (uint32_t i = 0; i < spec->route_count; i++) {
    data_count = spec->routes[i].table >= data_count ? spec->routes[i].table + 1 : data_count;
  }
  out->count = data_count + 1;
  out->idents = ice_arena_alloc_array(&settings->arena, out->count, sizeof *out->idents, err);
  if (!out->idents) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for %u tables", out->count);
  }
  ICE_TRY(complete_name(settings, ice_settings_text(settings, ICE_OPTION_ID_TABLES_DATA), &out->idents[0], err));
  for (uint32_t i = 0; i < spec->route_count; i++) {
    ICE_TRY(complete_name(settings, spec->routes[i].name, &out->idents[spec->routes[i].table], err));
  }
  ICE_TRY(complete_name(settings, ice_settings_text(settings, ICE_OPTION_ID_TABLES_DEAD_LETTERS),
                        &out->idents[data_count], err));
  for (uint32_t i = 0; i < out->count; i++) {
    for (uint32_t j = 0; j < i; j++) {
      if (ice_str_equal(out->idents[i].name, out->idents[j].name) &&
          ice_str_equal(out->idents[i].namespace_name, out->idents[j].namespace_name)) {
        ICE_FAIL(ICE_INVALID_ARGUMENT, "table %.*s.%.*s is named twice", ICE_IDENT_ARG(out->idents[i]));
      }
    }
  }
  ice_str lead = ice_settings_text(settings, ICE_OPTION_ID_TABLES_LEAD);
  if (lead.size > 0) {
    ice_table_ident ident;
    ICE_TRY(complete_name(settings, lead, &ident, err));
    while (out->lead < out->count && !(ice_str_equal(ident.name, out->idents[out->lead].name) &&
                                       ice_str_equal(ident.namespace_name, out->idents[out->lead].namespace_name))) {
      out->lead++;
    }
    if (out->lead == out->count) {
      ICE_FAIL(ICE_INVALID_ARGUMENT, "tables.lead is %.*s, which is none of the pipeline's tables",
               ICE_STR_ARG(lead));
    }
  }
done:
  return status;
}

static ice_status create_table(ice_catalog *catalog, const ice_pipeline_spec *spec, ice_table_ident ident,
                               bool dead_letters, bool *created, ice_error *err) {
  enum { SPEC_BYTES_MAX = 1 << 20 };
  ice_arena arena;
  ice_arena_init(&arena, SPEC_BYTES_MAX);
  ice_table table = {0};
  ice_partition_spec partition_spec;
  const ice_schema *schema = dead_letters ? spec->dead_letter_schema : spec->schema;
  ice_table_create create = {.schema = schema, .spec = &partition_spec};
  ice_status status = ICE_OK;
  *created = false;
  status = ice_catalog_load_table(catalog, ident, &table, err);
  if (status != ICE_NOT_FOUND) {
    goto done;
  }
  ice_error_clear(err);
  ICE_TRY(ice_partition_spec_parse(dead_letters ? spec->dead_letter_partition : spec->partition,
                                   dead_letters ? spec->dead_letter_partition_count : spec->partition_count, schema,
                                   &arena, &partition_spec, err));
  ICE_TRY(ice_catalog_create_namespace(catalog, ident.namespace_name, err));
  status = ice_catalog_create_table(catalog, ident, &create, &table, err);
  *created = status == ICE_OK;
  if (status == ICE_ALREADY_EXISTS) {
    // Another process was faster, which is as good.
    ice_error_clear(err);
    status = ICE_OK;
  }
done:
  ice_table_deinit(&table);
  ice_arena_deinit(&arena);
  return status;
}

ice_status ice_sink_tables_create(ice_catalog *catalog, const ice_pipeline_spec *spec, const ice_sink_tables *tables,
                                  uint32_t *created, ice_error *err) {
  *created = 0;
  for (uint32_t i = 0; i < tables->count; i++) {
    bool made;
    ice_status status = create_table(catalog, spec, tables->idents[i], i + 1 == tables->count, &made, err);
    if (status != ICE_OK) {
      return status;
    }
    *created += made;
  }
  return ICE_OK;
}
