#include "store/store_s3.h"

#include "base/budget.h"
#include "base/number.h"
#include "codec/checksum.h"
#include "http/http_url.h"
#include "store/store_s3_priv.h"
#include <stdio.h>
#include <stdlib.h>

enum {
  PART_SIZE = 8 << 20,
  PART_SIZE_MAX = 1 << 30,
  UPLOAD_BYTES = 32 << 20,
  REQUESTS = 16,
  REQUESTS_MAX = 256,
  RETRIES = 5,
  READ_SIZE = 8 << 20,  ///< asked for at once
  PAGE_MAX = 16 << 20,
  PAGES_MAX = 1 << 20,
  EMPTY_PAGES_MAX = 1000,
  LAST_REQUESTS_MS = 2000
};

static ice_s3_store *store_of(ice_store *store) { return (ice_s3_store *)(void *)store; }

// Opening ----------------------------------------------------------------------------------------------------------------

static ice_status copy_text(ice_str text, char **out, ice_error *err) {
  *out = strndup(text.data ? text.data : "", text.size);
  return *out ? ICE_OK : ice_error_set(err, ICE_NO_MEMORY, "out of memory for the S3 store");
}

static ice_status make_root(ice_str location, ice_s3_root *out, ice_error *err) {
  ice_status status = copy_text(location, &out->text, err);
  return status == ICE_OK ? ice_s3_place_read(ice_str_of(out->text), true, &out->place, err) : status;
}

// "http(s)://host[:port]" in a copy of its own, without a '/' at the end.
static ice_status check_endpoint(ice_str endpoint, char **out, ice_error *err) {
  ice_arena arena;
  ice_http_url url;
  ice_arena_init(&arena, 2 * ICE_HTTP_URL_MAX);
  ice_status status = ICE_OK;
  ICE_TRY(ice_http_url_read(endpoint, &arena, &url, err));
  if (url.user.data) {
    ICE_FAIL(ICE_INVALID_ARGUMENT, "the URL holds credentials; they have settings of their own");
  }
  size_t slashes = 0;
  for (size_t i = 0; i < url.base.size; i++) {
    slashes += url.base.data[i] == '/' ? 1 : 0;
  }
  if (slashes != 2) {
    ICE_FAIL(ICE_INVALID_ARGUMENT, "%.*s has a path, which no S3 endpoint has", ICE_STR_ARG(url.base));
  }
  ICE_TRY(copy_text(url.base, out, err));
done:
  if (status != ICE_OK) {
    ice_error_prepend(err, "the S3 endpoint");
  }
  ice_arena_deinit(&arena);
  return status;
}

// A region becomes part of a host and of a signature.
static ice_status check_region(ice_str region, char **out, ice_error *err) {
  for (size_t i = 0; i < region.size; i++) {
    char c = region.data[i];
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_')) {
      return ice_error_set(err, ICE_INVALID_ARGUMENT, "the S3 region has a byte that no region has");
    }
  }
  return copy_text(region, out, err);
}

static ice_status set_endpoint(ice_s3_store *self, const ice_store_s3_options *options, ice_error *err) {
  ice_status status =
      check_region(options->region.size > 0 ? options->region : ICE_STR("us-east-1"), &self->region, err);
  if (status != ICE_OK || options->endpoint.size > 0) {
    return status == ICE_OK ? check_endpoint(options->endpoint, &self->endpoint, err) : status;
  }
  char text[128];
  bool china = ice_str_starts_with(ice_str_of(self->region), ICE_STR("cn-"));
  snprintf(text, sizeof text, "https://s3.%.60s.amazonaws.com%s", self->region, china ? ".cn" : "");
  return copy_text(ice_str_of(text), &self->endpoint, err);
}

static uint32_t number_or(uint32_t value, uint32_t otherwise, uint32_t max) {
  uint32_t chosen = value > 0 ? value : otherwise;
  return chosen < max ? chosen : max;
}

