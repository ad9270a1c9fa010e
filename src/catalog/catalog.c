#include "catalog/catalog.h"

#include <stdlib.h>

void ice_table_deinit(ice_table *table) {
  ice_table_metadata_destroy(table->metadata);
  free(table->metadata_location);
  *table = (ice_table){0};
}

ice_status ice_table_ident_parse(ice_str text, ice_table_ident *out, ice_error *err) {
  *out = (ice_table_ident){0};
  for (size_t i = text.size; i > 0; i--) {
    if (text.data[i - 1] == '.') {
      out->namespace_name = ice_str_make(text.data, i - 1);
      out->name = ice_str_make(text.data + i, text.size - i);
      break;
    }
  }
  if (out->name.size == 0 || out->namespace_name.size == 0) {
    return ice_error_set(err, ICE_INVALID_ARGUMENT, "\"%.*s\" is no table name; write it as database.table",
                         ICE_STR_ARG(text));
  }
  return ICE_OK;
}

ice_status ice_catalog_table_missing(ice_table_ident ident, ice_error *err) {
  return ice_error_set(err, ICE_NOT_FOUND, "Table does not exist: %.*s.%.*s", ICE_IDENT_ARG(ident));
}
