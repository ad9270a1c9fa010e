#include "catalog/catalog_files.h"

#include "codec/uuid.h"
#include <stdlib.h>

enum { LOCATION_MAX = 1 << 16 };

ice_status ice_catalog_read_metadata(ice_store *store, ice_str location, ice_table *out, ice_error *err) {
  ice_bytes text;
  ice_bytes_init(&text, ICE_METADATA_BYTES_MAX);
  ice_status status = ICE_OK;
  ICE_TRY(ice_store_read_all(store, location, &text, err));
  status = ice_table_metadata_parse(ice_bytes_str(&text), &out->metadata, err);
  if (status != ICE_OK) {
    ice_error_prepend(err, "%.*s", ICE_STR_ARG(location));
    goto done;
  }
  out->metadata_location = strndup(location.data, location.size);
  if (!out->metadata_location) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for a location");
  }
done:
  if (status != ICE_OK) {
    ice_table_deinit(out);
  }
  ice_bytes_deinit(&text);
  return status;
}

ice_status ice_catalog_write_metadata(ice_store *store, const ice_port *port, const ice_table_metadata *metadata,
                                      ice_str previous, char **out, ice_error *err) {
  *out = NULL;
  ice_bytes location;
  ice_bytes text;
  ice_bytes_init(&location, LOCATION_MAX);
  ice_bytes_init(&text, ICE_METADATA_BYTES_MAX);
  char uuid[ICE_UUID_TEXT_SIZE + 1];
  ice_status status = ICE_OK;
  int64_t version = previous.size == 0 ? -1 : ice_metadata_name_version(previous);
  ICE_TRY(ice_uuid_random_text(&port->random, uuid, err));
  ICE_TRY(ice_bytes_append_str(&location, metadata->location, err));
  ICE_TRY(ice_bytes_append_str(&location, ICE_STR("/metadata/"), err));
  ICE_TRY(ice_metadata_name_append((uint32_t)(version + 1), ice_str_of(uuid), &location, err));
  ICE_TRY(ice_table_metadata_append_json(metadata, &text, err));
  ICE_TRY(ice_store_write_all(store, ice_bytes_str(&location), text.data, text.size, err));
  *out = strndup((const char *)location.data, location.size);
  if (!*out) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for a location");
  }
done:
  ice_bytes_deinit(&location);
  ice_bytes_deinit(&text);
  return status;
}

ice_status ice_catalog_new_metadata(const ice_port *port, ice_str warehouse, ice_table_ident ident,
                                    const ice_table_create *create, ice_table_metadata **out, ice_error *err) {
  *out = NULL;
  ice_bytes location;
  ice_bytes_init(&location, LOCATION_MAX);
  char uuid[ICE_UUID_TEXT_SIZE + 1];
  ice_table_create complete = *create;
  ice_status status = ICE_OK;
  ICE_TRY(ice_uuid_random_text(&port->random, uuid, err));
  if (complete.uuid.size == 0) {
    complete.uuid = ice_str_of(uuid);
  }
  if (complete.location.size == 0) {
    while (warehouse.size > 1 && warehouse.data[warehouse.size - 1] == '/') {
      warehouse.size--;
    }
    ICE_TRY(ice_bytes_append_str(&location, warehouse, err));
    ICE_TRY(ice_bytes_append_u8(&location, '/', err));
    for (size_t i = 0; i < ident.namespace_name.size; i++) {
      char c = ident.namespace_name.data[i];
      ICE_TRY(ice_bytes_append_u8(&location, (uint8_t)(c == '.' ? '/' : c), err));
    }
    ICE_TRY(ice_bytes_append_u8(&location, '/', err));
    ICE_TRY(ice_bytes_append_str(&location, ident.name, err));
    complete.location = ice_bytes_str(&location);
  }
  if (complete.now_ms == 0) {
    complete.now_ms = port->clock.now_us(port->clock.context) / 1000;
  }
  ICE_TRY(ice_table_metadata_create(&complete, out, err));
done:
  ice_bytes_deinit(&location);
  return status;
}