static ice_status set_limits(ice_s3_store *self, const ice_store_s3_options *options, ice_error *err) {
  self->part_size = options->part_size > 0 ? options->part_size : PART_SIZE;
  self->upload_bytes_max = options->upload_bytes_max > 0 ? options->upload_bytes_max : UPLOAD_BYTES;
  self->requests_max = number_or(options->requests_max, REQUESTS, REQUESTS_MAX);
  self->window = self->requests_max;
  self->retries = options->retries > 0 ? options->retries : RETRIES;
  if (self->part_size < ICE_S3_PART_SIZE_MIN || self->part_size > PART_SIZE_MAX) {
    return ice_error_set(err, ICE_INVALID_ARGUMENT, "the part size of S3 uploads is from %d to %d bytes",
                         (int)ICE_S3_PART_SIZE_MIN, (int)PART_SIZE_MAX);
  }
  return ICE_OK;
}

static void store_destroy(ice_store *store);
static const ice_store_interface store_interface;

ice_status ice_store_s3_open(const ice_store_s3_options *options, ice_aws_provider *provider, ice_store **out,
                             ice_error *err) {
  *out = NULL;
  ice_status status = ICE_OK;
  ice_s3_store *self = calloc(1, sizeof *self);
  if (!self) {
    ice_aws_provider_destroy(provider);
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for the S3 store");
  }
  self->base.interface = &store_interface;
  self->provider = provider;
  self->port = options->port;
  self->observer = options->observer;
  self->budget = options->budget;
  self->stop = options->http.stop;
  self->path_style = options->path_style;
  self->unsigned_payload = options->unsigned_payload;
  ICE_TRY(set_endpoint(self, options, err));
  ICE_TRY(set_limits(self, options, err));
  ICE_TRY(options->spill_directory ? copy_text(ice_str_of(options->spill_directory), &self->spill_directory, err)
                                   : ICE_OK);
  self->roots = calloc(options->root_count + 1, sizeof *self->roots);
  self->grants = calloc(ICE_S3_GRANTS_MAX, sizeof *self->grants);
  if (!self->roots || !self->grants) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for the S3 store");
  }
  for (size_t i = 0; i < options->root_count; i++) {
    self->root_count++;
    ICE_TRY(make_root(options->roots[i], &self->roots[i], err));
  }
  ICE_TRY(ice_http_multi_create(&options->http, self->requests_max, &self->http, err));
  *out = &self->base;
  self = NULL;
done:
  if (self) {
    store_destroy(&self->base);
  }
  return status;
}

static void free_grant(ice_s3_grant_entry *entry) {
  free(entry->prefix.text);
  free(entry->endpoint);
  free(entry->region);
  ice_aws_provider_destroy(entry->provider);
  if (entry->signer) {
    entry->signer->interface->destroy(entry->signer);
  }
  *entry = (ice_s3_grant_entry){0};
}

// What nobody waits for (parts to be forgotten) gets a little time; then all that is left is given up.
static void end_requests(ice_s3_store *self) {
  int64_t from_us = self->port->clock.monotonic_us(self->port->clock.context);
  if (self->http) {
    self->stop = NULL;
    ice_http_multi_ignore_stop(self->http);
  }
  while (self->http && self->first &&
         self->port->clock.monotonic_us(self->port->clock.context) - from_us < LAST_REQUESTS_MS * 1000) {
    if (ice_s3_drive(self, ICE_S3_DRIVE_MS, NULL) != ICE_OK) {
      break;
    }
  }
  while (self->first) {
    ice_s3_request *request = self->first;
    ice_s3_done ended = request->done;
    void *context = request->context;
    ice_s3_request_deinit(request);
    request->context = context;
    request->status = ICE_CANCELLED;
    if (ended) {
      ended(request);
    }
  }
}

