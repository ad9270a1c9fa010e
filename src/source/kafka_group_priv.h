/// Membership in a consumer group: which partitions this process may read. A client of its own holds it, which never
/// fetches a record; the reading client is told its partitions by hand. The group protocol only divides the work: what is
/// right is decided by the position in the table.
#ifndef ICE_SOURCE_KAFKA_GROUP_PRIV_H
#define ICE_SOURCE_KAFKA_GROUP_PRIV_H

#include "source/kafka_oauth_priv.h"
#include <librdkafka/rdkafka.h>

typedef struct ice_kafka_group ice_kafka_group;

/// Join the group of `options` for its topics; nothing is awaited.
///
/// Ownership: `*out` is the caller's to destroy; `oauth` (may be NULL) is borrowed while it lives. Errors: INVALID_ARGUMENT (no group, a setting that librdkafka refuses),
/// NO_MEMORY. Threads: the source's own.
ICE_MUST_CHECK ice_status ice_kafka_group_create(const ice_kafka_options *options, ice_kafka_oauth *oauth,
                                                 ice_kafka_group **out, ice_error *err);
/// Leave the group, waiting at most two seconds for it. Accepts NULL. False where the client had to be given up: it may go on
/// asking `oauth` for tokens, which has to live as long as the process then.
bool ice_kafka_group_destroy(ice_kafka_group *group);

/// Keep the membership alive and look for a rebalance. True while one waits to be accepted: the group stands still until
/// then, so that what was read under the old assignment can be committed first.
bool ice_kafka_group_poll(ice_kafka_group *group);

/// Take the assignment that waits, or give up what is revoked. Errors: IO.
ICE_MUST_CHECK ice_status ice_kafka_group_accept(ice_kafka_group *group, ice_error *err);

/// True once an assignment was accepted; after a revocation false again, until the next.
bool ice_kafka_group_joined(const ice_kafka_group *group);

/// True for a partition of the assignment that was accepted last.
bool ice_kafka_group_has(const ice_kafka_group *group, ice_str topic, int32_t partition);

/// The client that is the member: offsets of the group are taken from it alone while the group has members.
rd_kafka_t *ice_kafka_group_client(const ice_kafka_group *group);

#endif
