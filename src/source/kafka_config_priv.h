/// The configuration of librdkafka, from the options of a source.
#ifndef ICE_SOURCE_KAFKA_CONFIG_PRIV_H
#define ICE_SOURCE_KAFKA_CONFIG_PRIV_H

#include "source/kafka.h"
#include <librdkafka/rdkafka.h>

/// First version with the setting fetch.queue.backoff.ms; for the ones before, the source wakes the fetchers itself.
enum { ICE_KAFKA_QUEUE_BACKOFF_VERSION = 0x020200ff };

/// Ownership: `*out` is the caller's (rd_kafka_conf_destroy, or rd_kafka_new takes it).
/// Errors: INVALID_ARGUMENT naming the property; NO_MEMORY.
ICE_MUST_CHECK ice_status ice_kafka_config_create(const ice_kafka_options *options, rd_kafka_conf_t **out,
                                                  ice_error *err);

/// The pattern of topics as both regcomp and librdkafka's subscription take it: of the whole name.
/// Errors: INVALID_ARGUMENT (too long, or with a zero byte).
ICE_MUST_CHECK ice_status ice_kafka_pattern(ice_str pattern, char *out, size_t size, ice_error *err);

#endif
