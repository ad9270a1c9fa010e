// Makes a failing scenario smaller: whole kinds of trouble first, then single occurrences, then the numbers.
#include "sim.h"

typedef struct search {
  sim *world;
  sim_scenario *best;
  uint32_t runs_left;
  char failure[sizeof((sim *)0)->failure];
} search;

// Keeps the candidate where it still fails.
static bool try_scenario(search *self, const sim_scenario *candidate) {
  static sim_scenario tried;
  if (self->runs_left == 0) {
    return false;
  }
  self->runs_left--;
  tried = *candidate;
  if (sim_run(self->world, &tried, false)) {
    return false;
  }
  *self->best = tried;
  return true;
}

static void drop_kinds(search *self) {
  for (uint32_t kind = 0; kind < SIM_KIND_COUNT; kind++) {
    if (self->best->rates[kind] > 0) {
      sim_scenario candidate = *self->best;
      candidate.rates[kind] = 0;
      (void)try_scenario(self, &candidate);
    }
  }
}

static void lower_fields(search *self) {
  static const struct {
    sim_field field;
    int64_t least;
  } lowered[] = {{SIM_PROCESSES, 1},   {SIM_GROUP, 0},       {SIM_ATOMIC, 0},     {SIM_PARTITIONS, 1},
                 {SIM_ROUTED, 0},      {SIM_PARTITIONED, 0}, {SIM_PLAN_COUNT, 1}, {SIM_START_LATEST, 0},
                 {SIM_ON_ROLLBACK, 0}, {SIM_SPILL, 0},       {SIM_DISK, 0},       {SIM_SKEW_MS, 0}};
  for (size_t i = 0; i < ICE_COUNT_OF(lowered); i++) {
    if (self->best->fields[lowered[i].field] > lowered[i].least) {
      sim_scenario candidate = *self->best;
      candidate.fields[lowered[i].field] = lowered[i].least;
      (void)try_scenario(self, &candidate);
    }
  }
  static const sim_field halved[] = {SIM_RECORDS, SIM_SPAN_MS};
  for (size_t i = 0; i < ICE_COUNT_OF(halved); i++) {
    sim_scenario candidate;
    do {
      candidate = *self->best;
      candidate.fields[halved[i]] = candidate.fields[halved[i]] * 2 / 3;
    } while (candidate.fields[halved[i]] > 0 && try_scenario(self, &candidate));
  }
}

// What fired in the best run, one after the other, is left out.
static bool drop_single(search *self) {
  static sim_drop fired[SIM_FIRED_MAX];
  bool dropped = false;
  if (sim_run(self->world, self->best, false)) {
    return false;
  }
  uint32_t count = self->world->fired_count;
  memcpy(fired, self->world->fired, count * sizeof *fired);
  for (uint32_t i = count; i > 0 && self->best->drop_count < SIM_DROPS_MAX; i--) {
    sim_scenario candidate = *self->best;
    candidate.drops[candidate.drop_count++] = fired[i - 1];
    dropped = try_scenario(self, &candidate) || dropped;
  }
  return dropped;
}

// Drops of kinds that are gone altogether say nothing.
static void forget_drops(sim_scenario *scenario) {
  uint32_t kept = 0;
  for (uint32_t i = 0; i < scenario->drop_count; i++) {
    if (scenario->rates[scenario->drops[i].kind] > 0) {
      scenario->drops[kept++] = scenario->drops[i];
    }
  }
  scenario->drop_count = kept;
}

void sim_shrink(sim *world, sim_scenario *scenario, uint32_t runs_max) {
  static sim_scenario best;
  search self = {.world = world, .best = &best, .runs_left = runs_max};
  best = *scenario;
  drop_kinds(&self);
  lower_fields(&self);
  while (self.runs_left > 0 && drop_single(&self)) {
    lower_fields(&self);
    drop_kinds(&self);
  }
  forget_drops(&best);
  *scenario = best;
  // The world is left as the smallest one's run leaves it.
  (void)sim_run(world, scenario, false);
}
