#include "json/json_decoder.h"

// More than one message and a block of others may note; see ICE_JSON_EXTRAS_MAX.
enum { NOTES_BYTES_MAX = 1 << 30 };

void ice_json_notes_init(ice_json_notes *notes) {
  ice_bytes_init(&notes->faults, NOTES_BYTES_MAX);
  ice_bytes_init(&notes->arrays, NOTES_BYTES_MAX);
  ice_bytes_init(&notes->elements, NOTES_BYTES_MAX);
}

void ice_json_notes_deinit(ice_json_notes *notes) {
  ice_bytes_deinit(&notes->faults);
  ice_bytes_deinit(&notes->arrays);
  ice_bytes_deinit(&notes->elements);
}

void ice_json_notes_clear(ice_json_notes *notes) {
  ice_bytes_clear(&notes->faults);
  ice_bytes_clear(&notes->arrays);
  ice_bytes_clear(&notes->elements);
}

size_t ice_json_notes_memory(const ice_json_notes *notes) {
  return notes->faults.capacity + notes->arrays.capacity + notes->elements.capacity;
}

// The buffer holds nothing else, and malloc aligns it for every type.
const ice_json_fault *ice_json_fault_at(const ice_json_notes *notes, size_t index) {
  return (const ice_json_fault *)(const void *)notes->faults.data + index;
}

ice_json_span ice_json_span_at(const ice_bytes *spans, size_t index) {
  ice_json_span span;
  memcpy(&span, spans->data + index * sizeof span, sizeof span);
  return span;
}
