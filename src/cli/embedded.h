/// The embedded run: a generated topic under ./lake that a child process writes while the sink reads it.
#ifndef ICE_CLI_EMBEDDED_H
#define ICE_CLI_EMBEDDED_H

#include "cli/cli.h"
#include <sys/types.h>

typedef struct ice_embedded {
  pid_t generator;
  bool ended;
  bool failed;
} ice_embedded;

/// The settings of an embedded run: everything under ./lake, no environment and no `.env.local`, flags on top.
ICE_MUST_CHECK ice_status ice_embedded_settings(const ice_arguments *arguments, ice_settings *out, ice_error *err);

/// Make the topic and start its writer as a child process, paced to ten seconds on a terminal.
ICE_MUST_CHECK ice_status ice_embedded_start(ice_embedded *embedded, int64_t messages, ice_error *err);

/// True while the writer runs (for ice_sink_options).
bool ice_embedded_growing(void *context);

/// End the writer and wait for it. Accepts one that was never started.
void ice_embedded_stop(ice_embedded *embedded);

#endif
