// A scenario is a few numbers that a seed chooses, or a line that says in what it differs from the seed's.
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const field_names[SIM_FIELD_COUNT] = {
    [SIM_PROCESSES] = "processes",
    [SIM_GROUP] = "group",
    [SIM_ATOMIC] = "atomic",
    [SIM_PARTITIONS] = "partitions",
    [SIM_RECORDS] = "records",
    [SIM_ROUTED] = "routed",
    [SIM_PARTITIONED] = "partitioned",
    [SIM_SPAN_MS] = "span_ms",
    [SIM_INTERVAL_MS] = "interval_ms",
    [SIM_LATENCY_US] = "latency_us",
    [SIM_PLAN_COUNT] = "plans",
    [SIM_START_LATEST] = "start_latest",
    [SIM_ON_ROLLBACK] = "on_rollback",
    [SIM_SPILL] = "spill",
    [SIM_LEAD] = "lead",
    [SIM_DISK] = "disk",
    [SIM_HIDDEN] = "hidden",
    [SIM_SKEW_MS] = "skew_ms",
};

static const char *const kind_names[SIM_KIND_COUNT] = {
    [SIM_CRASH] = "crash",
    [SIM_PAUSE] = "pause",
    [SIM_LOAD_FAILS] = "load_fails",
    [SIM_STALE] = "stale",
    [SIM_CONFLICT] = "conflict",
    [SIM_REFUSE] = "refuse",
    [SIM_LOSE] = "lose",
    [SIM_REPLY_LOST] = "reply_lost",
    [SIM_HOLD] = "hold",
    [SIM_REPEAT] = "repeat",
    [SIM_TEAR_LEAD] = "tear_lead",
    [SIM_TEAR_FOLLOWER] = "tear_follower",
    [SIM_STORE_FAILS] = "store_fails",
    [SIM_STORE_UNKNOWN] = "store_unknown",
    [SIM_SPILL_FAILS] = "spill_fails",
    [SIM_RANDOM_FAILS] = "random_fails",
    [SIM_NO_MEMORY] = "no_memory",
    [SIM_SOURCE_FAILS] = "source_fails",
    [SIM_SOURCE_CORRUPT] = "source_corrupt",
    [SIM_POWER] = "power",
    [SIM_KILL] = "kill",
    [SIM_STOP] = "stop",
    [SIM_SUCCESSOR] = "successor",
    [SIM_REBALANCE] = "rebalance",
    [SIM_NEW_PARTITION] = "new_partition",
    [SIM_RETENTION] = "retention",
    [SIM_CUT] = "cut",
    [SIM_APPEND] = "append",
    [SIM_COMPACT] = "compact",
    [SIM_EXPIRE] = "expire",
    [SIM_PROPERTY] = "property",
    [SIM_ROLL_BACK] = "roll_back",
    [SIM_RECREATE] = "recreate",
    [SIM_DAMAGE] = "damage",
};

/// How often a kind of trouble happens in the scenarios that have it, and in how many of a hundred scenarios it is.
typedef struct trouble {
  int64_t rate_min;
  int64_t rate_max;
  int64_t percent;
} trouble;

static const trouble troubles[SIM_KIND_COUNT] = {
    [SIM_CRASH] = {100, 1500, 60},
    [SIM_PAUSE] = {50, 500, 40},
    [SIM_LOAD_FAILS] = {500, 8000, 20},
    [SIM_CONFLICT] = {2000, 20000, 20},
    [SIM_REFUSE] = {2000, 20000, 20},
    [SIM_LOSE] = {5000, 30000, 35},
    [SIM_REPLY_LOST] = {5000, 30000, 35},
    [SIM_HOLD] = {5000, 30000, 35},
    [SIM_REPEAT] = {5000, 30000, 25},
    [SIM_TEAR_LEAD] = {5000, 20000, 6},
    [SIM_TEAR_FOLLOWER] = {5000, 30000, 15},
    [SIM_STORE_FAILS] = {100, 2000, 20},
    [SIM_STORE_UNKNOWN] = {100, 2000, 10},
    [SIM_SPILL_FAILS] = {500, 5000, 20},
    [SIM_RANDOM_FAILS] = {100, 1000, 5},
    [SIM_NO_MEMORY] = {2, 60, 15},
    [SIM_SOURCE_FAILS] = {500, 5000, 15},
    [SIM_SOURCE_CORRUPT] = {50, 500, 5},
    [SIM_POWER] = {1, 4, 15},
    [SIM_KILL] = {1, 5, 30},
    [SIM_STOP] = {1, 4, 25},
    [SIM_SUCCESSOR] = {1, 3, 20},
    [SIM_REBALANCE] = {1, 6, 70},
    [SIM_NEW_PARTITION] = {1, 2, 15},
    [SIM_RETENTION] = {1, 3, 3},
    [SIM_CUT] = {1, 1, 2},
    [SIM_APPEND] = {1, 10, 35},
    [SIM_COMPACT] = {1, 4, 20},
    [SIM_EXPIRE] = {1, 5, 20},
    [SIM_PROPERTY] = {1, 4, 10},
    [SIM_ROLL_BACK] = {1, 2, 6},
    [SIM_RECREATE] = {1, 1, 2},
    [SIM_DAMAGE] = {1, 2, 5},
};

