// A run: the world is made, things go wrong for a while, then they calm down, and the oracle looks.
#include "sim.h"

#include "store/store_local.h"
#include "store/store_memory.h"
#include <stdio.h>
#include <stdlib.h>

enum {
  RESTART_MIN_US = 20000,
  RESTART_MAX_US = 1500000,
  PRODUCE_EVENTS_MAX = 24,
  DRAINS_MAX = 6,
  CALM_SLOT = SIM_SLOTS - 1
};

void sim_fail(sim *world, const char *format, ...) {
  va_list arguments;
  if (world->failure[0] != '\0') {
    return;
  }
  va_start(arguments, format);
  vsnprintf(world->failure, sizeof world->failure, format, arguments);
  va_end(arguments);
  sim_trace(world, "FAILURE: %s", world->failure);
}

void sim_trace(sim *world, const char *format, ...) {
  va_list arguments;
  if (!world->verbose) {
    return;
  }
  printf("%11.6f ", (double)world->now_us / 1e6);
  if (world->running) {
    printf("[%u] ", world->running->number);
  }
  va_start(arguments, format);
  vprintf(format, arguments);
  va_end(arguments);
  putchar('\n');
}

// Events ----------------------------------------------------------------------------------------------------------------

static void produce(sim *world, uint32_t draw, int64_t count) {
  sim_log *log = &world->log[draw % world->partition_count];
  log->end += count;
  log->end = log->end < SIM_OFFSETS_MAX ? log->end : SIM_OFFSETS_MAX;
}

static int32_t free_slot(const sim *world) {
  for (int32_t i = 0; i < CALM_SLOT; i++) {
    if (!world->processes[i].alive) {
      return i;
    }
  }
  return -1;
}

static sim_process *living(sim *world) {
  uint32_t first = (uint32_t)sim_draw(world, CALM_SLOT);
  for (uint32_t i = 0; i < CALM_SLOT; i++) {
    sim_process *process = &world->processes[(first + i) % CALM_SLOT];
    if (process->alive && !process->dead) {
      return process;
    }
  }
  return NULL;
}

static void start_in(sim *world, uint32_t slot) {
  if (!world->processes[slot].alive) {
    sim_start(world, slot, false);
    sim_group_divide(world);
  }
}

// What is removed may have been read already, or not: then a policy has to stop the sink.
static void retain(sim *world) {
  sim_log *log = &world->log[sim_draw(world, world->partition_count)];
  int64_t start = log->start + sim_draw(world, log->end - log->start + 1) / 2;
  world->retained = world->retained || start > log->start;
  log->start = start;
}

static void cut(sim *world) {
  sim_log *log = &world->log[sim_draw(world, world->partition_count)];
  int64_t end = log->start + sim_draw(world, log->end - log->start + 1);
  world->cut = world->cut || end < log->end;
  log->end = end;
}

static void lose_power(sim *world) {
  for (uint32_t i = 0; i < SIM_SLOTS; i++) {
    sim_kill(&world->processes[i]);
  }
  sim_disk_lose_power(world);
}

static void run_trouble(sim *world, const sim_event *event) {
  if (world->quiet || !sim_planned(world, event->trouble, event->number)) {
    return;
  }
  sim_process *process = living(world);
  int32_t slot = free_slot(world);
  switch ((int)event->trouble) {
    case SIM_KILL:
      if (process) {
        sim_kill(process);
      }
      break;
    case SIM_STOP:
      if (process) {
        process->stop = true;
      }
      break;
    case SIM_SUCCESSOR:
      if (slot >= 0) {
        start_in(world, (uint32_t)slot);
      }
      break;
    case SIM_REBALANCE: sim_group_divide(world); break;
    case SIM_NEW_PARTITION:
      if (world->partition_count < SIM_PARTITIONS_MAX) {
        world->partition_count++;
      }
      break;
    case SIM_POWER: lose_power(world); break;
    case SIM_RETENTION: retain(world); break;
    case SIM_CUT: cut(world); break;
    default: sim_foreign(world, event->trouble); break;
  }
}

void sim_event_run(sim *world, const sim_event *event) {
  ice_error err = {0};
  switch (event->kind) {
    case SIM_EVENT_PRODUCE: produce(world, event->number, event->count); break;
    case SIM_EVENT_TROUBLE: run_trouble(world, event); break;
    case SIM_EVENT_RELEASE: {
      int64_t held = (int64_t)ice_catalog_memory_held(world->catalog);
      ice_status status = ice_catalog_memory_release_at(world->catalog, (size_t)sim_draw(world, held), &err);
      sim_trace(world, "a held commit arrives: %s", ice_status_name(status));
      sim_check_commit(world);
      break;
    }
    case SIM_EVENT_CREATE: sim_create_again(world, event->slot); break;
    case SIM_EVENT_REPAIR: sim_repair(world, event->slot); break;
    case SIM_EVENT_SPAN: break;
    case SIM_EVENT_START:
      if (!world->quiet) {
        start_in(world, event->slot);
      }
      break;
  }
}

