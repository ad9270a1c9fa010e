/// Requests that go on without waiting for each other: started, driven together, and their answers taken one by one.
/// Connections are kept between them and shared where the server speaks HTTP/2.
#ifndef ICE_HTTP_HTTP_MULTI_H
#define ICE_HTTP_HTTP_MULTI_H

#include "http/http_client.h"

typedef struct ice_http_multi ice_http_multi;
/// One request under way.
typedef struct ice_http_exchange ice_http_exchange;

/// `connections_max` connections are kept when they have nothing to do. Ownership: `*out` is the caller's to destroy; the
/// options' texts are copied, `stop` is borrowed. Errors: NO_MEMORY. Threads: one at a time.
ICE_MUST_CHECK ice_status ice_http_multi_create(const ice_http_options *options, uint32_t connections_max,
                                                ice_http_multi **out, ice_error *err);
/// Every exchange has been finished before. Accepts NULL.
void ice_http_multi_destroy(ice_http_multi *multi);

/// Begin a request; nothing is sent before the next drive. Never follows a redirect and never sends a request twice, as
/// ice_http_client_send.
///
/// Ownership: the request's body and `response` are borrowed until the exchange is finished, all else for the call; `*out` is
/// the caller's to finish. Errors: INVALID_ARGUMENT (URL, headers), LIMIT, NO_MEMORY.
ICE_MUST_CHECK ice_status ice_http_multi_start(ice_http_multi *multi, const ice_http_request *request,
                                               ice_http_response *response, ice_http_exchange **out, ice_error *err);

/// Move on what can be moved on, and wait up to `timeout_ms` (at most 100) for that; returns early when a request is
/// answered. Silence is counted only while somebody drives. Errors: INTERNAL; those of a request are given by its exchange.
ICE_MUST_CHECK ice_status ice_http_multi_drive(ice_http_multi *multi, int64_t timeout_ms, ice_error *err);

/// From here on `stop` of the options ends nothing any more: for the last requests of something that was stopped.
void ice_http_multi_ignore_stop(ice_http_multi *multi);

/// True once the exchange has ended, well or badly.
bool ice_http_exchange_done(const ice_http_exchange *exchange);

/// Take the outcome, whose errors are those of ice_http_client_send; an exchange that has not ended is given up and
/// CANCELLED. Ownership: takes `exchange`; NULL is CANCELLED too.
ICE_MUST_CHECK ice_status ice_http_exchange_finish(ice_http_exchange *exchange, ice_error *err);

#endif