const char *sim_kind_name(sim_kind kind) { return kind_names[kind]; }

static int64_t pick(uint64_t seed, uint64_t question, int64_t min, int64_t max) {
  return min + (int64_t)(sim_hash(seed, 2000 + question, 0) % (uint64_t)(max - min + 1));
}

void sim_scenario_of_seed(uint64_t seed, sim_scenario *out) {
  *out = (sim_scenario){.seed = seed};
  int64_t *fields = out->fields;
  int64_t company = pick(seed, 0, 0, 9);
  fields[SIM_PROCESSES] = company < 5 ? 1 : company < 9 ? 2 : 3;
  fields[SIM_GROUP] = fields[SIM_PROCESSES] > 1 && pick(seed, 1, 0, 1) == 1;
  fields[SIM_ATOMIC] = pick(seed, 2, 0, 4) < 2 ? pick(seed, 3, 1, 2) : 0;
  fields[SIM_PARTITIONS] = pick(seed, 4, 1, 3);
  fields[SIM_RECORDS] = pick(seed, 5, 6, 60);
  fields[SIM_ROUTED] = pick(seed, 6, 0, 4) == 0;
  fields[SIM_PARTITIONED] = pick(seed, 7, 0, 4) == 0;
  fields[SIM_SPAN_MS] = pick(seed, 8, 1000, 12000);
  fields[SIM_INTERVAL_MS] = pick(seed, 9, 100, 2000);
  fields[SIM_LATENCY_US] = pick(seed, 10, 0, 2) == 0 ? pick(seed, 11, 50000, 400000) : pick(seed, 11, 100, 20000);
  fields[SIM_PLAN_COUNT] = pick(seed, 12, 0, 1) == 0 ? 1 : pick(seed, 13, 2, SIM_PLANS);
  fields[SIM_START_LATEST] = pick(seed, 14, 0, 19) == 0;
  fields[SIM_ON_ROLLBACK] = pick(seed, 15, 0, 5) / 2;
  fields[SIM_SPILL] = pick(seed, 16, 0, 9) == 0;
  fields[SIM_SKEW_MS] = pick(seed, 17, 0, 4) == 0 ? pick(seed, 18, 1, 100000) : 0;
  fields[SIM_DISK] = pick(seed, 20, 0, 2) == 0;
  fields[SIM_LEAD] = pick(seed, 21, 0, 7) == 0;
  fields[SIM_HIDDEN] = pick(seed, 22, 0, 5) == 0;
  // Now and then everything happens thrice as often.
  int64_t factor = pick(seed, 19, 0, 19) == 0 ? 3 : 1;
  for (uint32_t kind = 0; kind < SIM_KIND_COUNT; kind++) {
    const trouble *t = &troubles[kind];
    if (pick(seed, 100 + kind, 0, 99) < t->percent) {
      out->rates[kind] = pick(seed, 200 + kind, t->rate_min, t->rate_max) * factor;
    }
  }
}

static size_t put(char *out, size_t size, size_t at, const char *format, ...) ICE_PRINTF(4, 5);

static size_t put(char *out, size_t size, size_t at, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  int written = vsnprintf(out + at, size - at, format, arguments);
  va_end(arguments);
  return written < 0 ? at : at + (size_t)written < size ? at + (size_t)written : size - 1;
}

