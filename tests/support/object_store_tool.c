/// object_store_tool: the S3 store from the command line, for tests against real servers.
///   put LOCATION FILE [WRITE_SIZE]   write a whole object, FILE in writes of that many bytes
///   puts PREFIX COUNT SIZE           COUNT objects of SIZE bytes, all submitted before the first is waited for
///   together PREFIX COUNT SIZE       the same growing all at once; prints the most bytes that uploads held
///   get LOCATION FILE | range LOCATION OFFSET SIZE FILE | stat LOCATION | remove LOCATION | list PREFIX
/// Where from: S3_TEST_ENDPOINT, S3_TEST_ROOT, S3_TEST_PATH_STYLE (0 or 1), S3_TEST_CA, S3_TEST_PART_SIZE,
/// S3_TEST_SILENCE_MS, S3_TEST_RETRIES, S3_TEST_UPLOAD_BYTES, S3_TEST_SPILL, S3_TEST_PROXY,
/// S3_TEST_UNSIGNED, AWS_REGION; credentials by the chain of the AWS SDKs,
/// none with S3_TEST_ANONYMOUS.
/// Prints what it found; an error goes to stderr as "STATUS: message" and the exit status is 1.
#include "store/store_router.h"
#include "store/store_s3.h"
#include <stdio.h>
#include <stdlib.h>

static ice_budget budget;

static const char *variable(const char *name, const char *otherwise) {
  const char *value = getenv(name);
  return value && value[0] ? value : otherwise;
}

static ice_status open_provider(const ice_http_options *http, ice_aws_provider **out, ice_error *err) {
  if (variable("S3_TEST_ANONYMOUS", NULL)) {
    *out = NULL;
    return ICE_OK;
  }
  const ice_aws_chain_options chain = {.port = ice_port_system(), .http = *http};
  return ice_aws_provider_chain(&chain, out, err);
}

static void print_log(void *context, ice_log_level level, ice_str message, const ice_log_field *fields,
                      size_t field_count) {
  (void)context;
  (void)level;
  (void)fields;
  (void)field_count;
  fprintf(stderr, "log: %.*s\n", ICE_STR_ARG(message));
}

enum { COUNTERS_MAX = 16 };
static struct {
  const char *name;
  long long value;
} counters[COUNTERS_MAX];

static void add_count(void *context, const char *name, ice_str label, int64_t delta) {
  (void)context;
  (void)label;
  for (size_t i = 0; i < COUNTERS_MAX; i++) {
    if (!counters[i].name || strcmp(counters[i].name, name) == 0) {
      counters[i].name = name;
      counters[i].value += delta;
      return;
    }
  }
}

static void print_counts(void) {
  for (size_t i = 0; i < COUNTERS_MAX && counters[i].name; i++) {
    fprintf(stderr, "count: %s %lld\n", counters[i].name, counters[i].value);
  }
}

static ice_status open_store(ice_store **out, ice_error *err) {
  static const ice_observer observer = {.log = print_log, .count = add_count};
  ice_str root = ice_str_of(variable("S3_TEST_ROOT", "s3://test"));
  const ice_store_s3_options options = {.port = ice_port_system(),
                                        .observer = &observer,
                                        .budget = &budget,
                                        .endpoint = ice_str_of(variable("S3_TEST_ENDPOINT", "")),
                                        .region = ice_str_of(variable("AWS_REGION", "us-east-1")),
                                        .unsigned_payload = variable("S3_TEST_UNSIGNED", NULL) != NULL,
                                        .path_style = atoi(variable("S3_TEST_PATH_STYLE", "1")) != 0,
                                        .http = {.ca_file = variable("S3_TEST_CA", NULL),
                                                 .proxy = getenv("S3_TEST_PROXY"),
                                                 .silence_timeout_ms = atoi(variable("S3_TEST_SILENCE_MS", "0"))},
                                        .roots = &root,
                                        .root_count = 1,
                                        .part_size = (size_t)atoll(variable("S3_TEST_PART_SIZE", "0")),
                                        .upload_bytes_max = (size_t)atoll(variable("S3_TEST_UPLOAD_BYTES", "0")),
                                        .spill_directory = variable("S3_TEST_SPILL", NULL),
                                        .retries = (uint32_t)atoi(variable("S3_TEST_RETRIES", "0"))};
  ice_aws_provider *provider = NULL;
  ice_store *s3 = NULL;
  ice_status status = ICE_OK;
  ICE_TRY(open_provider(&options.http, &provider, err));
  ICE_TRY(ice_store_s3_open(&options, provider, &s3, err));
  status = ice_store_router_open(NULL, s3, out, err);
done:
  return status;
}

