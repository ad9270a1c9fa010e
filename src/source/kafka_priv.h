/// What the files of the Kafka source share: its handle, and who does what with it.
#ifndef ICE_SOURCE_KAFKA_PRIV_H
#define ICE_SOURCE_KAFKA_PRIV_H

#include "source/kafka_config_priv.h"
#include "source/kafka_group_priv.h"
#include <regex.h>

enum {
  ICE_KAFKA_ERROR_MAX = 256,
  ICE_KAFKA_STEP_RECORDS = 2000,     ///< taken from librdkafka's queue at once
  ICE_KAFKA_TELL_AGAIN_US = 100000,  ///< after the group refused offsets, as it does while it divides its partitions
};

typedef struct ice_kafka_source {
  ice_source base;
  const ice_port *port;
  const ice_observer *observer;
  int request_timeout_ms;
  rd_kafka_t *client;
  rd_kafka_queue_t *records;
  rd_kafka_queue_t *commits;
  ice_kafka_oauth *oauth;  ///< NULL: no tokens
  ice_kafka_group *group;  ///< NULL: all partitions are this process's
  char **topics;
  rd_kafka_topic_t **handles;  ///< keep the topics known to the client
  uint32_t topic_count;
  bool has_pattern;
  regex_t pattern;
  uint32_t capacity;
  int64_t *told;     ///< per partition: what the group was told last, -1 before
  int32_t *leaders;  ///< per partition: the broker that had it when last looked at, -1: none
  bool reassign;     ///< a seek waits for the next poll
  bool has_group;
  uint32_t commits_under_way;
  int64_t tell_again_us;  ///< when to tell the group again what it refused; 0: it has refused nothing
  int64_t tell_delay_us;  ///< doubles with every refusal
  int64_t ends_us;
  // What fills librdkafka's queue, and what was taken of it since its threads were woken last.
  int64_t queued_records;
  int64_t queued_bytes;
  int64_t taken_records;
  int64_t taken_bytes;
  int64_t wake_us;
  rd_kafka_message_t **messages;
  // Partition of the message before, for records come in runs.
  const rd_kafka_topic_t *run_topic;
  int32_t run_partition;
  int64_t run_index;
  // Reported by librdkafka, served in the source's own thread.
  ice_status broken;
  const char *auth_hint;  ///< what to add to a refused login; may be empty
  char last_error[ICE_KAFKA_ERROR_MAX];
} ice_kafka_source;

static inline ice_kafka_source *ice_kafka_self(ice_source *source) { return (ice_kafka_source *)(void *)source; }

static inline int64_t ice_kafka_now_us(const ice_kafka_source *self) {
  return self->port->clock.monotonic_us(self->port->clock.context);
}

// kafka.c: what librdkafka reports, served in the source's own thread.

/// Serve callbacks. Errors: what broke the client meanwhile, FATAL.
ICE_MUST_CHECK ice_status ice_kafka_serve_events(ice_kafka_source *self, ice_error *err);
bool ice_kafka_is_authorization(rd_kafka_resp_err_t code);
/// The error of a request that failed with `code`; `what` names the request.
ice_status ice_kafka_fail_request(ice_kafka_source *self, const char *what, rd_kafka_resp_err_t code, ice_error *err);

// kafka_topics.c: topics, partitions, and where their logs begin and end.

/// Take over the topics and the pattern. Errors: INVALID_ARGUMENT, NO_MEMORY.
ICE_MUST_CHECK ice_status ice_kafka_topics_init(ice_kafka_source *self, const ice_kafka_options *options,
                                                ice_error *err);
void ice_kafka_topics_deinit(ice_kafka_source *self);
ICE_MUST_CHECK ice_status ice_kafka_refresh(ice_source *source, ice_error *err);
/// Bring the known ends up to date from what the fetch answers said; costs no request.
void ice_kafka_update_ends(ice_kafka_source *self);

// kafka_read.c: from the assignment to records in a chunk.

ICE_MUST_CHECK ice_status ice_kafka_seek(ice_source *source, uint32_t partition, int64_t offset, ice_error *err);
ICE_MUST_CHECK ice_status ice_kafka_poll(ice_source *source, ice_chunk *chunk, int64_t timeout_us, ice_error *err);
ICE_MUST_CHECK ice_status ice_kafka_rebalance(ice_source *source, ice_error *err);

// kafka_offsets.c: what the group is told, and knew before.

ICE_MUST_CHECK ice_status ice_kafka_commit(ice_source *source, ice_error *err);
ICE_MUST_CHECK ice_status ice_kafka_ask_group(ice_source *source, int64_t *offsets, ice_error *err);
/// Tell what the group refused once more, when it is time.
void ice_kafka_tell_again(ice_kafka_source *self);
/// Wait, at most two seconds, until the group knows everything.
void ice_kafka_finish_offsets(ice_kafka_source *self);

#endif