// Whether something has happened after which a policy may stop the sink. What a cache still gives may look like that.
static bool has_reason(const sim *world) {
  return world->torn || world->rolled_back || world->recreated || world->lead_recreated || world->retained ||
         world->cut || world->scenario->rates[SIM_STALE] > 0;
}

// A supervisor starts again what ended, unless a policy ended it.
void sim_process_ended(sim *world, sim_process *process) {
  sim_trace(world, "process %u ended: %s %s", process->number, ice_status_name(process->status),
            process->error.message);
  world->digest = sim_hash(world->digest, process->number, (uint64_t)process->status);
  if (process->open_files != 0) {
    sim_fail(world, "process %u left %d files open", process->number, process->open_files);
  }
  if (process->dead) {
    process->status = ICE_OK;
  }
  bool policy = process->status != ICE_OK && (process->error.flags & ICE_ERROR_POLICY) != 0;
  if (policy && world->stopped[0] == '\0') {
    snprintf(world->stopped, sizeof world->stopped, "%s", process->error.message);
    if (!has_reason(world)) {
      sim_fail(world, "a policy stopped the sink for no reason: %s", process->error.message);
    }
  }
  if (process->status == ICE_INTERNAL) {
    sim_fail(world, "process %u ended with an internal error: %s", process->number, process->error.message);
  }
  if (!world->quiet && !process->calm) {
    sim_group_divide(world);
    const sim_event start = {.at_us = world->now_us + RESTART_MIN_US + sim_draw(world, RESTART_MAX_US),
                             .kind = SIM_EVENT_START,
                             .slot = process->slot};
    sim_add_event(world, &start);
  }
}

// Making the world ------------------------------------------------------------------------------------------------------

static ice_memory_fate decide_fate(void *context, const ice_table_commit *commits, size_t count, int64_t number) {
  const sim *world = context;
  (void)commits;
  (void)count;
  (void)number;
  return world->fate;
}

static void after_commit(void *context, const ice_table_commit *commits, size_t count, int64_t number,
                         ice_status status) {
  sim *world = context;
  (void)number;
  // What arrived twice is answered as the second time, and may have been applied the first.
  if (status == ICE_CONFLICT && world->fate != ICE_MEMORY_REPEAT) {
    return;
  }
  for (size_t i = 0; i < count; i++) {
    if (ice_str_equal(commits[i].ident.name, world->tables[world->lead].name)) {
      sim_check_commit(world);
      return;
    }
  }
}

static void plan_events(sim *world) {
  const sim_scenario *scenario = world->scenario;
  int64_t span_us = scenario->fields[SIM_SPAN_MS] * 1000;
  int64_t left = scenario->fields[SIM_RECORDS];
  const sim_event end = {.at_us = span_us, .kind = SIM_EVENT_SPAN};
  sim_add_event(world, &end);
  for (uint32_t i = 0; left > 0; i++) {
    uint64_t h = sim_hash(scenario->seed, 6000, i);
    int64_t count = i == PRODUCE_EVENTS_MAX - 1 ? left : 1 + (int64_t)(h % 8);
    count = count < left ? count : left;
    left -= count;
    const sim_event event = {.at_us = (int64_t)(sim_hash(h, 0, 0) % (uint64_t)span_us),
                             .kind = SIM_EVENT_PRODUCE,
                             .number = (uint32_t)(h >> 32),
                             .count = count};
    sim_add_event(world, &event);
  }
  for (uint32_t kind = SIM_POWER; kind < SIM_KIND_COUNT; kind++) {
    for (uint32_t i = 0; i < scenario->rates[kind]; i++) {
      const sim_event event = {.at_us = (int64_t)(sim_hash(scenario->seed, 7000 + kind, i) % (uint64_t)span_us),
                               .kind = SIM_EVENT_TROUBLE,
                               .trouble = (sim_kind)kind,
                               .number = i};
      sim_add_event(world, &event);
    }
  }
}

