/// Tokens for SASL/OAUTHBEARER by the client credentials grant (RFC 6749, section 4.4). librdkafka as distributions build
/// it has no OpenID Connect of its own, so its refresh callback asks the token endpoint with our HTTP client.
#ifndef ICE_SOURCE_KAFKA_OAUTH_PRIV_H
#define ICE_SOURCE_KAFKA_OAUTH_PRIV_H

#include "source/kafka.h"
#include <librdkafka/rdkafka.h>

typedef struct ice_kafka_oauth ice_kafka_oauth;

/// Take the settings over; `*out` is NULL where no token endpoint is set.
///
/// Ownership: `*out` is the caller's to destroy, after the clients that use it. Errors: INVALID_ARGUMENT (the URL, or no
/// client id), NO_MEMORY. Threads: calls of several clients are served one after the other.
ICE_MUST_CHECK ice_status ice_kafka_oauth_create(const ice_kafka_options *options, ice_kafka_oauth **out,
                                                 ice_error *err);
/// Accepts NULL.
void ice_kafka_oauth_destroy(ice_kafka_oauth *oauth);

/// Fetch a token and give it to the client, or tell the client why not: it asks again after ten seconds. The refresh
/// callbacks of the clients end here.
void ice_kafka_oauth_refresh(ice_kafka_oauth *oauth, rd_kafka_t *client);

/// True while the last token could not be fetched for a reason that may go away by itself. Accepts NULL. Threads: any.
bool ice_kafka_oauth_waits(const ice_kafka_oauth *oauth);

/// Have the client's refresh callback called in librdkafka's background thread, so that a token comes while the source's
/// thread waits for an answer of the broker. Errors: INVALID_ARGUMENT.
ICE_MUST_CHECK ice_status ice_kafka_oauth_enable(rd_kafka_t *client, ice_error *err);

#endif