static void store_destroy(ice_store *store) {
  ice_s3_store *self = store_of(store);
  end_requests(self);
  ice_http_multi_destroy(self->http);
  for (size_t i = 0; i < self->root_count; i++) {
    free(self->roots[i].text);
  }
  for (size_t i = 0; i < self->grant_count; i++) {
    free_grant(&self->grants[i]);
  }
  ice_aws_provider_destroy(self->provider);
  free(self->spill_directory);
  free(self->roots);
  free(self->grants);
  free(self->endpoint);
  free(self->region);
  free(self);
}

ice_status ice_store_s3_grant(ice_store *store, const ice_s3_grant *grant, ice_error *err) {
  ice_s3_store *self = store_of(store);
  ice_s3_grant_entry made = {.provider = grant->provider, .signer = grant->signer, .path_style = grant->path_style};
  size_t at = 0;
  ice_status status = ICE_OK;
  ICE_TRY(make_root(grant->prefix, &made.prefix, err));
  ICE_TRY(grant->endpoint.size > 0 ? check_endpoint(grant->endpoint, &made.endpoint, err) : ICE_OK);
  ICE_TRY(grant->region.size > 0 ? check_region(grant->region, &made.region, err) : ICE_OK);
  while (at < self->grant_count && !(ice_str_equal(self->grants[at].prefix.place.bucket, made.prefix.place.bucket) &&
                                     ice_str_equal(self->grants[at].prefix.place.key, made.prefix.place.key))) {
    at++;
  }
  if (at == ICE_S3_GRANTS_MAX) {
    ICE_FAIL(ICE_LIMIT, "more than %d prefixes with credentials of their own", (int)ICE_S3_GRANTS_MAX);
  }
  free_grant(&self->grants[at]);
  self->grants[at] = made;
  self->grant_count = at == self->grant_count ? at + 1 : self->grant_count;
  made = (ice_s3_grant_entry){0};
done:
  free_grant(&made);
  return status;
}

// Objects ----------------------------------------------------------------------------------------------------------------

static ice_status checked_place(const ice_s3_store *self, ice_str location, bool is_prefix, ice_s3_place *out,
                                ice_error *err) {
  ice_status status = ice_s3_place_read(location, is_prefix, out, err);
  if (status != ICE_OK) {
    return status;
  }
  for (size_t i = 0; i < self->root_count; i++) {
    if (ice_s3_place_holds(&self->roots[i].place, out)) {
      return ICE_OK;
    }
  }
  return ice_error_set(err, ICE_INVALID_ARGUMENT,
                       "%.*s is outside the warehouse; list its place in catalog.allowed_locations",
                       ICE_STR_ARG(location));
}

static ice_status s3_create(ice_store *store, ice_str location, ice_upload **out, ice_error *err) {
  ice_s3_place place;
  *out = NULL;
  ice_status status = checked_place(store_of(store), location, false, &place, err);
  return status == ICE_OK ? ice_s3_upload_create(store_of(store), &place, out, err) : status;
}

// The first byte's place in "bytes 0-9/100".
static bool parse_range_start(ice_str text, int64_t *out) {
  const ice_str unit = ICE_STR("bytes ");
  const char *dash = text.size > 0 ? memchr(text.data, '-', text.size) : NULL;
  return dash && ice_str_starts_with(text, unit) &&
         ice_number_parse_count(ice_str_make(text.data + unit.size, (size_t)(dash - text.data) - unit.size), out);
}

static ice_status take_range(const ice_s3_request *request, int64_t offset, void *data, size_t size, ice_error *err) {
  ice_str location = request->place->location;
  const ice_bytes *body = &request->response.body;
  int64_t from = 0;
  if (request->response.status == 206 &&
      !parse_range_start(ice_http_response_header(&request->response, "content-range"), &from)) {
    return ice_error_set(err, ICE_CORRUPT, "%.*s: the answer does not say which range it is", ICE_STR_ARG(location));
  }
  // A server that knows no ranges gives all of it.
  if (from != offset && !(request->response.status == 200 && offset == 0)) {
    return ice_error_set(err, ICE_CORRUPT, "%.*s: asked for byte %lld, the server began at byte %lld",
                         ICE_STR_ARG(location), (long long)offset, (long long)from);
  }
  if (body->size != size) {
    return ice_error_set(err, ICE_CORRUPT, "%.*s: %zu bytes from byte %lld are wanted, the server gave %zu",
                         ICE_STR_ARG(location), size, (long long)offset, body->size);
  }
  memcpy(data, body->data, size);
  return ICE_OK;
}

