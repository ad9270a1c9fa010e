#include "store/store_router.h"

#include "store/store_s3.h"
#include <stdlib.h>

typedef struct router {
  ice_store base;
  ice_store *local;
  ice_store *s3;
} router;

static router *router_of(ice_store *store) { return (router *)(void *)store; }

static ice_status find(ice_store *store, ice_str location, ice_store **out, ice_error *err) {
  const router *self = router_of(store);
  bool is_s3 = ice_store_s3_scheme(location) > 0;
  bool is_local = ice_str_starts_with(location, ICE_STR("file:")) || ice_str_starts_with(location, ICE_STR("/"));
  *out = is_s3 ? self->s3 : is_local ? self->local : NULL;
  return *out ? ICE_OK
              : ice_error_set(err, ICE_UNSUPPORTED, "there is no store for %.*s%s", ICE_STR_ARG(location),
                              is_s3 ? ": store.s3 is not set up" : "");
}

static ice_status router_create(ice_store *store, ice_str location, ice_upload **out, ice_error *err) {
  ice_store *to;
  *out = NULL;
  ice_status status = find(store, location, &to, err);
  return status == ICE_OK ? ice_store_create(to, location, out, err) : status;
}

static ice_status router_read(ice_store *store, ice_str location, int64_t offset, void *data, size_t size,
                              ice_error *err) {
  ice_store *to;
  ice_status status = find(store, location, &to, err);
  return status == ICE_OK ? ice_store_read(to, location, offset, data, size, err) : status;
}

static ice_status router_stat(ice_store *store, ice_str location, int64_t *size, ice_error *err) {
  ice_store *to;
  ice_status status = find(store, location, &to, err);
  return status == ICE_OK ? ice_store_stat(to, location, size, err) : status;
}

static ice_status router_remove(ice_store *store, ice_str location, ice_error *err) {
  ice_store *to;
  ice_status status = find(store, location, &to, err);
  return status == ICE_OK ? ice_store_remove(to, location, err) : status;
}

static ice_status router_list(ice_store *store, ice_str prefix, ice_object_visit visit, void *context,
                              ice_error *err) {
  ice_store *to;
  ice_status status = find(store, prefix, &to, err);
  return status == ICE_OK ? ice_store_list(to, prefix, visit, context, err) : status;
}

static ice_status router_drive(ice_store *store, int64_t timeout_ms, ice_error *err) {
  const router *self = router_of(store);
  return self->s3 ? ice_store_drive(self->s3, timeout_ms, err) : ICE_OK;
}

static void router_destroy(ice_store *store) {
  router *self = router_of(store);
  ice_store_destroy(self->local);
  ice_store_destroy(self->s3);
  free(self);
}

static const ice_store_interface router_interface = {.create = router_create,
                                                     .read = router_read,
                                                     .stat = router_stat,
                                                     .remove = router_remove,
                                                     .list = router_list,
                                                     .drive = router_drive,
                                                     .destroy = router_destroy};

ice_status ice_store_router_open(ice_store *local, ice_store *s3, ice_store **out, ice_error *err) {
  *out = NULL;
  router *self = calloc(1, sizeof *self);
  if (!self) {
    ice_store_destroy(local);
    ice_store_destroy(s3);
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for a store");
  }
  *self = (router){.base.interface = &router_interface, .local = local, .s3 = s3};
  *out = &self->base;
  return ICE_OK;
}