static ice_status put(ice_store *store, const char *location, const char *path, size_t write_size, ice_error *err) {
  enum { BUFFER = 1 << 20 };
  static char buffer[BUFFER];
  ice_upload *upload = NULL;
  bool complete = false;
  ice_status status = ICE_OK;
  FILE *file = fopen(path, "rb");
  if (!file) {
    ICE_FAIL(ICE_IO, "cannot read %s", path);
  }
  ICE_TRY(ice_store_create(store, ice_str_of(location), &upload, err));
  for (size_t got = fread(buffer, 1, write_size, file); got > 0; got = fread(buffer, 1, write_size, file)) {
    ICE_TRY(ice_upload_write(upload, buffer, got, err));
  }
  ICE_TRY(ice_upload_submit(upload, err));
  while (!complete) {
    ICE_TRY(ice_upload_poll(upload, &complete, err));
  }
done:
  ice_upload_destroy(upload);
  if (file) {
    fclose(file);
  }
  return status;
}

static ice_status put_many(ice_store *store, const char *prefix, size_t count, size_t size, ice_error *err) {
  ice_upload **uploads = calloc(count, sizeof *uploads);
  char *data = calloc(1, size + 1);
  ice_status status = ICE_OK;
  for (size_t i = 0; i < count; i++) {
    char location[512];
    snprintf(location, sizeof location, "%s/%zu", prefix, i);
    memset(data, 'a' + (int)(i % 26), size);
    ICE_TRY(ice_store_create(store, ice_str_of(location), &uploads[i], err));
    ICE_TRY(ice_upload_write(uploads[i], data, size, err));
    ICE_TRY(ice_upload_submit(uploads[i], err));
  }
  for (size_t i = 0; i < count; i++) {
    for (bool complete = false; !complete;) {
      ICE_TRY(ice_upload_poll(uploads[i], &complete, err));
    }
  }
done:
  for (size_t i = 0; i < count; i++) {
    ice_upload_destroy(uploads[i]);
  }
  free(uploads);
  free(data);
  return status;
}

// COUNT objects that grow together, a piece of each in turn; prints the most that uploads held.
static ice_status put_together(ice_store *store, const char *prefix, size_t count, size_t size, ice_error *err) {
  enum { PIECE = 100000 };
  static char piece[PIECE];
  ice_upload **uploads = calloc(count, sizeof *uploads);
  ice_status status = ICE_OK;
  for (size_t written = 0; written < size; written += PIECE) {
    for (size_t i = 0; i < count; i++) {
      char location[512];
      snprintf(location, sizeof location, "%s/%zu", prefix, i);
      ICE_TRY(written == 0 ? ice_store_create(store, ice_str_of(location), &uploads[i], err) : ICE_OK);
      memset(piece, 'a' + (int)((i + written / PIECE) % 26), sizeof piece);
      ICE_TRY(ice_upload_write(uploads[i], piece, size - written < PIECE ? size - written : PIECE, err));
    }
  }
  for (size_t i = 0; i < count; i++) {
    ICE_TRY(ice_upload_submit(uploads[i], err));
  }
  for (size_t i = 0; i < count; i++) {
    for (bool complete = false; !complete;) {
      ICE_TRY(ice_upload_poll(uploads[i], &complete, err));
    }
  }
  printf("%lld\n", (long long)budget.peak);
done:
  for (size_t i = 0; i < count; i++) {
    ice_upload_destroy(uploads[i]);
  }
  free(uploads);
  return status;
}