static bool make_world(sim *world) {
  static const ice_table_ident tables[] = {{ICE_STR_INIT("db"), ICE_STR_INIT("data")},
                                           {ICE_STR_INIT("db"), ICE_STR_INIT("errors")},
                                           {ICE_STR_INIT("db"), ICE_STR_INIT("routed")}};
  const sim_scenario *scenario = world->scenario;
  ice_store *store = NULL;
  ice_error err = {0};
  sim_world_port_init(world);
  world->partition_count = (uint32_t)scenario->fields[SIM_PARTITIONS];
  world->table_count = scenario->fields[SIM_ROUTED] ? 3 : 2;
  memcpy(world->tables, tables, sizeof tables);
  world->lead = (uint32_t)scenario->fields[SIM_LEAD];
  for (uint32_t i = 0; i < SIM_PARTITIONS_MAX; i++) {
    world->owners[i] = -1;
  }
  bool local = scenario->fields[SIM_DISK] != 0;
  ice_str root = ICE_STR("file:///w");
  const ice_catalog_memory_options options = {.atomic = scenario->fields[SIM_ATOMIC] != 0,
                                              .warehouse = local ? root : ICE_STR("memory://w")};
  const ice_memory_hook hook = {.context = world, .before = decide_fate, .after = after_commit};
  world->disk = sim_disk_create();
  ice_status status =
      local ? ice_store_local_open(&world->port, &root, 1, &store, &err) : ice_store_memory_open(&store, &err);
  if (!world->disk || status != ICE_OK ||
      ice_catalog_memory_open(&world->port, &options, store, &world->catalog, &err) != ICE_OK ||
      ice_catalog_create_namespace(world->catalog, ICE_STR("db"), &err) != ICE_OK) {
    sim_fail(world, "the world cannot be made: %s", err.message);
    return false;
  }
  if (!sim_tables_create(world)) {
    return false;
  }
  ice_catalog_memory_set_hook(world->catalog, &hook);
  plan_events(world);
  for (uint32_t i = 0; i < scenario->fields[SIM_PROCESSES]; i++) {
    const sim_event start = {.at_us = sim_draw(world, 200000) * i, .kind = SIM_EVENT_START, .slot = i};
    sim_add_event(world, &start);
  }
  return true;
}

// Running ---------------------------------------------------------------------------------------------------------------

static bool span_over(const sim *world) {
  return world->stopped[0] != '\0' || world->now_us >= world->scenario->fields[SIM_SPAN_MS] * 1000;
}

static bool calm_ended(const sim *world) { return !world->processes[CALM_SLOT].alive; }

static bool never(const sim *world) {
  (void)world;
  return false;
}

// One process that nothing happens to reads to the end; a supervisor would start it again where it gives up.
static void drain(sim *world) {
  ice_error last = {0};
  for (int i = 0; i < DRAINS_MAX && world->failure[0] == '\0' && world->stopped[0] == '\0'; i++) {
    const sim_process *process = sim_start(world, CALM_SLOT, true);
    sim_schedule(world, calm_ended);
    if (process->status == ICE_OK) {
      return;
    }
    last = process->error;
  }
  if (world->stopped[0] == '\0') {
    sim_fail(world, "stuck: nothing goes wrong, and the sink does not come to the end: %s", last.message);
  }
}

// Those that still run are killed, or asked to stop; sleepers sleep on, and wake after the work is done.
static void calm_down(sim *world) {
  sim_trace(world, "things calm down");
  for (uint32_t i = 0; i < world->table_count; i++) {
    sim_create_again(world, i);
    sim_repair(world, i);
  }
  world->quiet = true;
  for (uint32_t i = 0; i < CALM_SLOT; i++) {
    sim_process *process = &world->processes[i];
    if (!process->alive) {
      continue;
    }
    process->stop = true;
    if (sim_draw(world, 2) == 0) {
      sim_kill(process);
    }
  }
}

static void kill_all(sim *world) {
  bool failed = world->failure[0] != '\0';
  char failure[sizeof world->failure];
  memcpy(failure, world->failure, sizeof failure);
  for (uint32_t i = 0; i < SIM_SLOTS; i++) {
    sim_kill(&world->processes[i]);
  }
  world->event_count = 0;
  world->quiet = true;
  // Their stacks hold memory: they run to their ends, in vain.
  world->failure[0] = '\0';
  sim_schedule(world, never);
  if (failed) {
    memcpy(world->failure, failure, sizeof failure);
  }
}

bool sim_run(sim *world, const sim_scenario *scenario, bool verbose) {
  *world = (sim){.scenario = scenario, .verbose = verbose};
  sim_memory_watch(world);
  if (make_world(world)) {
    sim_schedule(world, span_over);
    calm_down(world);
    drain(world);
    // Sleepers wake, held commits arrive; then the log is read to its end once more.
    if (world->failure[0] == '\0' && world->stopped[0] == '\0') {
      sim_schedule(world, never);
      drain(world);
    }
  }
  kill_all(world);
  if (world->failure[0] == '\0') {
    sim_check_tables(world);
  }
  sim_memory_watch(NULL);
  for (uint32_t i = 0; i < SIM_TABLES; i++) {
    json_decref(world->newest[i]);
    json_decref(world->previous[i]);
    free(world->damage_key[i]);
    free(world->damage_before[i]);
    free(world->damage_after[i]);
  }
  ice_catalog_destroy(world->catalog);
  world->catalog = NULL;
  sim_disk_destroy(world->disk);
  world->disk = NULL;
  return world->failure[0] == '\0';
}
