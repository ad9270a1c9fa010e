#include "parquet/parquet_scratch.h"

#include <stdlib.h>

#define BUFFER(name) offsetof(ice_parquet_scratch, name)

static const size_t buffers[] = {BUFFER(page),
                                 BUFFER(compressed),
                                 BUFFER(header),
                                 BUFFER(values),
                                 BUFFER(seen),
                                 BUFFER(indices[0]),
                                 BUFFER(indices[1]),
                                 BUFFER(definition_levels[0]),
                                 BUFFER(definition_levels[1]),
                                 BUFFER(repetition_levels[0]),
                                 BUFFER(repetition_levels[1]),
                                 BUFFER(leaf_indices),
                                 BUFFER(leaf_levels),
                                 BUFFER(validity)};

static ice_bytes *buffer_at(ice_parquet_scratch *scratch, size_t index) {
  return (ice_bytes *)(void *)((char *)scratch + buffers[index]);
}

ice_status ice_parquet_scratch_create(ice_parquet_scratch **out, ice_error *err) {
  *out = NULL;
  ice_status status = ICE_OK;
  ice_parquet_scratch *scratch = calloc(1, sizeof *scratch);
  if (!scratch) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for the scratch of Parquet writers");
  }
  for (size_t i = 0; i < ICE_COUNT_OF(buffers); i++) {
    // Compression may need more room than its input takes.
    ice_bytes_init(buffer_at(scratch, i), (size_t)UINT32_MAX * 4);
  }
  ICE_TRY(ice_compressor_create(&scratch->compressor, err));
  *out = scratch;
  scratch = NULL;
done:
  ice_parquet_scratch_destroy(scratch);
  return status;
}

void ice_parquet_scratch_destroy(ice_parquet_scratch *scratch) {
  if (!scratch) {
    return;
  }
  for (size_t i = 0; i < ICE_COUNT_OF(buffers); i++) {
    ice_bytes_deinit(buffer_at(scratch, i));
  }
  ice_parquet_layout_unref(scratch->layout);
  ice_compressor_destroy(scratch->compressor);
  free(scratch);
}

size_t ice_parquet_scratch_memory(const ice_parquet_scratch *scratch) {
  size_t memory = sizeof *scratch;
  for (size_t i = 0; i < ICE_COUNT_OF(buffers); i++) {
    const ice_bytes *buffer = (const ice_bytes *)(const void *)((const char *)scratch + buffers[i]);
    memory += buffer->capacity;
  }
  return memory;
}

ice_status ice_parquet_scratch_layout(ice_parquet_scratch *scratch, const ice_schema *schema,
                                      ice_parquet_layout **out, ice_error *err) {
  *out = NULL;
  if (!scratch->layout || scratch->layout->schema != schema) {
    ice_parquet_layout *layout = NULL;
    ice_status status = ice_parquet_layout_create(schema, &layout, err);
    if (status != ICE_OK) {
      return status;
    }
    ice_parquet_layout_unref(scratch->layout);
    scratch->layout = layout;
  }
  *out = ice_parquet_layout_ref(scratch->layout);
  return ICE_OK;
}
