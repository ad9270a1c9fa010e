// Chance without a generator that everybody shares: each question is hashed with the seed and its own number, so that
// leaving one out changes none of the others of its kind.
#include "sim.h"

#include <stdio.h>

enum { RATE_WHOLE = 100000 };

static uint64_t mix(uint64_t x) {
  // splitmix64.
  x += UINT64_C(0x9e3779b97f4a7c15);
  x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
  return x ^ (x >> 31);
}

uint64_t sim_hash(uint64_t seed, uint64_t kind, uint64_t number) { return mix(mix(mix(seed) + kind) + number); }

static bool is_dropped(const sim_scenario *scenario, sim_kind kind, uint32_t number) {
  for (uint32_t i = 0; i < scenario->drop_count; i++) {
    if (scenario->drops[i].kind == kind && scenario->drops[i].number == number) {
      return true;
    }
  }
  return false;
}

static void note_fired(sim *world, sim_kind kind, uint32_t number) {
  if (world->fired_count < SIM_FIRED_MAX) {
    world->fired[world->fired_count++] = (sim_drop){.kind = kind, .number = number};
  }
  sim_trace(world, "! %s:%u", sim_kind_name(kind), number);
}

bool sim_planned(sim *world, sim_kind kind, uint32_t number) {
  if (is_dropped(world->scenario, kind, number)) {
    return false;
  }
  note_fired(world, kind, number);
  return true;
}

bool sim_happens(sim *world, sim_kind kind) {
  uint32_t number = world->opportunities[kind]++;
  if (world->quiet || (world->running && world->running->calm)) {
    return false;
  }
  uint64_t roll = sim_hash(world->scenario->seed, (uint64_t)kind, number) % RATE_WHOLE;
  return (int64_t)roll < world->scenario->rates[kind] && sim_planned(world, kind, number);
}

int64_t sim_draw(sim *world, int64_t bound) {
  return bound <= 1 ? 0 : (int64_t)(sim_hash(world->scenario->seed, 1000, world->draws++) % (uint64_t)bound);
}
