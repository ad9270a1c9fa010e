// The health preset fed with whatever comes over the wire: every record must be accounted for.
#include "fuzz_replay.h"
#include "health_pipeline.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static health_pipeline p;
  static bool opened;
  if (!opened) {
    if (health_open(&p, NULL, NULL, 1, NULL, NULL) != ICE_OK) {
      abort();
    }
    opened = true;
  }
  if (size > (1 << 16)) {
    return 0;
  }
  // As it came, and behind a right header, so that the datum is reached.
  static const uint8_t head[] = {0, 0, 0, 0, 1};
  ice_bytes framed;
  ice_error err = {0};
  ice_bytes_init(&framed, (1 << 16) + sizeof head);
  if (ice_bytes_append(&framed, head, sizeof head, NULL) != ICE_OK ||
      ice_bytes_append(&framed, data, size, NULL) != ICE_OK) {
    abort();
  }
  health_add(&p, framed.data + sizeof head, size);
  health_add(&p, framed.data, framed.size);
  ice_bytes_deinit(&framed);
  ice_status status = health_run(&p, &err);
  const ice_pipeline_counts *c = &p.output.counts;
  if (status != ICE_OK || c->records != 2 || c->elements < 2 ||
      c->elements != c->rows + c->dead_letters + c->filtered || c->rows != p.output.tables[0].row_count ||
      c->dead_letters != p.output.dead_letters.row_count) {
    abort();
  }
  return 0;
}
