/// The status server: GET /metrics, /healthz and /readyz, nothing else, in a thread of its own.
#ifndef ICE_OBSERVE_HTTP_SERVER_H
#define ICE_OBSERVE_HTTP_SERVER_H

#include "observe/metrics.h"
#include <stdatomic.h>

enum { ICE_STATUS_TEXT_MAX = 16 << 20 };

/// What the server shows; the owner changes it while the server runs.
typedef struct ice_http_status {
  ice_metrics *metrics;
  _Atomic bool ready;
} ice_http_status;

typedef struct ice_http_server ice_http_server;

/// Serve at `address`: "host:port", "[address]:port", ":port" or "port"; without a host it is 127.0.0.1. Port 0
/// chooses one.
///
/// Ownership: `*out` is the caller's to destroy, before `status`, which is borrowed.
/// Errors: INVALID_ARGUMENT (the address), IO (it is taken). Threads: makes one; it calls ice_metrics_write only.
ICE_MUST_CHECK ice_status ice_http_server_start(ice_str address, ice_http_status *status, ice_http_server **out,
                                                ice_error *err);
/// Ends the thread and closes all connections. Accepts NULL.
void ice_http_server_destroy(ice_http_server *server);

/// The port that is served.
uint16_t ice_http_server_port(const ice_http_server *server);

#endif
