/// Opening what the section `source` of a configuration names, for `run` and `check` alike.
#ifndef ICE_ASSEMBLY_OPEN_SOURCE_H
#define ICE_ASSEMBLY_OPEN_SOURCE_H

#include "base/budget.h"
#include "base/observer.h"
#include "config/settings.h"
#include "source/source.h"

/// How often to look for new partitions, in milliseconds. 0: whenever the sink is idle, for files; -1: never.
int64_t ice_source_discovery_interval(const ice_settings *settings);

/// True where records come from a broker.
bool ice_source_is_kafka(const ice_settings *settings);

/// Open the source: source.segment.* where a directory is set, else source.kafka.*. A broker is not waited for. Without
/// `join` no consumer group is joined, whatever source.kafka.assignment says: for looking on.
///
/// What the Kafka client may hold on its own account is added to the budget (may be NULL), so that the rest has to do with less.
/// Ownership: `*out` is the caller's; settings and observer are borrowed while it lives. Errors: as the sources'
/// open;
///   INVALID_ARGUMENT where nothing is set.
ICE_MUST_CHECK ice_status ice_open_source(ice_settings *settings, const ice_observer *observer, ice_budget *budget,
                                          bool join, ice_source **out, ice_error *err);

#endif
