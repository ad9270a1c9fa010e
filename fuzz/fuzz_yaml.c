// A configuration file: the tree, and the pipeline that it may describe.
#include "config/yaml.h"
#include "fuzz_replay.h"
#include "pipeline/pipeline_config.h"

enum { TREE_BYTES_MAX = 64 << 20, INPUT_MAX = 1 << 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  ice_arena arena;
  ice_yaml *tree = NULL;
  ice_pipeline_spec spec = {0};
  ice_error err;
  ice_arena_init(&arena, TREE_BYTES_MAX);
  if (size <= INPUT_MAX &&
      ice_yaml_parse(ice_str_make((const char *)data, size), ICE_STR("f"), &arena, &tree, &err) == ICE_OK) {
    // Whether it is a pipeline or says why not, nothing may be left over.
    (void)!ice_pipeline_spec_read(tree, ICE_STR("f"), &spec, &err);
  }
  ice_pipeline_spec_deinit(&spec);
  ice_arena_deinit(&arena);
  return 0;
}