static ice_status read_range(ice_s3_store *self, const ice_s3_place *place, int64_t offset, void *data, size_t size,
                             ice_error *err) {
  ice_s3_request request;
  ice_str range;
  size_t answer_max = size > ICE_S3_ANSWER_MAX ? size : ICE_S3_ANSWER_MAX;
  ice_s3_request_init(&request, self, "GetObject", ICE_HTTP_GET, place, answer_max);
  ice_status status = ICE_OK;
  ICE_TRY(ice_s3_request_format(&request, &range, err, "bytes=%lld-%lld", (long long)offset,
                                (long long)(offset + (int64_t)size - 1)));
  ice_s3_request_add_header(&request, ICE_STR("range"), range);
  ICE_TRY(ice_s3_request_wait(&request, err));
  ICE_TRY(take_range(&request, offset, data, size, err));
done:
  ice_s3_request_deinit(&request);
  return status;
}

// Where the whole object was read and the server had said what its checksum is.
static ice_status check_whole(const ice_s3_store *self, ice_str location, int64_t offset, const void *data,
                              size_t size, ice_error *err) {
  char ours[ICE_S3_CHECKSUM_SIZE + 1];
  if (offset != 0 || (int64_t)size != self->stat_size || !self->stat_crc32c[0] ||
      !ice_str_equal_c(location, self->stat_location)) {
    return ICE_OK;
  }
  ice_s3_checksum_text(ice_crc32c(0, data, size), ours);
  return strcmp(ours, self->stat_crc32c) == 0
             ? ICE_OK
             : ice_error_set(err, ICE_CORRUPT, "%.*s: the bytes that came do not have the object's checksum",
                             ICE_STR_ARG(location));
}

static ice_status s3_read(ice_store *store, ice_str location, int64_t offset, void *data, size_t size,
                          ice_error *err) {
  ice_s3_store *self = store_of(store);
  ice_s3_place place;
  int64_t end;
  ice_status status = ICE_OK;
  ICE_TRY(checked_place(self, location, false, &place, err));
  if (offset < 0 || __builtin_add_overflow(offset, size, &end)) {
    ICE_FAIL(ICE_INVALID_ARGUMENT, "%.*s: a range that is none", ICE_STR_ARG(location));
  }
  for (size_t done = 0; done < size;) {
    size_t now = size - done < READ_SIZE ? size - done : READ_SIZE;
    ICE_TRY(read_range(self, &place, offset + (int64_t)done, (uint8_t *)data + done, now, err));
    done += now;
  }
  ICE_TRY(check_whole(self, location, offset, data, size, err));
done:
  return status;
}

// Keeps what the answer says of the object, for check_whole.
static void remember(ice_s3_store *self, const ice_s3_request *request, int64_t size) {
  ice_str location = request->place->location;
  ice_str crc32c = ice_http_response_header(&request->response, "x-amz-checksum-crc32c");
  self->stat_size = size;
  self->stat_crc32c[0] = '\0';
  // The checksum of an object in parts is one of their checksums ("…-N").
  if (crc32c.size == ICE_S3_CHECKSUM_SIZE) {
    memcpy(self->stat_location, location.data, location.size);
    self->stat_location[location.size] = '\0';
    memcpy(self->stat_crc32c, crc32c.data, crc32c.size);
    self->stat_crc32c[crc32c.size] = '\0';
  }
}

