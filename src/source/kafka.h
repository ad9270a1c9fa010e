/// A topic read from a Kafka broker, by librdkafka. Partitions are assigned by hand, all of them or those that a consumer
/// group gives to this process: the table holds the position, so the group protocol decides nothing but who reads what.
#ifndef ICE_SOURCE_KAFKA_H
#define ICE_SOURCE_KAFKA_H

#include "base/observer.h"
#include "port/port.h"
#include "source/source.h"

enum {
  ICE_KAFKA_PARTITIONS_MAX = 10000,
  ICE_KAFKA_TOPICS_MAX = 1000,
  ICE_KAFKA_TOPIC_MAX = 249,
  ICE_KAFKA_PATTERN_MAX = 1000
};

/// A setting of librdkafka, by its own name.
typedef struct ice_kafka_property {
  ice_str name;
  ice_str value;
} ice_kafka_property;

/// Everything is borrowed for the call, but for `port` and `observer`, which are borrowed while the source lives.
typedef struct ice_kafka_options {
  const ice_port *port;
  const ice_observer *observer;
  ice_str brokers;
  const ice_str *topics;
  uint32_t topic_count;
  /// Read every topic whose whole name matches, beside `topics`: a POSIX extended regular expression. Empty: none.
  /// Names that begin with two underscores are the broker's own and never match.
  ice_str topic_pattern;
  /// How often a group looks for new partitions, in milliseconds; 0: librdkafka's own default; -1: never.
  int64_t discovery_interval_ms;
  /// Where offsets are written for lag tools; empty: nowhere.
  ice_str group;
  /// Read the partitions that the group gives to this process; false: all of them.
  bool join_group;
  /// librdkafka's security.protocol, sasl.mechanism, sasl.username, sasl.password; empty: not set.
  ice_str security_protocol;
  ice_str sasl_mechanism;
  ice_str sasl_username;
  ice_str sasl_password;
  /// SASL/OAUTHBEARER by client credentials: where tokens come from (empty: none), for whom, with what scope (may be
  /// empty), and the certificates to trust in place of the system's (may be NULL).
  ice_str oauth_token_endpoint;
  ice_str oauth_client_id;
  ice_str oauth_client_secret;
  ice_str oauth_scope;
  const char *oauth_ca_file;
  const ice_kafka_property *properties;
  size_t property_count;
  /// What fetched records may hold in memory, in bytes; 0: 32 MiB.
  int64_t memory;
  /// How long a look at the topics may take; 0: 5 s.
  int64_t request_timeout_ms;
} ice_kafka_options;

/// Make a client; nothing is awaited from the broker. The partitions come with ice_source_refresh.
///
/// Records of transactions that were aborted or are open are never given; their offsets, those of control records and
/// those that compaction removed are gaps. An offset that the log does not have is NOT_FOUND with the numbers, never
/// a jump. A broker that cannot be reached is waited for: refresh gives TIMEOUT or IO with RETRYABLE, poll gives
/// nothing. ice_source_commit tells the group what the partitions' `committed` say, without waiting for the answer.
/// Ownership: `*out` is the caller's (ice_source_destroy, which waits up to two seconds for offsets under way).
/// Errors: INVALID_ARGUMENT (a setting that librdkafka refuses, or that icesink sets itself), NO_MEMORY; of refresh
/// and poll
///   also AUTH, NOT_FOUND (topic, offset), CORRUPT (a batch that librdkafka could not read).
/// Threads: one at a time; librdkafka has its own, which only log.
ICE_MUST_CHECK ice_status ice_kafka_source_open(const ice_kafka_options *options, ice_source **out, ice_error *err);

#endif
