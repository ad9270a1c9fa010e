/// The whole sink over a topic of a few messages in a directory of its own: preset health, SQLite catalog, local store.
#ifndef ICE_TESTS_SMALL_SINK_H
#define ICE_TESTS_SMALL_SINK_H

#include "ingest/verify.h"
#include "port/port.h"

typedef struct small_sink {
  char directory[256];
  int64_t messages;
  int64_t rows;  ///< what the topic has to become
  int64_t dead_letters;
} small_sink;

/// Make a fresh directory with a topic of `messages` in `partitions`, a third of them bad. Fails the test where it cannot.
void small_sink_create(small_sink *sink, int64_t messages, int32_t partitions);
/// Remove the directory.
void small_sink_remove(small_sink *sink);

/// Run the sink once, up to the end of the topic, with this port.
ICE_MUST_CHECK ice_status small_sink_run(const small_sink *sink, const ice_port *port, ice_error *err);

/// Run it with the real port and check that every message is in the tables once. Fails the test where it is not.
void small_sink_finish_and_check(const small_sink *sink, const char *after);

#endif
