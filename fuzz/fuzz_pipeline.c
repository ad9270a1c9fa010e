// The health preset fed with whatever comes over the wire: every record must be accounted for.
#include "fuzz_replay.h"
#include "health_pipeline.h"

enum { INPUT_MAX = 1 << 16 };

static health_pipeline *open_once(ice_payload_format format) {
  static health_pipeline pipelines[ICE_PAYLOAD_JSON + 1];
  health_pipeline *p = &pipelines[format];
  if (!p->pipeline && health_open_as(p, format, NULL, NULL, 1, NULL, NULL) != ICE_OK) {
    abort();
  }
  p->registry.language = format == ICE_PAYLOAD_REGISTRY_JSON ? ICE_SCHEMA_JSON : ICE_SCHEMA_AVRO;
  return p;
}

static void run(health_pipeline *p, int64_t records) {
  ice_error err = {0};
  ice_status status = health_run(p, &err);
  const ice_pipeline_counts *c = &p->output.counts;
  if (status != ICE_OK || c->records != records || c->elements < records ||
      c->elements != c->rows + c->dead_letters + c->filtered || c->rows != p->output.tables[0].row_count ||
      c->dead_letters != p->output.dead_letters.row_count) {
    abort();
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size > INPUT_MAX) {
    return 0;
  }
  // As it came, and behind a right header, so that the datum is reached.
  static const uint8_t head[] = {0, 0, 0, 0, 1};
  ice_bytes framed;
  ice_bytes_init(&framed, INPUT_MAX + sizeof head);
  if (ice_bytes_append(&framed, head, sizeof head, NULL) != ICE_OK ||
      ice_bytes_append(&framed, data, size, NULL) != ICE_OK) {
    abort();
  }
  static const ice_payload_format formats[] = {ICE_PAYLOAD_REGISTRY_AVRO, ICE_PAYLOAD_REGISTRY_JSON,
                                               ICE_PAYLOAD_JSON};
  for (size_t i = 0; i < ICE_COUNT_OF(formats); i++) {
    health_pipeline *p = open_once(formats[i]);
    health_add(p, framed.data + sizeof head, size);
    health_add(p, framed.data, framed.size);
    run(p, 2);
  }
  ice_bytes_deinit(&framed);
  return 0;
}
