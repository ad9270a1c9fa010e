// An Avro schema is text from a registry: parse it, and compile a decoder of everything in it.
#include "avro/avro_decoder.h"
#include "fuzz_replay.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  ice_avro_schema *schema = NULL;
  ice_avro_decoder *decoder = NULL;
  ice_error err;
  if (ice_avro_schema_parse(ice_str_make((const char *)data, size), &schema, &err) == ICE_OK) {
    if (ice_avro_decoder_create(schema, schema, NULL, &decoder, &err) == ICE_OK) {
      // An empty datum fills in nothing, or is cut off.
      ice_batch batch;
      size_t consumed;
      if (ice_batch_init(&batch, ice_avro_decoder_schema(decoder), &err) == ICE_OK) {
        if (ice_avro_decode(decoder, NULL, 0, &batch, &consumed, &err) != ICE_OK) {
          ice_batch_truncate(&batch, 0);
        }
        ice_batch_deinit(&batch);
      }
    }
  }
  ice_avro_decoder_destroy(decoder);
  ice_avro_schema_destroy(schema);
  return 0;
}
