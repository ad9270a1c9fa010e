/// A tiny HTTP server in a thread: answers each request by a function of the test, and remembers what it was sent.
#ifndef ICE_TESTS_HTTP_TEST_SERVER_H
#define ICE_TESTS_HTTP_TEST_SERVER_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HTTP_TEST_REQUEST_MAX = 8 << 20 };

typedef struct http_test_server http_test_server;

/// Returns the whole answer, with status line and headers. "" closes the connection without an answer, NULL says
/// nothing and keeps it open until the server stops.
typedef const char *(*http_test_answer)(http_test_server *server, const char *request);

struct http_test_server {
  int listener;
  uint16_t port;
  pthread_t thread;
  atomic_bool stop;
  atomic_int requests;
  http_test_answer answer;
  void *context;
  char last[HTTP_TEST_REQUEST_MAX];  ///< read it when no request is under way
};

static inline bool http_test_wait(const http_test_server *server, int fd) {
  while (!server->stop) {
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    if (poll(&wait, 1, 20) > 0) {
      return true;
    }
  }
  return false;
}

// Reads one request: headers, and as much body as Content-Length says.
static inline bool http_test_read(http_test_server *server, int fd) {
  size_t used = 0;
  for (;;) {
    if (!http_test_wait(server, fd)) {
      return false;
    }
    ssize_t got = recv(fd, server->last + used, sizeof server->last - 1 - used, 0);
    if (got <= 0) {
      return false;
    }
    used += (size_t)got;
    server->last[used] = '\0';
    const char *end = strstr(server->last, "\r\n\r\n");
    if (end) {
      const char *length = strstr(server->last, "Content-Length: ");
      size_t body = length && length < end ? strtoul(length + 16, NULL, 10) : 0;
      if (used >= (size_t)(end - server->last) + 4 + body) {
        return true;
      }
    }
  }
}

static inline void *http_test_main(void *context) {
  http_test_server *server = context;
  while (http_test_wait(server, server->listener)) {
    int fd = accept(server->listener, NULL, NULL);
    while (fd >= 0 && http_test_read(server, fd)) {
      server->requests++;
      const char *answer = server->answer(server, server->last);
      if (!answer) {
        continue;
      }
      size_t size = strlen(answer);
      if (size == 0 || send(fd, answer, size, MSG_NOSIGNAL) != (ssize_t)size || strstr(answer, "Connection: close")) {
        break;
      }
    }
    if (fd >= 0) {
      close(fd);
    }
  }
  return NULL;
}

static inline http_test_server *http_test_start(http_test_answer answer, void *context) {
  http_test_server *server = calloc(1, sizeof *server);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  if (!server || (server->listener = socket(AF_INET, SOCK_STREAM, 0)) < 0 ||
      bind(server->listener, (struct sockaddr *)&address, size) != 0 || listen(server->listener, 16) != 0 ||
      getsockname(server->listener, (struct sockaddr *)&address, &size) != 0) {
    abort();
  }
  server->port = ntohs(address.sin_port);
  server->answer = answer;
  server->context = context;
  if (pthread_create(&server->thread, NULL, http_test_main, server) != 0) {
    abort();
  }
  return server;
}

static inline void http_test_stop(http_test_server *server) {
  server->stop = true;
  pthread_join(server->thread, NULL);
  close(server->listener);
  free(server);
}

/// "http://127.0.0.1:<port><path>"
static inline const char *http_test_url(const http_test_server *server, const char *path, char *out, size_t size) {
  snprintf(out, size, "http://127.0.0.1:%u%s", server->port, path);
  return out;
}

/// A port on which nothing listens.
static inline uint16_t http_test_closed_port(void) {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) != 0 ||
      getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
    abort();
  }
  close(fd);
  return ntohs(address.sin_port);
}

#endif
