// What it costs to write objects: CPU nanoseconds per byte of this process, and bytes per second.
//
//   bench_store ROOT [OBJECTS [BYTES]]      ROOT: a directory, or s3://bucket (with BENCH_ENDPOINT, BENCH_CA, BENCH_UNSIGNED and the variables
//                                           of the AWS tools)
#include "store/store_local.h"
#include "store/store_s3.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

enum { OBJECTS = 8, BYTES = 128 << 20, PIECE = 1 << 20 };

static double seconds_of(struct timeval time) { return (double)time.tv_sec + (double)time.tv_usec / 1e6; }

static ice_status open_s3(ice_str root, ice_store **out, ice_error *err) {
  const char *endpoint = getenv("BENCH_ENDPOINT");
  const ice_aws_chain_options chain = {.port = ice_port_system()};
  const ice_store_s3_options options = {.port = ice_port_system(),
                                        .endpoint = ice_str_of(endpoint),
                                        .path_style = endpoint != NULL,
                                        .unsigned_payload = getenv("BENCH_UNSIGNED") != NULL,
                                        .http = {.ca_file = getenv("BENCH_CA")},
                                        .roots = &root,
                                        .root_count = 1};
  ice_aws_provider *provider;
  ice_status status = ice_aws_provider_chain(&chain, &provider, err);
  return status == ICE_OK ? ice_store_s3_open(&options, provider, out, err) : status;
}

static ice_status write_object(ice_store *store, const char *location, const char *piece, size_t size,
                               ice_error *err) {
  ice_upload *upload = NULL;
  bool complete = false;
  ice_status status = ICE_OK;
  ICE_TRY(ice_store_create(store, ice_str_of(location), &upload, err));
  for (size_t at = 0; at < size; at += PIECE) {
    ICE_TRY(ice_upload_write(upload, piece, size - at < PIECE ? size - at : PIECE, err));
  }
  ICE_TRY(ice_upload_submit(upload, err));
  while (!complete) {
    ICE_TRY(ice_upload_poll(upload, &complete, err));
  }
  status = ice_store_remove(store, ice_str_of(location), err);
done:
  ice_upload_destroy(upload);
  return status;
}

static ice_status run(ice_store *store, const char *root, size_t count, size_t size, ice_error *err) {
  char *piece = malloc(PIECE);
  ice_status status = ICE_OK;
  if (!piece) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory");
  }
  for (size_t i = 0; i < PIECE; i++) {
    piece[i] = (char)(i * 2654435761u >> 13);
  }
  for (size_t i = 0; i < count; i++) {
    char location[4096];
    snprintf(location, sizeof location, "%s/bench-%zu", root, i);
    ICE_TRY(write_object(store, location, piece, size, err));
  }
done:
  free(piece);
  return status;
}

int main(int argc, char **argv) {
  const char *root = argc > 1 ? argv[1] : ".";
  size_t count = argc > 2 ? (size_t)atoll(argv[2]) : OBJECTS;
  size_t size = argc > 3 ? (size_t)atoll(argv[3]) : BYTES;
  ice_str place = ice_str_of(root);
  ice_store *store = NULL;
  ice_error err = {0};
  struct timespec from;
  struct timespec to;
  struct rusage used;
  bool is_s3 = ice_str_starts_with(place, ICE_STR("s3://"));
  ice_status status =
      is_s3 ? open_s3(place, &store, &err) : ice_store_local_open(ice_port_system(), &place, 1, &store, &err);
  clock_gettime(CLOCK_MONOTONIC, &from);
  if (status == ICE_OK) {
    status = run(store, root, count, size, &err);
  }
  clock_gettime(CLOCK_MONOTONIC, &to);
  getrusage(RUSAGE_SELF, &used);
  if (status == ICE_OK) {
    double bytes = (double)count * (double)size;
    double wall = (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
    printf(
        "%5zu objects of %9zu bytes: %.2f ns of user and %.2f ns of system time a byte, %4.0f MB/s, peak %ld MiB\n",
        count, size, seconds_of(used.ru_utime) / bytes * 1e9, seconds_of(used.ru_stime) / bytes * 1e9,
        bytes / wall / 1e6, used.ru_maxrss / 1024);
  } else {
    fprintf(stderr, "%s: %s\n", ice_status_name(status), err.message);
  }
  ice_store_destroy(store);
  return status == ICE_OK ? 0 : 1;
}
