// The ledger: what is at each offset of the log, and what a configuration makes of it. Everything follows from the seed, so
// nothing has to be kept.
#include "sim.h"

#include "avro/avro_encode.h"
#include <stdio.h>

enum { GAP_PERCENT = 8, TOMBSTONE_PERCENT = 3, POISON_PERCENT = 6, EMPTY_PERCENT = 6 };

static const double value_good = 10;
static const double value_strict = 70;  // bad where the rule is strict
static const double value_bad = 200;

sim_record sim_record_at(const sim *world, uint32_t partition, int64_t offset) {
  sim_record record = {0};
  uint64_t h = sim_hash(world->scenario->seed, 3000 + partition, (uint64_t)offset);
  uint64_t what = h % 100;
  h /= 100;
  record.gap = what < GAP_PERCENT;
  record.tombstone = !record.gap && what < GAP_PERCENT + TOMBSTONE_PERCENT;
  record.poisoned = !record.gap && !record.tombstone && what < GAP_PERCENT + TOMBSTONE_PERCENT + POISON_PERCENT;
  if (what < GAP_PERCENT + TOMBSTONE_PERCENT + POISON_PERCENT + EMPTY_PERCENT) {
    return record;
  }
  record.element_count = (uint32_t)(h % 8 < 5 ? 1 : h % 8 < 7 ? 2 : 3);
  h /= 8;
  for (uint32_t i = 0; i < record.element_count; i++) {
    static const char kinds[] = "aaaabbn";
    record.elements[i].kind = kinds[h % 7];
    h /= 7;
    record.elements[i].value = h % 5 < 3 ? value_good : h % 5 == 3 ? value_strict : value_bad;
    h /= 5;
  }
  return record;
}

int64_t sim_element_id(uint32_t partition, int64_t offset, uint32_t element) {
  return ((int64_t)partition * 100000 + offset) * 10 + element;
}

ice_status sim_record_encode(const sim_record *record, uint32_t partition, int64_t offset, ice_bytes *out,
                             ice_error *err) {
  ice_status status = ICE_OK;
  if (record->poisoned) {
    // A varint that never ends.
    return ice_bytes_append(out, "\xff\xff\xff", 3, err);
  }
  if (record->element_count > 0) {
    ICE_TRY(ice_avro_put_long(out, record->element_count, err));
  }
  for (uint32_t i = 0; i < record->element_count; i++) {
    const sim_element *element = &record->elements[i];
    ice_str kind = element->kind == 'n' ? ICE_STR("noise") : ice_str_make(&element->kind, 1);
    ICE_TRY(ice_avro_put_long(out, sim_element_id(partition, offset, i), err));
    ICE_TRY(ice_avro_put_bytes(out, kind, err));
    ICE_TRY(ice_avro_put_double(out, element->value, err));
  }
  ICE_TRY(ice_avro_put_long(out, 0, err));
done:
  return status;
}

sim_plan sim_plan_of(uint32_t plan) {
  return (sim_plan){.strict = (plan & 1) != 0, .filter = (plan & 2) == 0, .route = (plan & 4) != 0};
}

sim_verdict sim_verdict_of(const sim_element *element, uint32_t plan) {
  sim_plan p = sim_plan_of(plan);
  if (p.filter && element->kind == 'n') {
    return SIM_FILTERED;
  }
  if (element->value > (p.strict ? 50 : 100)) {
    return SIM_DEAD_LETTER;
  }
  return p.route && element->kind == 'b' ? SIM_ROUTED_ROW : SIM_ROW;
}
