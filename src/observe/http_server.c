#include "observe/http_server.h"

#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
  CONNECTIONS_MAX = 32,
  IDLE_SECONDS = 10,
  CONNECTION_BYTES = 16 * 1024,
  HOST_MAX = 256,
  PORT_TEXT = 24,
  BACKLOG = 16
};

struct ice_http_server {
  struct MHD_Daemon *daemon;
  ice_http_status *status;
  uint16_t port;
};

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned code, const char *type, const void *data,
                              size_t size) {
  // The library reads the bytes only, but takes them without const.
  struct MHD_Response *response =
      MHD_create_response_from_buffer_with_free_callback(size, (void *)(uintptr_t)data, NULL);
  enum MHD_Result result = MHD_NO;
  if (response && MHD_add_response_header(response, "Content-Type", type) == MHD_YES &&
      MHD_add_response_header(response, "Cache-Control", "no-store") == MHD_YES &&
      (code != MHD_HTTP_METHOD_NOT_ALLOWED || MHD_add_response_header(response, "Allow", "GET") == MHD_YES)) {
    result = MHD_queue_response(connection, code, response);
  }
  if (response) {
    MHD_destroy_response(response);
  }
  return result;
}

static enum MHD_Result answer_text(struct MHD_Connection *connection, unsigned code, ice_str text) {
  return answer(connection, code, "text/plain; charset=utf-8", text.data, text.size);
}

static enum MHD_Result answer_metrics(const ice_http_server *server, struct MHD_Connection *connection) {
  ice_bytes text;
  ice_bytes_init(&text, ICE_STATUS_TEXT_MAX);
  if (ice_metrics_write(server->status->metrics, &text, NULL) != ICE_OK) {
    ice_bytes_deinit(&text);
    return answer_text(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, ICE_STR("the metrics do not fit in memory\n"));
  }
  struct MHD_Response *response = MHD_create_response_from_buffer_with_free_callback(text.size, text.data, free);
  if (!response) {
    ice_bytes_deinit(&text);
    return MHD_NO;
  }
  enum MHD_Result result =
      MHD_add_response_header(response, "Content-Type", "text/plain; version=0.0.4; charset=utf-8");
  if (result == MHD_YES) {
    result = MHD_queue_response(connection, MHD_HTTP_OK, response);
  }
  MHD_destroy_response(response);
  return result;
}

static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *url, const char *method,
                              const char *version, const char *upload, size_t *upload_size, void **request) {
  (void)version;
  (void)upload;
  (void)request;
  const ice_http_server *server = context;
  // A body is never wanted; what comes of one is dropped.
  *upload_size = 0;
  if (strcmp(method, MHD_HTTP_METHOD_GET) != 0) {
    return answer_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED, ICE_STR("only GET\n"));
  }
  if (strcmp(url, "/metrics") == 0) {
    return answer_metrics(server, connection);
  }
  if (strcmp(url, "/healthz") == 0) {
    return answer_text(connection, MHD_HTTP_OK, ICE_STR("ok\n"));
  }
  if (strcmp(url, "/readyz") == 0) {
    return server->status->ready ? answer_text(connection, MHD_HTTP_OK, ICE_STR("ready\n"))
                                 : answer_text(connection, MHD_HTTP_SERVICE_UNAVAILABLE, ICE_STR("not ready\n"));
  }
  return answer_text(connection, MHD_HTTP_NOT_FOUND, ICE_STR("/metrics, /healthz or /readyz\n"));
}

// Splits "host:port" at the last colon that is not inside brackets.
static ice_status read_address(ice_str text, char host[HOST_MAX], char port[PORT_TEXT], ice_error *err) {
  size_t colon = text.size;
  for (size_t i = text.size; i > 0 && colon == text.size; i--) {
    colon = text.data[i - 1] == ':' ? i - 1 : colon;
    if (text.data[i - 1] == ']') {
      break;
    }
  }
  bool bare = colon == text.size;
  ice_str name = bare ? (ice_str){0} : ice_str_make(text.data, colon);
  ice_str number = bare ? text : ice_str_make(text.data + colon + 1, text.size - colon - 1);
  if (name.size >= 2 && name.data[0] == '[' && name.data[name.size - 1] == ']') {
    name = ice_str_make(name.data + 1, name.size - 2);
  } else if (name.size > 0 && memchr(name.data, ':', name.size)) {
    number.size = 0;
  }
  long value = 0;
  for (size_t i = 0; i < number.size && value <= 65535; i++) {
    value = number.data[i] >= '0' && number.data[i] <= '9' ? value * 10 + (number.data[i] - '0') : 65536;
  }
  if (number.size == 0 || value > 65535 || name.size >= HOST_MAX) {
    return ice_error_set(err, ICE_INVALID_ARGUMENT,
                         "http must be off or host:port, such as 127.0.0.1:9464, not \"%.*s\"", ICE_STR_ARG(text));
  }
  snprintf(host, HOST_MAX, "%.*s", name.size > 0 ? (int)name.size : 9, name.size > 0 ? name.data : "127.0.0.1");
  snprintf(port, PORT_TEXT, "%ld", value);
  return ICE_OK;
}

static ice_status listen_at(ice_str address, int *out, uint16_t *bound, ice_error *err) {
  char host[HOST_MAX];
  char port[PORT_TEXT];
  *out = -1;
  struct addrinfo *found = NULL;
  const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
  ice_status status = ICE_OK;
  ICE_TRY(read_address(address, host, port, err));
  int code = getaddrinfo(host, port, &hints, &found);
  if (code != 0) {
    ICE_FAIL(ICE_INVALID_ARGUMENT, "http: %s: %s", host, gai_strerror(code));
  }
  int on = 1;
  struct sockaddr_storage name;
  socklen_t size = sizeof name;
  char text[16];
  int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      bind(fd, found->ai_addr, found->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0 ||
      getsockname(fd, (struct sockaddr *)&name, &size) != 0 ||
      getnameinfo((struct sockaddr *)&name, size, NULL, 0, text, sizeof text, NI_NUMERICSERV) != 0) {
    status = ice_error_set(err, ICE_IO, "http: cannot listen at %s port %s: %s", host, port, strerrordesc_np(errno));
    if (fd >= 0) {
      close(fd);
    }
    goto done;
  }
  *bound = (uint16_t)strtoul(text, NULL, 10);
  *out = fd;
done:
  if (found) {
    freeaddrinfo(found);
  }
  return status;
}

ice_status ice_http_server_start(ice_str address, ice_http_status *status_shown, ice_http_server **out,
                                 ice_error *err) {
  *out = NULL;
  int fd = -1;
  ice_status status = ICE_OK;
  ice_http_server *server = calloc(1, sizeof *server);
  if (!server) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for the status server");
  }
  server->status = status_shown;
  ICE_TRY(listen_at(address, &fd, &server->port, err));
  server->daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_ITC, 0, NULL, NULL, handle, server,
                                    MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
                                    (unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS,
                                    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES, MHD_OPTION_END);
  if (!server->daemon) {
    close(fd);
    ICE_FAIL(ICE_IO, "the status server does not start");
  }
  *out = server;
  server = NULL;
done:
  free(server);
  return status;
}

void ice_http_server_destroy(ice_http_server *server) {
  if (server) {
    MHD_stop_daemon(server->daemon);
    free(server);
  }
}

uint16_t ice_http_server_port(const ice_http_server *server) { return server->port; }