static ice_status save(const char *path, const void *data, size_t size, ice_error *err) {
  FILE *file = fopen(path, "wb");
  bool written = file && fwrite(data, 1, size, file) == size;
  written = file && fclose(file) == 0 && written;
  return written ? ICE_OK : ice_error_set(err, ICE_IO, "cannot write %s", path);
}

static ice_status get(ice_store *store, const char *location, const char *path, ice_error *err) {
  ice_bytes data;
  ice_bytes_init(&data, (size_t)1 << 30);
  ice_status status = ice_store_read_all(store, ice_str_of(location), &data, err);
  if (status == ICE_OK) {
    status = save(path, data.data, data.size, err);
  }
  ice_bytes_deinit(&data);
  return status;
}

static ice_status get_range(ice_store *store, char **arguments, ice_error *err) {
  size_t size = (size_t)atoll(arguments[2]);
  char *data = malloc(size + 1);
  ice_status status = ice_store_read(store, ice_str_of(arguments[0]), atoll(arguments[1]), data, size, err);
  if (status == ICE_OK) {
    status = save(arguments[3], data, size, err);
  }
  free(data);
  return status;
}

static ice_status print_object(void *context, const ice_object_info *info, ice_error *err) {
  (void)context;
  (void)err;
  printf("%lld %lld %.*s\n", (long long)info->size, (long long)info->modified_us, ICE_STR_ARG(info->location));
  return ICE_OK;
}

static ice_status run(ice_store *store, int count, char **arguments, ice_error *err) {
  const char *command = arguments[0];
  if (strcmp(command, "put") == 0 && count >= 3) {
    return put(store, arguments[1], arguments[2], count > 3 ? (size_t)atoll(arguments[3]) : 65536, err);
  }
  if (strcmp(command, "puts") == 0 && count == 4) {
    return put_many(store, arguments[1], (size_t)atoll(arguments[2]), (size_t)atoll(arguments[3]), err);
  }
  if (strcmp(command, "together") == 0 && count == 4) {
    return put_together(store, arguments[1], (size_t)atoll(arguments[2]), (size_t)atoll(arguments[3]), err);
  }
  if (strcmp(command, "get") == 0 && count == 3) {
    return get(store, arguments[1], arguments[2], err);
  }
  if (strcmp(command, "range") == 0 && count == 5) {
    return get_range(store, arguments + 1, err);
  }
  if (strcmp(command, "stat") == 0 && count == 2) {
    int64_t size;
    ice_status status = ice_store_stat(store, ice_str_of(arguments[1]), &size, err);
    if (status == ICE_OK) {
      printf("%lld\n", (long long)size);
    }
    return status;
  }
  if (strcmp(command, "remove") == 0 && count == 2) {
    return ice_store_remove(store, ice_str_of(arguments[1]), err);
  }
  if (strcmp(command, "list") == 0 && count == 2) {
    return ice_store_list(store, ice_str_of(arguments[1]), print_object, NULL, err);
  }
  return ice_error_set(err, ICE_INVALID_ARGUMENT, "usage: see the head of object_store_tool.c");
}

int main(int argc, char **argv) {
  ice_error err = {0};
  ice_store *store = NULL;
  ice_status status = open_store(&store, &err);
  if (status == ICE_OK) {
    status = argc > 1 ? run(store, argc - 1, argv + 1, &err)
                      : ice_error_set(&err, ICE_INVALID_ARGUMENT, "usage: see the head of object_store_tool.c");
  }
  print_counts();
  if (status != ICE_OK) {
    fprintf(stderr, "%s: %s%s\n", ice_status_name(status), err.message,
            err.flags & ICE_ERROR_RETRYABLE ? " (retryable)" : "");
  }
  ice_store_destroy(store);
  return status == ICE_OK ? 0 : 1;
}