// Everything that is not 0: a line that means the same when seeds choose otherwise.
void sim_scenario_format(const sim_scenario *scenario, char *out, size_t size) {
  size_t at = put(out, size, 0, "exactly seed=%llu", (unsigned long long)scenario->seed);
  for (uint32_t i = 0; i < SIM_FIELD_COUNT; i++) {
    if (scenario->fields[i] != 0) {
      at = put(out, size, at, " %s=%lld", field_names[i], (long long)scenario->fields[i]);
    }
  }
  for (uint32_t i = 0; i < SIM_KIND_COUNT; i++) {
    if (scenario->rates[i] != 0) {
      at = put(out, size, at, " %s=%lld", kind_names[i], (long long)scenario->rates[i]);
    }
  }
  for (uint32_t i = 0; i < scenario->drop_count; i++) {
    at = put(out, size, at, "%s%s:%u", i == 0 ? " drop=" : ",", kind_names[scenario->drops[i].kind],
             scenario->drops[i].number);
  }
}

static int64_t find_name(const char *const *names, uint32_t count, const char *name, size_t size) {
  for (uint32_t i = 0; i < count; i++) {
    if (strlen(names[i]) == size && memcmp(names[i], name, size) == 0) {
      return i;
    }
  }
  return -1;
}

// "crash:12,hold:3"
static bool parse_drops(const char *text, size_t size, sim_scenario *out) {
  const char *end = text + size;
  while (text < end) {
    const char *colon = memchr(text, ':', (size_t)(end - text));
    int64_t kind = colon ? find_name(kind_names, SIM_KIND_COUNT, text, (size_t)(colon - text)) : -1;
    if (kind < 0 || out->drop_count == SIM_DROPS_MAX) {
      return false;
    }
    char *after;
    out->drops[out->drop_count++] =
        (sim_drop){.kind = (sim_kind)kind, .number = (uint32_t)strtoul(colon + 1, &after, 10)};
    text = *after == ',' ? after + 1 : after;
    if (after > end || (after < end && *after != ',')) {
      return false;
    }
  }
  return true;
}

static bool parse_word(const char *word, size_t size, sim_scenario *out) {
  if (size == 7 && memcmp(word, "exactly", 7) == 0) {
    *out = (sim_scenario){.exactly = true};
    return true;
  }
  const char *equals = memchr(word, '=', size);
  if (!equals) {
    return false;
  }
  size_t name_size = (size_t)(equals - word);
  const char *value = equals + 1;
  if (name_size == 4 && memcmp(word, "drop", 4) == 0) {
    return parse_drops(value, size - name_size - 1, out);
  }
  char *after;
  long long number = strtoll(value, &after, 10);
  int64_t field = find_name(field_names, SIM_FIELD_COUNT, word, name_size);
  int64_t kind = find_name(kind_names, SIM_KIND_COUNT, word, name_size);
  if (after != word + size || number < 0) {
    return false;
  }
  if (name_size == 4 && memcmp(word, "seed", 4) == 0) {
    out->seed = strtoull(value, NULL, 10);
    if (!out->exactly) {
      sim_scenario_of_seed(out->seed, out);
    }
  } else if (field >= 0) {
    out->fields[field] = number;
  } else if (kind >= 0) {
    out->rates[kind] = number;
  } else {
    return false;
  }
  return true;
}

static bool in_range(const sim_scenario *scenario) {
  const int64_t *fields = scenario->fields;
  return fields[SIM_PROCESSES] >= 1 && fields[SIM_PROCESSES] < SIM_SLOTS && fields[SIM_PARTITIONS] >= 1 &&
         fields[SIM_PARTITIONS] < SIM_PARTITIONS_MAX && fields[SIM_RECORDS] <= SIM_OFFSETS_MAX / 2 &&
         fields[SIM_PLAN_COUNT] >= 1 && fields[SIM_PLAN_COUNT] <= SIM_PLANS && fields[SIM_SPAN_MS] >= 1 &&
         fields[SIM_INTERVAL_MS] >= 1 && fields[SIM_LEAD] <= 1;
}

bool sim_scenario_change(const char *text, sim_scenario *out) {
  while (*text != '\0') {
    size_t size = strcspn(text, " ");
    if (size > 0 && !parse_word(text, size, out)) {
      fprintf(stderr, "icesink_sim: a scenario has no \"%.*s\"\n", (int)size, text);
      return false;
    }
    text += size + (text[size] == ' ');
  }
  if (!in_range(out)) {
    fprintf(stderr, "icesink_sim: a number of the scenario is out of range\n");
    return false;
  }
  return true;
}

bool sim_scenario_parse(const char *text, sim_scenario *out) {
  sim_scenario_of_seed(0, out);
  return sim_scenario_change(text, out);
}
