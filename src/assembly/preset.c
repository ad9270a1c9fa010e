#include "assembly/preset.h"

#include "pipeline/pipeline_config.h"

enum { TREE_BYTES_MAX = 16 << 20 };

ice_status ice_preset_find(ice_str name, ice_str *out, ice_error *err) {
  for (const ice_preset *preset = ice_presets; preset->name; preset++) {
    if (ice_str_equal_c(name, preset->name)) {
      *out = ice_str_make(preset->text, preset->size);
      return ICE_OK;
    }
  }
  return ice_error_set(err, ICE_NOT_FOUND, "there is no preset \"%.*s\"", ICE_STR_ARG(name));
}

static ice_status read_preset_spec(ice_str name, ice_pipeline_spec *out, ice_error *err) {
  ice_arena arena;
  ice_str text;
  ice_yaml *tree;
  ice_arena_init(&arena, TREE_BYTES_MAX);
  ice_status status = ICE_OK;
  ICE_TRY(ice_preset_find(name, &text, err));
  ICE_TRY(ice_yaml_parse(text, name, &arena, &tree, err));
  ICE_TRY(ice_pipeline_spec_read(tree, name, out, err));
done:
  ice_arena_deinit(&arena);
  return status;
}

ice_status ice_read_pipeline(const ice_settings *settings, ice_pipeline_spec *out, ice_error *err) {
  *out = (ice_pipeline_spec){0};
  const ice_yaml *tree = ice_settings_get(settings, ICE_OPTION_ID_PIPELINE)->tree;
  ice_str preset = ice_settings_text(settings, ICE_OPTION_ID_PRESET);
  if (tree && ice_yaml_get(tree, "preset")) {
    if (tree->count != 1) {
      return ice_error_set(err, ICE_INVALID_ARGUMENT,
                           "%.*s:%u: preset stands alone; `icesink config show NAME` prints one to copy and change",
                           ICE_STR_ARG(settings->file), tree->line);
    }
    preset = ice_yaml_get(tree, "preset")->text;
  } else if (tree) {
    return ice_pipeline_spec_read(tree, settings->file, out, err);
  }
  return preset.size > 0
             ? read_preset_spec(preset, out, err)
             : ice_error_set(err, ICE_INVALID_ARGUMENT, "pipeline is not set; try pipeline: {preset: health}");
}