static ice_status s3_stat(ice_store *store, ice_str location, int64_t *size, ice_error *err) {
  ice_s3_store *self = store_of(store);
  ice_s3_request request = {0};
  ice_s3_place place;
  ice_status status = ICE_OK;
  ICE_TRY(checked_place(self, location, false, &place, err));
  ice_s3_request_init(&request, self, "HeadObject", ICE_HTTP_HEAD, &place, ICE_S3_ANSWER_MAX);
  ice_s3_request_add_header(&request, ICE_STR("x-amz-checksum-mode"), ICE_STR("ENABLED"));
  ICE_TRY(ice_s3_request_wait(&request, err));
  if (!ice_number_parse_count(ice_http_response_header(&request.response, "content-length"), size)) {
    ICE_FAIL(ICE_CORRUPT, "%.*s: the server does not say how long it is", ICE_STR_ARG(location));
  }
  remember(self, &request, *size);
done:
  ice_s3_request_deinit(&request);
  return status;
}

static ice_status s3_remove(ice_store *store, ice_str location, ice_error *err) {
  ice_s3_store *self = store_of(store);
  ice_s3_request request = {0};
  ice_s3_place place;
  int64_t size;
  ice_status status = ICE_OK;
  ICE_TRY(checked_place(self, location, false, &place, err));
  // S3 deletes what is not there without a word.
  ICE_TRY(s3_stat(store, location, &size, err));
  ice_s3_request_init(&request, self, "DeleteObject", ICE_HTTP_DELETE, &place, ICE_S3_ANSWER_MAX);
  ICE_TRY(ice_s3_request_wait(&request, err));
done:
  ice_s3_request_deinit(&request);
  return status;
}

// Lists ------------------------------------------------------------------------------------------------------------------

typedef struct listing {
  ice_s3_store *store;
  const ice_s3_place *directory;  ///< its location and its key end with '/', or the key is empty
  ice_object_visit visit;
  void *context;
} listing;

static ice_status visit_object(const listing *self, const ice_s3_listed *object, ice_error *err) {
  char location[ICE_S3_LOCATION_MAX];
  ice_str directory = self->directory->location;
  ice_str key = self->directory->key;
  ice_s3_place place;
  if (!ice_str_starts_with(object->key, key)) {
    return ice_error_set(err, ICE_CORRUPT, "the list of %.*s has an object that is not in it",
                         ICE_STR_ARG(directory));
  }
  // The caller's spelling of the directory is kept, so that locations compare equal with those in metadata.
  size_t rest = object->key.size - key.size;
  if (directory.size + rest >= sizeof location) {
    return ice_error_set(err, ICE_LIMIT, "the list of %.*s has a name of %zu bytes", ICE_STR_ARG(directory),
                         object->key.size);
  }
  memcpy(location, directory.data, directory.size);
  memcpy(location + directory.size, object->key.data + key.size, rest);
  const ice_object_info info = {.location = ice_str_make(location, directory.size + rest),
                                .size = object->size,
                                .modified_us = object->modified_us};
  // A directory's own marker, and names that this store could neither read nor delete, are nobody's files here.
  bool usable = ice_s3_place_read(info.location, false, &place, NULL) == ICE_OK;
  return usable ? self->visit(self->context, &info, err) : ICE_OK;
}

static ice_status build_list_query(ice_s3_request *request, ice_str prefix, ice_str token, ice_error *err) {
  ice_bytes query;
  ice_bytes_init(&query, ICE_HTTP_URL_MAX);
  ice_status status = ICE_OK;
  ICE_TRY(ice_bytes_append_str(&query, ICE_STR("list-type=2&encoding-type=url&prefix="), err));
  ICE_TRY(ice_http_url_encode(prefix, &query, err));
  if (token.size > 0) {
    ICE_TRY(ice_bytes_append_str(&query, ICE_STR("&continuation-token="), err));
    ICE_TRY(ice_http_url_encode(token, &query, err));
  }
  ICE_TRY(ice_arena_copy_str(&request->texts, ice_bytes_str(&query), &request->query, err));
done:
  ice_bytes_deinit(&query);
  return status;
}

