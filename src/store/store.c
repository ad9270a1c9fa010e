#include "store/store.h"

ice_status ice_store_read_all(ice_store *store, ice_str location, ice_bytes *out, ice_error *err) {
  int64_t size;
  ice_status status = ICE_OK;
  ICE_TRY(ice_store_stat(store, location, &size, err));
  if (size < 0 || (uint64_t)size > out->size_max - out->size) {
    ICE_FAIL(ICE_LIMIT, "%.*s has %lld bytes, at most %zu are allowed", ICE_STR_ARG(location), (long long)size,
             out->size_max - out->size);
  }
  ICE_TRY(ice_bytes_reserve(out, (size_t)size, err));
  ICE_TRY(ice_store_read(store, location, 0, out->data + out->size, (size_t)size, err));
  out->size += (size_t)size;
done:
  return status;
}

ice_status ice_store_write_all(ice_store *store, ice_str location, const void *data, size_t size, ice_error *err) {
  ice_upload *upload = NULL;
  bool complete = false;
  ice_status status = ICE_OK;
  ICE_TRY(ice_store_create(store, location, &upload, err));
  ICE_TRY(ice_upload_write(upload, data, size, err));
  ICE_TRY(ice_upload_submit(upload, err));
  while (!complete) {
    ICE_TRY(ice_upload_poll(upload, &complete, err));
  }
done:
  ice_upload_destroy(upload);
  return status;
}
