#include "http/http_client.h"

#include "http/http_multi.h"
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>

enum { QUOTED_MAX = 200, CONNECTIONS_MAX = 4, DRIVE_MS = 100 };

struct ice_http_client {
  ice_http_multi *multi;
};

void ice_http_response_init(ice_http_response *response, size_t body_max) {
  *response = (ice_http_response){0};
  ice_bytes_init(&response->headers, ICE_HTTP_HEADER_BYTES_MAX);
  ice_bytes_init(&response->body, body_max);
}

void ice_http_response_deinit(ice_http_response *response) {
  ice_bytes_deinit(&response->headers);
  ice_bytes_deinit(&response->body);
}

ice_str ice_http_response_header(const ice_http_response *response, const char *name) {
  ice_str all = ice_bytes_str(&response->headers);
  ice_str wanted = ice_str_of(name);
  for (size_t at = 0; at < all.size;) {
    const char *end = memchr(all.data + at, '\n', all.size - at);
    size_t size = end ? (size_t)(end - (all.data + at)) : all.size - at;
    ice_str line = ice_str_make(all.data + at, size);
    if (ice_str_starts_with(line, wanted) && line.size >= wanted.size + 2 && line.data[wanted.size] == ':') {
      return ice_str_make(line.data + wanted.size + 2, line.size - wanted.size - 2);
    }
    at += size + 1;
  }
  return (ice_str){0};
}

bool ice_http_response_date(const ice_http_response *response, int64_t *out_us) {
  char text[64];
  ice_str value = ice_http_response_header(response, "date");
  if (value.size == 0 || value.size >= sizeof text) {
    return false;
  }
  memcpy(text, value.data, value.size);
  text[value.size] = '\0';
  time_t seconds = curl_getdate(text, NULL);
  *out_us = (int64_t)seconds * 1000000;
  return seconds > 0;
}

ice_status ice_http_client_create(const ice_http_options *options, ice_http_client **out, ice_error *err) {
  *out = NULL;
  ice_status status = ICE_OK;
  ice_http_client *client = calloc(1, sizeof *client);
  if (!client) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for an HTTP client");
  }
  ICE_TRY(ice_http_multi_create(options, CONNECTIONS_MAX, &client->multi, err));
  *out = client;
  client = NULL;
done:
  ice_http_client_destroy(client);
  return status;
}

void ice_http_client_destroy(ice_http_client *client) {
  if (client) {
    ice_http_multi_destroy(client->multi);
    free(client);
  }
}

ice_status ice_http_client_send(ice_http_client *client, const ice_http_request *request, ice_http_response *response,
                                ice_error *err) {
  ice_http_exchange *exchange;
  ice_status status = ice_http_multi_start(client->multi, request, response, &exchange, err);
  while (status == ICE_OK && !ice_http_exchange_done(exchange)) {
    status = ice_http_multi_drive(client->multi, DRIVE_MS, err);
  }
  if (exchange) {
    ice_error cause;
    ice_status outcome = ice_http_exchange_finish(exchange, &cause);
    if (status == ICE_OK && outcome != ICE_OK && err) {
      *err = cause;
    }
    status = status == ICE_OK ? outcome : status;
  }
  return status;
}

ice_status ice_http_response_check(const ice_http_response *response, const char *what, ice_error *err) {
  int32_t code = response->status;
  if (code >= 200 && code < 300) {
    return ICE_OK;
  }
  ice_str body = ice_bytes_str(&response->body);
  char quoted[QUOTED_MAX + 1];
  ice_str_print(body, quoted, sizeof quoted);
  bool retryable = code == 408 || code == 425 || code == 429 || code >= 500;
  ice_status status = code == 401 || code == 403 ? ICE_AUTH : code == 404 || code == 410 ? ICE_NOT_FOUND : ICE_IO;
  ice_error_set(err, status, "%s: HTTP status %d%s%s", what, code, body.size > 0 ? ": " : "", quoted);
  if (err) {
    err->flags = retryable ? ICE_ERROR_RETRYABLE : 0;
    err->origin_code = code;
  }
  return status;
}