// One page; `token` is where it begins and then where the next one does, empty at the end.
static ice_status list_page(const listing *self, const ice_s3_place *bucket, ice_bytes *token, size_t *count,
                            ice_error *err) {
  ice_s3_request request;
  ice_s3_page page;
  ice_arena arena;
  ice_arena_init(&arena, 2 * PAGE_MAX);
  ice_s3_request_init(&request, self->store, "ListObjectsV2", ICE_HTTP_GET, bucket, PAGE_MAX);
  request.granted = self->directory;
  ice_status status = ICE_OK;
  ICE_TRY(build_list_query(&request, self->directory->key, ice_bytes_str(token), err));
  ICE_TRY(ice_s3_request_wait(&request, err));
  ICE_TRY(ice_s3_page_read(ice_bytes_str(&request.response.body), &arena, &page, err));
  for (size_t i = 0; i < page.count; i++) {
    ICE_TRY(visit_object(self, &page.objects[i], err));
  }
  *count = page.count;
  if (page.truncated && ice_str_equal(page.token, ice_bytes_str(token))) {
    ICE_FAIL(ICE_CORRUPT, "the list of %.*s does not move on", ICE_STR_ARG(self->directory->location));
  }
  ice_bytes_clear(token);
  ICE_TRY(page.truncated ? ice_bytes_append_str(token, page.token, err) : ICE_OK);
done:
  ice_s3_request_deinit(&request);
  ice_arena_deinit(&arena);
  return status;
}

static ice_status list_pages(const listing *self, ice_error *err) {
  // Listing is a request of the bucket, under the grant of the prefix.
  const ice_s3_place bucket = {.location = self->directory->location, .bucket = self->directory->bucket};
  ice_bytes token;
  ice_bytes_init(&token, ICE_HTTP_URL_MAX / 4);
  ice_status status = ICE_OK;
  size_t empty = 0;
  for (size_t pages = 0; pages == 0 || token.size > 0; pages++) {
    size_t count = 0;
    ICE_TRY(list_page(self, &bucket, &token, &count, err));
    empty = count == 0 ? empty + 1 : 0;
    if (pages >= PAGES_MAX || empty >= EMPTY_PAGES_MAX) {
      ICE_FAIL(ICE_LIMIT, "the list of %.*s has no end", ICE_STR_ARG(self->directory->location));
    }
  }
done:
  ice_bytes_deinit(&token);
  return status;
}

static ice_status s3_list(ice_store *store, ice_str prefix, ice_object_visit visit, void *context, ice_error *err) {
  char text[ICE_S3_LOCATION_MAX + 1];
  ice_s3_place place;
  ice_status status = checked_place(store_of(store), prefix, true, &place, err);
  if (status != ICE_OK) {
    return status;
  }
  // A directory: s3://b/t does not hold s3://b/t2.
  memcpy(text, prefix.data, prefix.size);
  size_t size = prefix.size;
  if (text[size - 1] != '/') {
    text[size++] = '/';
  }
  status = ice_s3_place_read(ice_str_make(text, size), true, &place, err);
  const listing self = {.store = store_of(store), .directory = &place, .visit = visit, .context = context};
  return status == ICE_OK ? list_pages(&self, err) : status;
}

static ice_status s3_drive(ice_store *store, int64_t timeout_ms, ice_error *err) {
  // Asked between all steps of a sink, most often with no request under way.
  return store_of(store)->first ? ice_s3_drive(store_of(store), timeout_ms, err) : ICE_OK;
}

static const ice_store_interface store_interface = {.create = s3_create,
                                                    .read = s3_read,
                                                    .stat = s3_stat,
                                                    .remove = s3_remove,
                                                    .list = s3_list,
                                                    .drive = s3_drive,
                                                    .destroy = store_destroy};
